import {
  acceptAll,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  type KeyPackage,
  type PrivateKeyPackage,
  processPrivateMessage,
} from "ts-mls";
import type { Contender } from "./contender.ts";

interface Keys {
  publicPackage: KeyPackage;
  privatePackage: PrivateKeyPackage;
}

/** ts-mls 1.6.4 (npm), suite 0x0001, used as its README says. */
export async function tsMls(): Promise<Contender<ClientState, Keys>> {
  const suite = await getCiphersuiteImpl(
    getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"),
  );

  const createMember = (name: string): Promise<Keys> => {
    const identity = new TextEncoder().encode(name);
    const credential = { credentialType: "basic" as const, identity };
    return generateKeyPackage(credential, capabilities(), defaultLifetime, [], suite);
  };

  const commitWith = (state: ClientState, keyPackages: readonly KeyPackage[]) => {
    const extraProposals = keyPackages.map((keyPackage) => ({
      proposalType: "add" as const,
      add: { keyPackage },
    }));
    return createCommit({ state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
  };

  return {
    name: "ts-mls",
    // It joins a group of 1,000 in eight seconds, and ten times as many take a hundred times as long.
    largestGroup: 1000,
    suite: 1,
    member: async (name) => {
      const keys = await createMember(name);
      const keyPackage = encodeMlsMessage({
        keyPackage: keys.publicPackage,
        wireformat: "mls_key_package",
        version: "mls10",
      });
      return { keyPackage, keys };
    },
    join: async (welcome, keys) => {
      const decoded = read(welcome);
      if (decoded.wireformat !== "mls_welcome") throw new Error("not a welcome");
      return joinGroup(decoded.welcome, keys.publicPackage, keys.privatePackage, emptyPskIndex, suite);
    },
    send: async (group, data) => {
      const { newState, privateMessage } = await createApplicationMessage(group, data, suite);
      const message = encodeMlsMessage({
        privateMessage,
        wireformat: "mls_private_message",
        version: "mls10",
      });
      return { group: newState, message };
    },
    receive: async (group, message) => {
      const decoded = read(message);
      if (decoded.wireformat !== "mls_private_message") throw new Error("not a private message");
      const result = await processPrivateMessage(group, decoded.privateMessage, emptyPskIndex, suite);
      if (result.kind !== "applicationMessage") throw new Error("not an application message");
      return { group: result.newState, data: result.message };
    },
    commit: async (group) => {
      const { newState, commit } = await commitWith(group, []);
      return { group: newState, commit: encodeMlsMessage(commit) };
    },
    process: async (group, commit) => {
      const decoded = read(commit);
      if (decoded.wireformat !== "mls_private_message") throw new Error("not a private message");
      return (await processPrivateMessage(group, decoded.privateMessage, emptyPskIndex, suite, acceptAll))
        .newState;
    },
    found: async (messages) => {
      const keyPackages = messages.map((message) => {
        const decoded = read(message);
        if (decoded.wireformat !== "mls_key_package") throw new Error("not a key package");
        return decoded.keyPackage;
      });
      const { publicPackage, privatePackage } = await createMember("founder");
      const id = crypto.getRandomValues(new Uint8Array(32));
      const group = await createGroup(id, publicPackage, privatePackage, [], suite);
      return () => commitWith(group, keyPackages);
    },
  };
}

/** Its defaults, GREASE values included, but for the suites and credentials that the others' leaves don't list. */
function capabilities() {
  return { ...defaultCapabilities(), credentials: ["basic" as const] };
}

function read(bytes: Uint8Array) {
  const decoded = decodeMlsMessage(bytes, 0);
  if (!decoded) throw new Error("does not decode");
  return decoded[0];
}
