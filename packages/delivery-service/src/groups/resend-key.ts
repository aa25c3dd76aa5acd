import type { EntryId, LinkId, SeatId } from "@thicket/protocol";
import { sha256 } from "../sha256.ts";

/** SHA-256(seat, entryId): recognises a resend, while the log itself never says who wrote. */
export function resendKey(author: SeatId | LinkId, entryId: EntryId): Uint8Array {
  return sha256(Buffer.from(author + entryId, "hex"));
}
