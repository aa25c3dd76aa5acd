import {
  cipherSuite,
  createApplicationMessage,
  createGroup,
  createKeyPackage,
  type Credential,
  CREDENTIAL_BASIC,
  decode,
  type EngineDeps,
  type GroupState,
  joinGroup,
  type KeyPackage,
  keyPackageCodec,
  mergeCommit,
  processMessage,
  type SignatureKeyPair,
  stageCommit,
} from "@thicket/mls";
import type { Contender } from "./contender.ts";

export interface Keys {
  readonly keyPackage: KeyPackage;
  readonly initPrivateKey: Uint8Array;
  readonly encryptionPrivateKey: Uint8Array;
  readonly signatureKey: SignatureKeyPair;
}

export const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

/** Basic credentials, as the peers have: what identity costs is measured elsewhere. */
export const deps: EngineDeps = {
  random,
  authentication: {
    validate: async () => {},
    sameClient: () => false,
    isSuccessor: () => true,
    clientId: ({ kind, ...credential }) =>
      kind === "basic" && "identity" in credential ? String.fromCharCode(...credential.identity) : kind,
  },
};

const capabilities = {
  versions: [1],
  cipherSuites: [1, 3],
  extensions: [],
  proposals: [],
  credentials: [CREDENTIAL_BASIC],
};

/** Eighty days around the present moment, in seconds: OpenMLS refuses longer lifetimes and past ones. */
const lifetime = () => {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { notBefore: now - 3600n, notAfter: now + 80n * 86_400n };
};

/** packages/mls with the suite of this number. */
export function thicket(suite: number): Contender<GroupState, Keys> {
  return {
    name: suite === 1 ? "thicket" : `thicket, suite ${suite}`,
    suite,
    member: async (name) => {
      const keys = await createMember(suite, name);
      return { keyPackage: keys.message, keys };
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
    found: async (messages) => {
      const add = messages.map(readKeyPackage);
      const founder = await createFounder(suite);
      return () => stageCommit(founder.state, { add }, deps);
    },
  };
}

/** The key package of an MLSMessage, unchecked: what adds it checks it. */
export function readKeyPackage(message: Uint8Array): KeyPackage {
  return decode(keyPackageCodec, message.subarray(4));
}

export async function createMember(suite: number, name: string): Promise<Keys & { message: Uint8Array }> {
  const signatureKey = await createSigner(suite);
  const made = await createKeyPackage({
    suite,
    credential: credentialOf(name),
    signatureKey,
    capabilities,
    lifetime: lifetime(),
    random,
  });
  return { ...made, signatureKey };
}

export async function createFounder(
  suite: number,
): Promise<{ state: GroupState; signatureKey: SignatureKeyPair }> {
  const signatureKey = await createSigner(suite);
  const state = await createGroup({
    suite,
    groupId: random.bytes(32),
    credential: credentialOf("founder"),
    signatureKey,
    capabilities,
    lifetime: lifetime(),
    deps,
  });
  return { state, signatureKey };
}

async function createSigner(suite: number): Promise<SignatureKeyPair> {
  const pair = await cipherSuite(suite).signatureKeyPair(random);
  return {
    publicKey: pair.publicKey,
    privateKey: await cipherSuite(suite).importSignatureKey(pair.privateKey),
  };
}

function credentialOf(name: string): Credential {
  return { kind: "basic", identity: new TextEncoder().encode(name) };
}
