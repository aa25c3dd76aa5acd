import { createHash } from "node:crypto";
import { type EntryId, fromHex, type SeatId } from "@thicket/protocol";

/** SHA-256(seat, entryId): recognises a resend, while the log itself never says who wrote. */
export function resendKey(seatId: SeatId, entryId: EntryId): Uint8Array {
  return createHash("sha256").update(fromHex(seatId)).update(fromHex(entryId)).digest();
}
