import { fromHex, type SeatId } from "@thicket/protocol";
import { storedSeatId } from "../db/own-ids.ts";

const SEAT_ID = 16;

/** Seat ids -> one column of 16 bytes each, order kept. */
export function packSeatIds(seatIds: readonly SeatId[]): Uint8Array {
  const packed = new Uint8Array(seatIds.length * SEAT_ID);
  seatIds.forEach((seatId, index) => packed.set(fromHex(seatId), index * SEAT_ID));
  return packed;
}

/** The reverse of {@link packSeatIds}. */
export function unpackSeatIds(packed: Uint8Array): SeatId[] {
  return Array.from({ length: packed.length / SEAT_ID }, (_, index) =>
    storedSeatId(packed.subarray(index * SEAT_ID, (index + 1) * SEAT_ID)),
  );
}
