import {
  cipherSuite,
  createApplicationMessage,
  createGroup,
  createKeyPackage,
  type Credential,
  CREDENTIAL_BASIC,
  type EngineDeps,
  type GroupState,
  joinGroup,
  type KeyPackage,
  mergeCommit,
  processMessage,
  type SignatureKeyPair,
  stageCommit,
} from "@thicket/mls";
import type { Contender } from "./contender.ts";

interface Keys {
  keyPackage: KeyPackage;
  initPrivateKey: Uint8Array;
  encryptionPrivateKey: Uint8Array;
  signatureKey: SignatureKeyPair;
}

const SUITE = 0x0001;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
/** Basic credentials, as the peers have: what identity costs is measured elsewhere. */
const deps: EngineDeps = {
  random,
  authentication: { validate: async () => {}, sameClient: () => false, isSuccessor: () => true },
};
const capabilities = {
  versions: [1],
  cipherSuites: [SUITE],
  extensions: [],
  proposals: [],
  credentials: [CREDENTIAL_BASIC],
};
const lifetime = { notBefore: 0n, notAfter: 2n ** 40n };

/** packages/mls, suite 0x0001. */
export async function thicket(): Promise<Contender<GroupState, Keys>> {
  const suite = cipherSuite(SUITE);
  const signer = async (): Promise<SignatureKeyPair> => {
    const pair = await suite.signatureKeyPair(random);
    return { publicKey: pair.publicKey, privateKey: await suite.importSignatureKey(pair.privateKey) };
  };
  const credentialOf = (name: string): Credential => ({
    kind: "basic",
    identity: new TextEncoder().encode(name),
  });

  return {
    name: "thicket",
    joiner: async (name) => {
      const signatureKey = await signer();
      const made = await createKeyPackage({
        suite: SUITE,
        credential: credentialOf(name),
        signatureKey,
        capabilities,
        lifetime,
        random,
      });
      return { ...made, signatureKey };
    },
    found: async () =>
      createGroup({
        suite: SUITE,
        groupId: random.bytes(32),
        credential: credentialOf("founder"),
        signatureKey: await signer(),
        capabilities,
        lifetime,
        deps,
      }),
    add: async (group, joiners) => {
      const { staged } = await stageCommit(group, { add: joiners.map(({ keyPackage }) => keyPackage) }, deps);
      if (!staged.welcome) throw new Error("no welcome");
      return { group: mergeCommit(staged), commit: staged.message, welcome: staged.welcome };
    },
    join: (welcome, keys) => joinGroup({ welcome, ...keys, deps }),
    send: async (group, data) => {
      const { state, message } = await createApplicationMessage(group, data, {}, deps);
      return { group: state, message };
    },
    receive: async (group, message) => {
      const result = await processMessage(group, message, deps);
      if (result.kind !== "application") throw new Error("not an application message");
      return { group: result.state, data: result.data };
    },
    commit: async (group) => {
      const { staged } = await stageCommit(group, {}, deps);
      return { group: mergeCommit(staged), commit: staged.message };
    },
    process: async (group, commit) => {
      const result = await processMessage(group, commit, deps);
      if (result.kind !== "commit") throw new Error("not a commit");
      return mergeCommit(result.staged);
    },
  };
}
