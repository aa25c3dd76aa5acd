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

/**
 * Who shows the seat's token is the seat, also one that was dropped: refuses with GROUP_UNKNOWN or SEAT_REFUSED.
 * `known` is the group where the same transaction has read it before.
 */
export async function checkSeatToken(
  reader: Reader,
  claim: SeatClaim,
  known?: GroupRow,
): Promise<CheckedSeat | Refusal> {
  const group = known ?? (await reader.hot.group(fromHex(claim.groupId)));
  if (group === undefined) return refuse("GROUP_UNKNOWN");
  const seatId = fromHex(claim.seatId);
  const seat = await reader.hot.seat(group.no, seatId);
  if (seat === undefined || !isToken(claim.seatToken, seat.token_hash)) return refuse("SEAT_REFUSED");
  return { ok: true, group, seatId, seat };
}

/** The same for one that still counts: refuses also with SEAT_DROPPED. */
export async function checkSeat(
  reader: Reader,
  claim: SeatClaim,
  known?: GroupRow,
): Promise<CheckedSeat | Refusal> {
  const checked = await checkSeatToken(reader, claim, known);
  return checked.ok && checked.seat.dropped === 1 ? refuse("SEAT_DROPPED") : checked;
}
