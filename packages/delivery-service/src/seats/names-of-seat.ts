import type { Reader } from "../db/access.ts";
import type { SeatRow } from "../db/statements.ts";

/** A line and the last branch on it that counts. */
export interface LinePlace {
  line: number;
  branch: number;
}

type Named = { seatId: Uint8Array; origin: SeatRow["origin"] };

/** The seat and those that it replaced or that replaced it: one member's, with one cursor. */
export async function namesOfSeat(
  reader: Reader,
  groupNo: number,
  { seatId, origin }: Named,
): Promise<Uint8Array[]> {
  if (origin === null) return [seatId];
  const rows = await reader.query
    .selectFrom("seats")
    .select("seat_id")
    .where("group_no", "=", groupNo)
    .where("origin", "=", origin)
    .orderBy("seat_id")
    .execute();
  return rows.map((row) => row.seat_id);
}

/** Whether the seat reads what is written in this epoch: under any of its names. */
export async function readsAt(
  reader: Reader,
  groupNo: number,
  seat: Named,
  { line, branch }: LinePlace,
): Promise<boolean> {
  if (await reader.hot.holds(groupNo, seat.seatId, line, branch)) return true;
  if (seat.origin === null) return false;
  for (const name of await namesOfSeat(reader, groupNo, seat)) {
    if (await reader.hot.holds(groupNo, name, line, branch)) return true;
  }
  return false;
}
