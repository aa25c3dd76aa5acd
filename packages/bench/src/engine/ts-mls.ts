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
  message: Uint8Array;
}

/** ts-mls 1.6.4 (npm), suite 0x0001, used as its README says. */
export async function tsMls(): Promise<Contender<ClientState, Keys>> {
  const suite = await getCiphersuiteImpl(
    getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"),
  );

  const joiner = async (name: string): Promise<Keys> => {
    const identity = new TextEncoder().encode(name);
    const keys = await generateKeyPackage(
      { credentialType: "basic", identity },
      defaultCapabilities(),
      defaultLifetime,
      [],
      suite,
    );
    const message = encodeMlsMessage({
      keyPackage: keys.publicPackage,
      wireformat: "mls_key_package",
      version: "mls10",
    });
    return { ...keys, message };
  };

  const commitWith = async (state: ClientState, joiners: readonly Keys[]) => {
    const extraProposals = joiners.map(({ message }) => {
      const decoded = read(message);
      if (decoded.wireformat !== "mls_key_package") throw new Error("not a key package");
      return { proposalType: "add" as const, add: { keyPackage: decoded.keyPackage } };
    });
    return createCommit({ state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
  };

  return {
    name: "ts-mls",
    joiner,
    found: async () => {
      const keys = await joiner("founder");
      return createGroup(
        crypto.getRandomValues(new Uint8Array(32)),
        keys.publicPackage,
        keys.privatePackage,
        [],
        suite,
      );
    },
    add: async (group, joiners) => {
      const { newState, commit, welcome } = await commitWith(group, joiners);
      if (!welcome) throw new Error("no welcome");
      return {
        group: newState,
        commit: encodeMlsMessage(commit),
        welcome: encodeMlsMessage({ welcome, wireformat: "mls_welcome", version: "mls10" }),
      };
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
  };
}

function read(bytes: Uint8Array) {
  const decoded = decodeMlsMessage(bytes, 0);
  if (!decoded) throw new Error("does not decode");
  return decoded[0];
}
