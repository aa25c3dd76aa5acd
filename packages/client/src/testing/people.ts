// Real accounts, groups and commits for tests, without services: every key is made from a seed, so a failure replays.
import {
  type AsKey,
  encodeAttestation,
  encodeDeviceCertificate,
  signAttestation,
  signDeviceCertificate,
} from "@thicket/credential";
import {
  checkKeyPackage,
  createGroup,
  createKeyPackage,
  type CreatedKeyPackage,
  ed25519KeyPair,
  type EngineDeps,
  type Extension,
  type GroupState,
  joinGroup,
  mergeCommit,
  processMessage,
  type SignatureKeyPair,
  signEd25519,
  stageCommit,
} from "@thicket/mls";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "@thicket/protocol";
import { CAPABILITIES, makeOwnLeaf, REQUIRED_CAPABILITIES, SUITE } from "../devices/own-leaf.ts";
import { encodePolicy, type GroupPolicy, POLICY_VERSION } from "../groups/policy.ts";
import { createEngineAuthentication, LEAF_LIFETIMES } from "../identity/engine-authentication.ts";
import { parseAccountId, parseDeviceId, parseHandle } from "../identity/parse-ids.ts";
import type { Random } from "../ports.ts";
import type { AccountRow } from "../tables.ts";

/** 2026-01-01 in UTC (ms). */
export const NOW = 1_767_225_600_000;
const DAY = 86_400n;
const SECONDS = BigInt(NOW / 1000);

export function randomFrom(seed: string): Random {
  let counter = 0;
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let from = 0; from < length; from += 32) {
        const block = sha256(Uint8Array.from(`${seed} ${counter++}`, (character) => character.charCodeAt(0)));
        bytes.set(block.subarray(0, Math.min(32, length - from)), from);
      }
      return bytes;
    },
  };
}

const asPair = await ed25519KeyPair(randomFrom("the AS"));
export const AS_KEY: AsKey = { keyId: randomFrom("the AS's key id").bytes(8), publicKey: asPair.publicKey };

/** A device of somebody: `root` names the user's root key and `user` the user, so that one can appear under two. */
export async function makeAccount(
  handle: string,
  device = "phone",
  root = handle,
  user = handle,
): Promise<AccountRow> {
  const userId = randomFrom(`user ${user}`).bytes(16);
  const deviceId = randomFrom(`device ${handle} ${device}`).bytes(16);
  const rootPair = await ed25519KeyPair(randomFrom(`root ${root}`));
  const devicePair = await ed25519KeyPair(randomFrom(`device key ${handle} ${device}`));
  const lifetime = { notBefore: SECONDS - DAY, notAfter: SECONDS + 60n * DAY };
  const attestation = await signAttestation((message) => signEd25519(asPair.privateKey, message), {
    userId,
    handle,
    rootKey: rootPair.publicKey,
    rootSeq: 0,
    asKeyId: AS_KEY.keyId,
    ...lifetime,
  });
  const certificate = await signDeviceCertificate((message) => signEd25519(rootPair.privateKey, message), {
    userId,
    deviceId,
    deviceKey: devicePair.publicKey,
    deviceSeq: 0,
    ...lifetime,
  });
  return {
    state: "signedUp",
    userId: parseAccountId(toHex(userId)),
    deviceId: parseDeviceId(toHex(deviceId)),
    handle: parseHandle(handle),
    host: "host.example",
    rootPrivateKey: rootPair.privateKey,
    rootPublicKey: rootPair.publicKey,
    devicePrivateKey: devicePair.privateKey,
    devicePublicKey: devicePair.publicKey,
    deviceCertificate: encodeDeviceCertificate(certificate),
    attestation: encodeAttestation(attestation),
    asKeys: [AS_KEY],
  };
}

export function depsFor(seed: string): EngineDeps {
  return {
    random: randomFrom(seed),
    authentication: createEngineAuthentication(),
    lifetimes: LEAF_LIFETIMES,
  };
}

export function policyFor(founder: AccountRow, changes: Partial<GroupPolicy> = {}): GroupPolicy {
  return {
    version: POLICY_VERSION,
    kind: "group",
    host: "host.example",
    title: "a title",
    seatKey: new Uint8Array(32).fill(7),
    trustedAsKeys: [AS_KEY],
    mayAdd: "admins",
    admins: [founder.userId],
    ...changes,
  };
}

export async function makeGroup(
  founder: AccountRow,
  changes: Partial<GroupPolicy> = {},
): Promise<GroupState> {
  const deps = depsFor(`group of ${founder.handle}`);
  const leaf = await makeOwnLeaf(founder, deps.random, NOW);
  return createGroup({
    suite: SUITE,
    groupId: randomFrom("group id").bytes(32),
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: leaf.lifetime,
    leafExtensions: leaf.leafExtensions,
    contextExtensions: [REQUIRED_CAPABILITIES, encodePolicy(policyFor(founder, changes))],
    deps,
  });
}

export interface MadeKeyPackage extends CreatedKeyPackage {
  signatureKey: SignatureKeyPair;
}

export async function makeKeyPackage(
  account: AccountRow,
  leafExtensions?: readonly Extension[],
): Promise<MadeKeyPackage> {
  const random = randomFrom(`key package of ${account.handle} ${account.deviceId}`);
  const leaf = await makeOwnLeaf(account, random, NOW);
  const made = await createKeyPackage({
    suite: SUITE,
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: leaf.lifetime,
    leafExtensions: leafExtensions ?? leaf.leafExtensions,
    random,
  });
  return { ...made, signatureKey: leaf.signatureKey };
}

/** The group as each of these people has it after the founder added the others. */
export async function makeGroupOf(
  accounts: readonly AccountRow[],
  changes: Partial<GroupPolicy> = {},
): Promise<GroupState[]> {
  const [founder, ...others] = accounts;
  if (founder === undefined) throw new Error("a group needs a founder");
  const state = await makeGroup(founder, changes);
  if (others.length === 0) return [state];
  const deps = depsFor(`adding to the group of ${founder.handle}`);
  const made: MadeKeyPackage[] = [];
  for (const account of others) made.push(await makeKeyPackage(account));
  const add = await Promise.all(made.map(({ message }) => checkKeyPackage(message, { suite: SUITE })));
  const { staged } = await stageCommit(state, { add }, deps);
  const { welcome } = staged;
  if (welcome === undefined) throw new Error("a commit that adds has a Welcome");
  const joined: GroupState[] = [];
  for (const keys of made) joined.push(await joinGroup({ welcome, ...keys, deps }));
  return [mergeCommit(staged), ...joined];
}

/** The commit as another member stages it. */
export async function receiveCommit(state: GroupState, message: Uint8Array) {
  const processed = await processMessage(state, message, depsFor("receiving"));
  if (processed.kind !== "commit") throw new Error("not a commit");
  return processed.staged;
}
