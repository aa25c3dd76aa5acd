import { type Branch, type Epoch, type GroupId, type MlsContentType, readMlsHeader } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { type CheckedSeat, checkSeat, type SeatClaim } from "../seats/check-seat.ts";
import { isHeld } from "../seats/is-held.ts";
import { isToken } from "../seats/tokens.ts";
import { refuseAsStale } from "./tips.ts";

export interface WriteClaim extends SeatClaim {
  epochToken: Uint8Array;
  epoch: Epoch;
  branch: Branch;
}

export type CheckedAuthor = CheckedSeat & { place: EpochRow };

/**
 * A write names its author's seat and shows that seat's token and the token of the (epoch, branch) that it is for,
 * whose seats include the author. Refuses with GROUP_UNKNOWN, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED, or
 * EPOCH_STALE for an epoch that is no longer kept. `known` is the group where the same transaction has read it before.
 */
export async function checkAuthor(
  reader: Reader,
  claim: WriteClaim,
  known?: GroupRow,
): Promise<CheckedAuthor | Refusal> {
  const seat = await checkSeat(reader, claim, known);
  if (!seat.ok) return seat;
  const { group } = seat;
  const place = await reader.hot.epoch(group.no, claim.branch);
  if (place === undefined && claim.branch < group.lowest_seq && seat.seat.tips > 0) {
    return refuseAsStale(reader, group.no, claim.branch);
  }
  if (place?.epoch !== claim.epoch || !isToken(claim.epochToken, place.token_hash)) {
    return refuse("EPOCH_TOKEN_REFUSED");
  }
  return (await isHeld(reader, seat, place)) ? { ...seat, place } : refuse("SEAT_REFUSED");
}

/** The message's own clear header must say what the request says; else the DS would order what it wasn't given. */
export function checkHeader(
  message: Uint8Array,
  says: { groupId: GroupId; epoch: Epoch; kind: MlsContentType },
): Refusal | undefined {
  const header = readMlsHeader(message);
  if (header === "public") return refuse("PUBLIC_MESSAGE_REFUSED");
  const agrees = header?.groupId === says.groupId && header.epoch === says.epoch && header.kind === says.kind;
  return agrees ? undefined : refuse("HEADER_MISMATCH");
}
