import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { type Codec, fixed, vector } from "../codec/codec.ts";
import { subtle } from "../crypto/web-crypto.ts";
import { MlsError } from "../errors.ts";

/**
 * The signed messages that came through a ratchet. Every member can derive every sender's keys and so re-encrypt
 * somebody's signed message under a later generation; this is what tells the copy from the original. Held in closed
 * chunks, so that one more message writes a record of bounded size.
 */
export interface SeenMessages {
  /** Of SEEN_CHUNK ids each. */
  readonly full: readonly (readonly string[])[];
  /** Less than a chunk. */
  readonly tail: readonly string[];
  /** All of them once more, as they are looked for. */
  readonly index: SeenIndex;
}

/** Ids by their hexadecimal digits: the next digit leads on, down to where only one id is left. */
type SeenIndex = string | readonly SeenIndex[] | undefined;

export const SEEN_CHUNK = 32;
const SEEN_ID_LENGTH = 16;
export const NOTHING_SEEN: SeenMessages = { full: [], tail: [], index: undefined };

/** What signed bytes are remembered by: an encoded SignContent (§5.1.2). */
export async function seenId(signContent: Uint8Array): Promise<string> {
  return bytesToHex(new Uint8Array(await subtle().digest("SHA-256", signContent), 0, SEEN_ID_LENGTH));
}

/** The same with one more id. Throws REPLAYED if it is there already. */
export function withSeen({ full, tail, index }: SeenMessages, id: string): SeenMessages {
  const larger = withId(index, id, 0);
  const longer = [...tail, id];
  return longer.length < SEEN_CHUNK
    ? { full, tail: longer, index: larger }
    : { full: [...full, longer], tail: [], index: larger };
}

/** Deep as ids agree in their first digits, at most as they are long. */
function withId(index: SeenIndex, id: string, depth: number): SeenIndex {
  if (index === undefined) return id;
  const isOne = typeof index === "string";
  if (isOne && index === id) throw new MlsError("REPLAYED", "this signed message was received before");
  const branches = (isOne ? NO_BRANCHES : index).slice();
  if (isOne) branches[digitAt(index, depth)] = index;
  const digit = digitAt(id, depth);
  branches[digit] = withId(branches[digit], id, depth + 1);
  return branches;
}

const NO_BRANCHES: readonly SeenIndex[] = Array.from({ length: 16 }, () => undefined);

function digitAt(id: string, place: number): number {
  const code = id.charCodeAt(place);
  return code < 0x40 ? code - 0x30 : code - 0x57; // "0" to "9", "a" to "f"
}

/** Ids of seen messages, one after the other: `opaque id[16]` in a vector. */
export const storedSeenCodec: Codec<readonly string[]> = {
  write: (w, ids) => w.opaque(hexToBytes(ids.join(""))),
  read: (r) => storedIds.read(r).map((id) => bytesToHex(id)),
};
const storedIds = vector(fixed(SEEN_ID_LENGTH));
