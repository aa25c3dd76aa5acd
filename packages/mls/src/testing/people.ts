import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { type CreatedKeyPackage, createKeyPackage } from "../create-key-package.ts";
import {
  loadCipherSuite,
  type Random,
  type SignatureKeyPair,
  supportedCipherSuites,
} from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import type { Extension } from "../extension.ts";
import type { AuthenticationPolicy, EngineDeps } from "../group/authentication.ts";
import { createGroup } from "../group/create-group.ts";
import type { GroupState } from "../group/group-state.ts";
import { joinGroup } from "../group/join-group.ts";
import { processMessage } from "../group/process-message.ts";
import type { CommitIntent } from "../group/commit-intent.ts";
import { stageCommit } from "../group/stage-commit.ts";
import type { StagedCommit } from "../group/staged-commit.ts";
import type { Capabilities, Lifetime } from "../leaf-node.ts";
import { seededRandom } from "./seeded-random.ts";

/** A client with a signature key of its own, named by its credential: a basic one, unless a test makes another. */
export interface Person {
  readonly name: string;
  readonly credential: Credential;
  readonly signatureKey: SignatureKeyPair;
}

const LIFETIME: Lifetime = { notBefore: 1_000n, notAfter: 2_000n };

export const CAPABILITIES: Capabilities = {
  versions: [1],
  cipherSuites: supportedCipherSuites(),
  extensions: [0xf001],
  proposals: [],
  credentials: [1],
};

/** Accepts every credential; one client is one name. */
export const trusting: AuthenticationPolicy = {
  validate: () => Promise.resolve(),
  sameClient: (a, b) => nameOf(a) === nameOf(b),
  isSuccessor: (before, after) => nameOf(before) === nameOf(after),
  clientId: nameOf,
};

/** The same, asked about each pair. */
export const trustingPairwise: AuthenticationPolicy = {
  validate: () => Promise.resolve(),
  sameClient: (a, b) => nameOf(a) === nameOf(b),
  isSuccessor: (before, after) => nameOf(before) === nameOf(after),
};

/** Of x509, whoever the first certificate is for. */
function nameOf(credential: Credential): string {
  if (credential.kind === "other") throw new Error("the people of tests have no credentials of other types");
  if (credential.kind === "basic") return String.fromCharCode(...credential.identity);
  return bytesToHex(credential.certificates[0] ?? new Uint8Array());
}

export function testDeps(seed: string, authentication: AuthenticationPolicy = trusting): EngineDeps {
  return { random: seededRandom(seed), authentication };
}

export async function person(name: string, random: Random, suite = 1): Promise<Person> {
  return {
    name,
    credential: { kind: "basic", identity: utf8ToBytes(name) },
    signatureKey: await (await loadCipherSuite(suite)).signatureKeyPair(random),
  };
}

export interface PackageOptions {
  readonly suite?: number;
  readonly capabilities?: Capabilities;
  readonly lifetime?: Lifetime;
  readonly leafExtensions?: readonly Extension[];
}

export function packageOf(
  who: Person,
  random: Random,
  options: PackageOptions = {},
): Promise<CreatedKeyPackage> {
  return createKeyPackage({
    suite: options.suite ?? 1,
    credential: who.credential,
    signatureKey: who.signatureKey,
    capabilities: options.capabilities ?? CAPABILITIES,
    lifetime: options.lifetime ?? LIFETIME,
    ...(options.leafExtensions && { leafExtensions: options.leafExtensions }),
    random,
  });
}

export function found(
  who: Person,
  deps: EngineDeps,
  options: {
    suite?: number;
    groupId?: string;
    capabilities?: Capabilities;
    lifetime?: Lifetime;
    contextExtensions?: readonly Extension[];
  } = {},
): Promise<GroupState> {
  return createGroup({
    suite: options.suite ?? 1,
    groupId: utf8ToBytes(options.groupId ?? "a group"),
    credential: who.credential,
    signatureKey: who.signatureKey,
    capabilities: options.capabilities ?? CAPABILITIES,
    lifetime: options.lifetime ?? LIFETIME,
    ...(options.contextExtensions && { contextExtensions: options.contextExtensions }),
    deps,
  });
}

export function join(
  who: Person,
  made: CreatedKeyPackage,
  welcome: Uint8Array,
  deps: EngineDeps,
): Promise<GroupState> {
  return joinGroup({
    welcome,
    keyPackage: made.keyPackage,
    initPrivateKey: made.initPrivateKey,
    encryptionPrivateKey: made.encryptionPrivateKey,
    signatureKey: who.signatureKey,
    deps,
  });
}

/** A group of these people in which the first has added the others with one commit; states in the same order. */
export async function groupOf(names: readonly string[], deps: EngineDeps, suite = 1): Promise<GroupState[]> {
  const people: Person[] = [];
  for (const name of names) people.push(await person(name, deps.random, suite));
  const [founder, ...others] = people;
  if (founder === undefined) throw new Error("a group needs a founder");
  const first = await found(founder, deps, { suite });
  if (others.length === 0) return [first];
  const made: CreatedKeyPackage[] = [];
  for (const other of others) made.push(await packageOf(other, deps.random, { suite }));
  const { staged } = await stageCommit(first, { add: made.map(({ keyPackage }) => keyPackage) }, deps);
  const states = [nextOf(staged)];
  for (const [i, other] of others.entries()) {
    const own = made[i];
    if (own === undefined || staged.welcome === undefined) throw new Error("no welcome");
    states.push(await join(other, own, staged.welcome, deps));
  }
  return states;
}

export function nextOf(staged: StagedCommit): GroupState {
  if (staged.next === undefined) throw new Error("there is no next epoch");
  return staged.next;
}

/** One member commits, the others follow; the states of the new epoch in the same order, undefined for who left. */
export async function commitAndFollow(
  states: readonly (GroupState | undefined)[],
  committer: number,
  intent: CommitIntent,
  deps: EngineDeps,
): Promise<{ states: (GroupState | undefined)[]; staged: StagedCommit }> {
  const own = states[committer];
  if (own === undefined) throw new Error("the committer is not in the group");
  const { staged } = await stageCommit(own, intent, deps);
  const after: (GroupState | undefined)[] = [];
  for (const [i, state] of states.entries()) {
    if (state === undefined) after.push(undefined);
    else if (i === committer) after.push(staged.next);
    else after.push((await takeCommit(state, staged.message, deps)).next);
  }
  return { states: after, staged };
}

export async function takeCommit(
  state: GroupState,
  message: Uint8Array,
  deps: EngineDeps,
): Promise<StagedCommit> {
  const processed = await processMessage(state, message, deps);
  if (processed.kind !== "commit") throw new Error(`a ${processed.kind} where a commit belongs`);
  return processed.staged;
}
