import { fromHex, type GroupId, type SeatId } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import type { GroupRow, SeatRow } from "../db/statements.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { isToken } from "./tokens.ts";

export interface SeatClaim {
  groupId: GroupId;
  seatId: SeatId;
  seatToken: Uint8Array;
}

export interface CheckedSeat {
  ok: true;
  group: GroupRow;
  seatId: Uint8Array;
  seat: SeatRow;
}

/** Who shows the seat's token is the seat: refuses with GROUP_UNKNOWN or SEAT_REFUSED. */
export async function checkSeat(reader: Reader, claim: SeatClaim): Promise<CheckedSeat | Refusal> {
  const group = await reader.hot.group(fromHex(claim.groupId));
  return group === undefined ? refuse("GROUP_UNKNOWN") : checkSeatOf(group, reader, claim);
}

/** The same for a group that was read before. */
export async function checkSeatOf(
  group: GroupRow,
  reader: Reader,
  claim: SeatClaim,
): Promise<CheckedSeat | Refusal> {
  const seatId = fromHex(claim.seatId);
  const seat = await reader.hot.seat(group.no, seatId);
  if (seat === undefined || !isToken(claim.seatToken, seat.token_hash)) return refuse("SEAT_REFUSED");
  return { ok: true, group, seatId, seat };
}
