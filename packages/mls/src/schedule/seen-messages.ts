import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { type Codec, fixed, vector } from "../codec/codec.ts";
import { subtle } from "../crypto/web-crypto.ts";
import { MlsError } from "../errors.ts";

/**
 * The signed messages that came through a ratchet. Every member can derive every sender's keys and so re-encrypt
 * somebody's signed message under a later generation; this is what tells the copy from the original. An immutable value:
 * the first `count` ids of a log that later values share and add to, so that one more message copies nothing.
 */
export interface SeenMessages {
  readonly count: number;
  readonly log: SeenLog;
}

/**
 * Ids in the order in which they were noted, and where each one stands. What is in it doesn't change. Of a value that was
 * dropped the id stays in the log that it shared, behind every `count`: no value and no record says it.
 */
interface SeenLog {
  readonly ids: string[];
  readonly places: Map<string, number>;
}

/** Ids are stored in closed chunks of this many, so that one more message writes a record of bounded size. */
export const SEEN_CHUNK = 32;
const SEEN_ID_LENGTH = 16;

/** Nothing yet. */
export function nothingSeen(): SeenMessages {
  return seenOf([]);
}

function seenOf(ids: string[]): SeenMessages {
  return { count: ids.length, log: { ids, places: new Map(ids.map((id, place) => [id, place])) } };
}

/** What signed bytes are remembered by: an encoded SignContent (§5.1.2). */
export async function seenId(signContent: Uint8Array): Promise<string> {
  return bytesToHex(new Uint8Array(await subtle().digest("SHA-256", signContent), 0, SEEN_ID_LENGTH));
}

/** The same with one more id. Throws REPLAYED if it is there already. */
export function withSeen({ count, log }: SeenMessages, id: string): SeenMessages {
  if ((log.places.get(id) ?? count) < count) {
    throw new MlsError("REPLAYED", "this signed message was received before");
  }
  // Where somebody went on from this very value already, the log says more than it: the new value gets its own.
  const own = log.ids.length === count ? log : seenOf(log.ids.slice(0, count)).log;
  own.ids.push(id);
  own.places.set(id, count);
  return { count: count + 1, log: own };
}

/** How many chunks are closed. */
export function closedChunks({ count }: SeenMessages): number {
  return Math.floor(count / SEEN_CHUNK);
}

/** The ids of a chunk: what follows the closed ones is less than a chunk. */
export function chunkOf({ count, log }: SeenMessages, chunk: number): readonly string[] {
  return log.ids.slice(chunk * SEEN_CHUNK, Math.min(count, (chunk + 1) * SEEN_CHUNK));
}

/** Ids of seen messages, one after the other: `opaque id[16]` in a vector. */
export const storedSeenCodec: Codec<readonly string[]> = {
  write: (w, ids) => w.opaque(hexToBytes(ids.join(""))),
  read: (r) => storedIds.read(r).map((id) => bytesToHex(id)),
};
const storedIds = vector(fixed(SEEN_ID_LENGTH));
