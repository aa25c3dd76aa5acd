import { type Branch, type Epoch, type EntryKind, type GroupId, readMlsHeader } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { type CheckedSeat, checkSeatOf, type SeatClaim } from "../seats/check-seat.ts";
import { isToken } from "../seats/tokens.ts";

export interface WriteClaim extends SeatClaim {
  epochToken: Uint8Array;
  epoch: Epoch;
  branch: Branch;
}

/**
 * A write names its author's seat and shows that seat's token and the token of the (epoch, branch) that it is for,
 * whose seats include the author. Refuses with SEAT_REFUSED or EPOCH_TOKEN_REFUSED.
 */
export async function checkAuthor(
  group: GroupRow,
  reader: Reader,
  claim: WriteClaim,
): Promise<(CheckedSeat & { place: EpochRow }) | Refusal> {
  const seat = await checkSeatOf(group, reader, claim);
  if (!seat.ok) return seat;
  const place = await reader.hot.epoch(seat.group.no, claim.branch);
  if (place?.epoch !== claim.epoch || !isToken(claim.epochToken, place.token_hash)) {
    return refuse("EPOCH_TOKEN_REFUSED");
  }
  if (!(await reader.hot.holds(seat.group.no, seat.seatId, claim.branch))) return refuse("SEAT_REFUSED");
  return { ...seat, place };
}

/** The message's own clear header must say what the request says; else the DS would order what it wasn't given. */
export function checkHeader(
  message: Uint8Array,
  says: { groupId: GroupId; epoch: Epoch; kind: EntryKind },
): Refusal | undefined {
  const header = readMlsHeader(message);
  if (header === "public") return refuse("PUBLIC_MESSAGE_REFUSED");
  const agrees = header?.groupId === says.groupId && header.epoch === says.epoch && header.kind === says.kind;
  return agrees ? undefined : refuse("HEADER_MISMATCH");
}
