import { cipherSuite, type GroupState, type KeyPackage, mergeCommit, stageCommit } from "@thicket/mls";
import type { Contender } from "./contender.ts";
import { createFounder, createMember, deps, type Keys, random, readKeyPackage } from "./thicket.ts";

/** Members of the engines under measurement, in a group that packages/mls founded. */
export interface Guest {
  readonly engine: Contender;
  readonly keys: unknown;
}

export interface Invited {
  readonly founder: GroupState;
  readonly welcome: Uint8Array;
  /** As many per engine as were asked for, in the order of the engines. */
  readonly guests: readonly Guest[];
}

/**
 * A group of `size` members in a sparse tree: the founder added all others with one commit. `each` of them are members
 * of each engine, the others fill the group up. So every engine meets the same tree, however slowly it builds its own.
 */
export async function foundSparse(
  suite: number,
  size: number,
  engines: readonly Contender[],
  each: number,
): Promise<Invited> {
  const { guests, keyPackages } = await invite(engines, each);
  const filling = (await fillers(suite, size - 1 - guests.length)).map(({ keyPackage }) => keyPackage);
  const { state } = await createFounder(suite);
  return { guests, ...(await addAll(state, [...filling, ...keyPackages])) };
}

export interface Warm {
  /** The founder's. */
  readonly state: GroupState;
  /** A state of this group as the member of this leaf sees it, good for committing. */
  seat(state: GroupState, leaf: number): GroupState;
}

/**
 * A group of `size` members, each of whom has committed once, so that no parent is blank. The order, first the leaves
 * that are far apart, keeps the copaths' resolutions short.
 */
export async function foundWarm(suite: number, size: number): Promise<Warm> {
  const filling = await fillers(suite, size - 1);
  const { state: alone, signatureKey } = await createFounder(suite);
  const added = await addAll(
    alone,
    filling.map(({ keyPackage }) => keyPackage),
  );
  const seat = (state: GroupState, leaf: number): GroupState => {
    const keys = filling[leaf - 1];
    return keys === undefined
      ? { ...state, ownLeaf: 0, signatureKey: signatureKey.privateKey }
      : seatOf(state, leaf, keys);
  };
  let state = added.founder;
  for (const leaf of farApart(size)) state = (await commitFrom(seat(state, leaf))).group;
  return { state: (await commitFrom(seat(state, 0))).group, seat };
}

/** The leaf beside the founder's: all parents above it are the founder's too, and warm again after its commit. */
const GUEST_LEAF = 1;

/** Puts a member of this engine in the place of one filler. */
export async function inviteInto(warm: Warm, engine: Contender): Promise<Invited> {
  const { guests, keyPackages } = await invite([engine], 1);
  const intent = { remove: [GUEST_LEAF], add: keyPackages };
  const { staged } = await stageCommit(warm.state, intent, deps);
  return { founder: mergeCommit(staged), welcome: staged.welcome ?? new Uint8Array(), guests };
}

/** A founder's commit that adds these, and its Welcome. */
async function addAll(state: GroupState, add: readonly KeyPackage[]) {
  const { staged } = await stageCommit(state, { add }, deps);
  return { founder: mergeCommit(staged), welcome: staged.welcome ?? new Uint8Array() };
}

/** The same epoch as another member sees it: all that differs is whose keys it holds. */
function seatOf(state: GroupState, ownLeaf: number, keys: Keys): GroupState {
  const privateKeys = new Map([[2 * ownLeaf, keys.encryptionPrivateKey]]);
  return { ...state, ownLeaf, signatureKey: keys.signatureKey.privateKey, privateKeys };
}

/** A commit of this member, and the epoch that it leads to. */
export async function commitFrom(state: GroupState): Promise<{ group: GroupState; commit: Uint8Array }> {
  const { staged } = await stageCommit(state, {}, deps);
  return { group: mergeCommit(staged), commit: staged.message };
}

/** Numbers below `count` in bit-reversed order: 0, the middle, the quarters, the eighths, ... */
function farApart(count: number): number[] {
  const bits = Math.ceil(Math.log2(count));
  const reversed = Array.from({ length: 2 ** bits }, (_, i) =>
    Number.parseInt(i.toString(2).padStart(bits, "0").split("").reverse().join(""), 2),
  );
  return reversed.filter((i) => i < count);
}

async function invite(engines: readonly Contender[], each: number) {
  const guests: Guest[] = [];
  const keyPackages: KeyPackage[] = [];
  for (const engine of engines) {
    for (let i = 0; i < each; i++) {
      const { keyPackage, keys } = await engine.member(`${engine.name} ${i}`);
      guests.push({ engine, keys });
      keyPackages.push(readKeyPackage(keyPackage));
    }
  }
  return { guests, keyPackages };
}

type Filler = Keys & { readonly message: Uint8Array };

const pools = new Map<number, Filler[]>();

/** Members that only fill groups up; kept for further groups, because making ten thousand takes a while. */
export async function fillers(suite: number, count: number): Promise<readonly Filler[]> {
  const pool = pools.get(suite) ?? [];
  pools.set(suite, pool);
  while (pool.length < count) {
    const names = Array.from({ length: 100 }, (_, i) => `member ${pool.length + i}`);
    pool.push(...(await Promise.all(names.map((name) => createMember(suite, name)))));
  }
  return pool.slice(0, Math.max(0, count));
}

/** As many public keys as our engine remembers: packages/mls/src/crypto/imported-keys.ts. */
const KEYS_REMEMBERED = 2048;

interface Signed {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

const strangers = new Map<number, Signed[]>();

/** Has our engine meet so many other keys that it remembers none of a group's members: they cost it their imports. */
export async function forgetKeys(suiteId: number): Promise<void> {
  const suite = cipherSuite(suiteId);
  const content = new Uint8Array(1);
  const met = strangers.get(suiteId) ?? [];
  strangers.set(suiteId, met);
  while (met.length < KEYS_REMEMBERED) {
    const { publicKey, privateKey } = await suite.signatureKeyPair(random);
    met.push({ publicKey, signature: await suite.sign(privateKey, content) });
  }
  // An array that the engine has met it takes for known without looking among what it remembers: so new ones.
  for (const { publicKey, signature } of met) await suite.verify(publicKey.slice(), content, signature);
}
