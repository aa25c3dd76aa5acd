import type { Reader } from "../db/access.ts";
import type { EpochRow, GroupRow, SeatRow } from "../db/statements.ts";
import { isOnlyTip } from "../groups/tips.ts";

export interface SeatOfGroup {
  group: Pick<GroupRow, "no" | "tips">;
  seatId: Uint8Array;
  seat: Pick<SeatRow, "tips">;
}

/** Whether the seats of this epoch include the seat, which wasn't dropped. */
export async function isHeld(
  reader: Reader,
  { group, seatId, seat }: SeatOfGroup,
  place: Pick<EpochRow, "line" | "branch" | "is_tip">,
): Promise<boolean> {
  if (isOnlyTip(group, place)) return seat.tips > 0;
  return reader.hot.holds(group.no, seatId, place.line, place.branch);
}
