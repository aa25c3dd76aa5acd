import { type Codec, opaque, struct, u32, vector } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { generationBytes } from "../crypto/key-derivation.ts";
import { MlsError } from "../errors.ts";
import { nothingSeen, type SeenMessages, storedSeenCodec, withSeen } from "./seen-messages.ts";

/** One key and nonce of a sender ratchet, for one message. */
export interface MessageKey {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

export interface SkippedKey extends MessageKey {
  readonly generation: number;
  /** When it was skipped, in ms by the caller's clock; 0 if the caller gave no time. */
  readonly since: number;
}

/**
 * A sender ratchet (RFC 9420 §9.1) as an immutable value: the secret of the next unused generation, and of skipped
 * generations the key and nonce only, so that what was consumed can't be derived again (§9.2).
 */
export interface Ratchet {
  readonly generation: number;
  readonly secret: Uint8Array;
  /** In increasing order of generation. */
  readonly skipped: readonly SkippedKey[];
  readonly seen: SeenMessages;
}

/** How far a receiver lets a sender's ratchets of an epoch run. */
export interface RatchetLimits {
  /** How many generations one message may leap over. */
  readonly maxForward: number;
  /** How many skipped keys are kept in all; those of application data go first, of each kind the oldest. */
  readonly maxSkipped: number;
  /**
   * How long a skipped key of application data is kept, in ms. It takes a clock: see `now` of ProcessOptions. Those of
   * proposals and commits stay until the epoch ends, so that no clock decides about them.
   */
  readonly maxSkippedAge: number;
}

export const DEFAULT_RATCHET_LIMITS: RatchetLimits = {
  maxForward: 1000,
  maxSkipped: 64,
  maxSkippedAge: 24 * 60 * 60 * 1000,
};

export function startRatchet(secret: Uint8Array): Ratchet {
  return { generation: 0, secret, skipped: [], seen: nothingSeen() };
}

/** The last generation is never used, so that "the next one" always fits its field. */
const LAST_GENERATION = 0xffff_ffff;

/** A ratchet of which nothing is left: no generation and no secret. */
export function endedRatchet(suite: CipherSuite): Ratchet {
  return { ...startRatchet(new Uint8Array(suite.hashLength)), generation: LAST_GENERATION };
}

/** Whether it has no generation left, and so no secret. */
export function hasEnded({ generation }: Ratchet): boolean {
  return generation >= LAST_GENERATION;
}

/** A key that was taken from a ratchet, and the ratchet without it. */
export interface TakenKey {
  readonly key: MessageKey;
  readonly generation: number;
  readonly ratchet: Ratchet;
}

/** The next key, for sending, of generation `from` or later. Throws GENERATION_EXHAUSTED after 2^32 - 1 messages. */
export function advance(suite: CipherSuite, ratchet: Ratchet, from = 0): TakenKey {
  let { generation, secret } = ratchet;
  for (; generation < from; generation++) secret = nextSecret(suite, { secret, generation });
  refuseExhausted(generation);
  const { key, next } = step(suite, { secret, generation });
  return { generation, key, ratchet: { ...ratchet, generation: generation + 1, secret: next } };
}

/**
 * The key of a received generation, and the ratchet without it. The given ratchet stays as it is: the generation
 * counts as used only if the caller keeps the new one. Keys that it leaps over are marked with the time `now`. Throws
 * GENERATION_USED and GENERATION_TOO_FAR.
 */
export function take(
  suite: CipherSuite,
  ratchet: Ratchet,
  generation: number,
  limits: RatchetLimits,
  now: number,
): TakenKey {
  const ahead = generation - ratchet.generation;
  if (ahead < 0) return takeSkipped(ratchet, generation);
  if (ahead > limits.maxForward) {
    throw new MlsError("GENERATION_TOO_FAR", `generation ${generation} is ${ahead} ahead`, {
      section: "§15.3",
    });
  }
  refuseExhausted(generation);
  let current = ratchet;
  const skipped: SkippedKey[] = [];
  while (current.generation < generation) {
    // Keys that the limit would drop at once are not derived at all.
    if (generation - current.generation <= limits.maxSkipped) {
      const { key, next } = step(suite, current);
      skipped.push({ generation: current.generation, since: now, ...key });
      current = { ...current, generation: current.generation + 1, secret: next };
    } else {
      current = { ...current, generation: current.generation + 1, secret: nextSecret(suite, current) };
    }
  }
  const { key, next } = step(suite, current);
  const kept = skipped.length === 0 ? ratchet.skipped : [...ratchet.skipped, ...skipped];
  const after = { ...ratchet, generation: generation + 1, secret: next, skipped: kept };
  return { key, generation, ratchet: keepSkipped(after, limits.maxSkipped) };
}

function takeSkipped(ratchet: Ratchet, generation: number): TakenKey {
  const found = ratchet.skipped.find((key) => key.generation === generation);
  if (found === undefined) {
    throw new MlsError("GENERATION_USED", `generation ${generation} is used up`, { section: "§9.2" });
  }
  const skipped = ratchet.skipped.filter((key) => key !== found);
  return { key: { key: found.key, nonce: found.nonce }, generation, ratchet: { ...ratchet, skipped } };
}

/** The ratchet with no more skipped keys than this, the newest; the same one where it has no more. */
export function keepSkipped(ratchet: Ratchet, count: number): Ratchet {
  const surplus = ratchet.skipped.length - Math.max(0, count);
  return surplus > 0 ? { ...ratchet, skipped: ratchet.skipped.slice(surplus) } : ratchet;
}

/** The ratchet without the keys that were skipped before this time; the same one where there are none. */
export function dropSkippedBefore(ratchet: Ratchet, time: number): Ratchet {
  if (ratchet.skipped.every(({ since }) => since >= time)) return ratchet;
  return { ...ratchet, skipped: ratchet.skipped.filter(({ since }) => since >= time) };
}

/** Key and nonce of the ratchet's generation, and the secret of the one after it (§9.1). */
function step(
  suite: CipherSuite,
  { secret, generation }: Pick<Ratchet, "secret" | "generation">,
): { key: MessageKey; next: Uint8Array } {
  const lengths = { key: suite.keyLength, nonce: suite.nonceLength, secret: suite.hashLength };
  const { key, nonce, secret: next } = suite.expandEach(secret, generationBytes(generation), lengths);
  return { key: { key, nonce }, next };
}

function nextSecret(
  suite: CipherSuite,
  { secret, generation }: Pick<Ratchet, "secret" | "generation">,
): Uint8Array {
  return suite.deriveTreeSecret(secret, "secret", generation, suite.hashLength);
}

function refuseExhausted(generation: number): void {
  if (generation >= LAST_GENERATION)
    throw new MlsError("GENERATION_EXHAUSTED", "this ratchet has no generation left");
}

/** Notes signed bytes as seen, by their id. Throws REPLAYED if they were before. */
export function markSeen(ratchet: Ratchet, id: string): Ratchet {
  return { ...ratchet, seen: withSeen(ratchet.seen, id) };
}

/** A ratchet as stored, without what it has seen and without the skipped keys themselves. */
export interface StoredRatchet {
  readonly generation: number;
  readonly secret: Uint8Array;
  /** The generations whose keys have records of their own, so that one more message doesn't write all of them. */
  readonly skipped: readonly number[];
  /** How many chunks of what it has seen have records of their own: a lost one must not go unnoticed. */
  readonly seenChunks: number;
  /** What it has seen since, which is less than a chunk: so that one more message writes one record. */
  readonly seenTail: readonly string[];
}

export const storedRatchetCodec = struct<StoredRatchet>({
  generation: u32,
  secret: opaque,
  skipped: vector(u32),
  seenChunks: u32,
  seenTail: storedSeenCodec,
});

export type StoredSkippedKey = Omit<SkippedKey, "generation">;

/** Whole milliseconds as a u64. What a number can't hold exactly is no time: it would read as another one. */
const milliseconds: Codec<number> = {
  write: (w, value) => w.uint64(BigInt(Math.floor(value))),
  read(r) {
    const value = r.uint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MlsError("DECODE_VALUE", `${value} ms is no time`);
    return Number(value);
  },
};

export const storedSkippedKeyCodec = struct<StoredSkippedKey>({
  since: milliseconds,
  key: opaque,
  nonce: opaque,
});
