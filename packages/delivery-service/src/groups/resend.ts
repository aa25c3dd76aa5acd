import type { EntryId, LinkId, SeatId, Seq } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import { type Outcome, refused } from "../outcome.ts";
import { sha256 } from "../sha256.ts";
import { resendKey } from "./resend-key.ts";

/** How a resend of a write is recognised, and what it must equal. */
export interface ResendMark {
  key: Uint8Array;
  digest: Uint8Array;
}

export function markOf(
  author: SeatId | LinkId,
  entryId: EntryId,
  parts: Iterable<Uint8Array | string | number>,
): ResendMark {
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const content = part instanceof Uint8Array ? part : Buffer.from(String(part));
    // Each part is preceded by its length, so that no two lists of parts hash alike.
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(content.length);
    pieces.push(length, content);
  }
  // At once: a hash that is updated piece by piece costs more than the pieces do.
  return { key: resendKey(author, entryId), digest: sha256(Buffer.concat(pieces)) };
}

/** The mark of the same content's copy on another branch. */
export function markOfCopy({ key, digest }: ResendMark, branch: number): ResendMark {
  return { key: sha256(Buffer.concat([key, Buffer.from(String(branch))])), digest };
}

/** The first answer again for a resend, ENTRY_CONFLICT for other bytes under its id, undefined for a new write. */
export async function answerResend(
  reader: Reader,
  groupNo: number,
  mark: ResendMark,
): Promise<Outcome<{ ok: true; seq: Seq; receivedAt: number }> | undefined> {
  const first = await reader.hot.resend(groupNo, mark.key);
  if (first === undefined) return undefined;
  if (!Buffer.from(mark.digest).equals(first.digest)) return refused("ENTRY_CONFLICT");
  return { reply: { ok: true, seq: first.seq, receivedAt: first.received_at }, effects: [] };
}
