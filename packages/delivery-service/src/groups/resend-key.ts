import { hash } from "node:crypto";
import type { EntryId, SeatId } from "@thicket/protocol";

/** SHA-256(seat, entryId): recognises a resend, while the log itself never says who wrote. */
export function resendKey(seatId: SeatId, entryId: EntryId): Uint8Array {
  return hash("sha256", Buffer.from(seatId + entryId, "hex"), "buffer");
}
