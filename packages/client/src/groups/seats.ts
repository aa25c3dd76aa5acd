import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { exportSecret, type GroupState, groupId } from "@thicket/mls";
import { type SeatId, toHex } from "@thicket/protocol";
import { parseSeatId } from "../identity/parse-ids.ts";

/** `HMAC-SHA256(K_seat, leaf signature key)[0..16]` (`delivery.md`, seat): every member can name every seat, the relay can link none. */
export function seatIdOf(seatKey: Uint8Array, leafSignatureKey: Uint8Array): SeatId {
  return parseSeatId(toHex(hmac(sha256, seatKey, leafSignatureKey).subarray(0, 16)));
}

/** `MLS-Exporter("thicket ds epoch", group_id, 32)`: who shows it may write in this epoch. */
export function epochTokenOf(state: GroupState): Uint8Array {
  return exportSecret(state, "thicket ds epoch", groupId(state), 32);
}

export function tokenHash(token: Uint8Array): Uint8Array {
  return sha256(token);
}

/** SHA-256 in hexadecimal: how own entries are recognised in the log. */
export function entryHash(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}
