import { type DeliveryRequest, fromHex, type Seq, type WireErrorCode } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { WriteOperation } from "../db/access.ts";
import { type Accepted, type Effect, refuse } from "../outcome.ts";
import { isHeld, type SeatOfGroup } from "../seats/is-held.ts";
import { noteShown } from "../seats/show-token.ts";
import { isToken, tokenHash } from "../seats/tokens.ts";
import { isOnlyTip, readTips, tipOf } from "./tips.ts";
import { readHead, readSpans } from "./visible-entries.ts";

type Result = Accepted<"group.attach">["results"][number];
type SeatRequest = DeliveryRequest<"group.attach">["seats"][number];

/** How a seat stood as it attached, for who tells it of what comes after. */
export interface Standing {
  /** The last seq of the group's log then, whoever may read it. */
  logSeq: Seq;
  /** Whether a tip held it. One that was removed may read its time, and hears of nothing new. */
  seated: boolean;
}

export interface Attached extends Accepted<"group.attach"> {
  /** For each seat, where it is attached; not for the wire. */
  standings: readonly (Standing | undefined)[];
}

/**
 * `group.attach`: proves up to 1,000 seats and tells where their groups stand. A seat's own token is set by its first
 * attach, which shows an epoch token of a branch that holds the seat; afterwards only that token counts.
 * One seat's refusal (GROUP_UNKNOWN, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED) doesn't touch the others.
 * `headSeq` is the last seq that the seat may read; what was before `lowestSeq` isn't kept any more.
 */
export function attachSeats(
  request: DeliveryRequest<"group.attach">,
  deps: { now: () => number },
): WriteOperation<Attached> {
  return async (tx) => {
    const now = deps.now();
    const results: Result[] = [];
    const standings: (Standing | undefined)[] = [];
    const effects: Effect[] = [];
    for (const claim of request.seats) {
      const attached = await attachSeat(tx, claim, now);
      results.push(attached.result);
      standings.push(attached.standing);
      effects.push(...attached.effects);
    }
    return { reply: { ok: true, results, standings }, effects };
  };
}

interface AttachedSeat {
  result: Result;
  standing?: Standing;
  effects: readonly Effect[];
}

async function attachSeat(tx: Transaction, claim: SeatRequest, now: number): Promise<AttachedSeat> {
  const { groupId, seatToken, epochToken } = claim;
  const refusal = (code: WireErrorCode): AttachedSeat => ({
    result: { attached: false, groupId, error: refuse(code).error },
    effects: [],
  });
  const group = await tx.hot.group(fromHex(groupId));
  if (group === undefined) return refusal("GROUP_UNKNOWN");
  const seatId = fromHex(claim.seatId);
  const seat = await tx.hot.seat(group.no, seatId);
  if (seat === undefined) return refusal("SEAT_REFUSED");

  const place = epochToken && (await findPlace(tx, { group, seat, seatId }, epochToken));
  if (seat.token_hash === null) {
    if (seat.dropped === 1) return refusal("SEAT_DROPPED");
    if (place === undefined) return refusal("EPOCH_TOKEN_REFUSED");
    await setToken(tx, group.no, seatId, seatToken);
  } else {
    if (!isToken(seatToken, seat.token_hash)) return refusal("SEAT_REFUSED");
    if (seat.dropped === 1) return refusal("SEAT_DROPPED");
  }
  const effects: Effect[] = [];
  if (place !== undefined) {
    effects.push(...(await noteShown(tx, { groupNo: group.no, seatId, seatToken, seat, place }, now)));
  }
  const spans = await readSpans(tx, group, { seatId, origin: seat.origin });
  const result: Result = {
    attached: true,
    groupId,
    tips: place !== undefined && isOnlyTip(group, place) ? [tipOf(place)] : await readTips(tx, group.no),
    ...(place === undefined ? {} : { place: tipOf(place) }),
    headSeq: await readHead(tx, group, spans),
    lowestSeq: group.lowest_seq,
    ackedSeq: group.acked_seq,
  };
  return { result, standing: { logSeq: group.head_seq, seated: seat.tips > 0 }, effects };
}

/** The newest (epoch, branch) with this token whose seats include the seat. */
async function findPlace(tx: Transaction, of: SeatOfGroup, epochToken: Uint8Array) {
  for (const place of await tx.hot.places(of.group.no, tokenHash(epochToken))) {
    if (await isHeld(tx, of, place)) return place;
  }
  return undefined;
}

async function setToken(
  tx: Transaction,
  groupNo: number,
  seatId: Uint8Array,
  seatToken: Uint8Array,
): Promise<void> {
  await tx.change
    .updateTable("seats")
    .set({ token_hash: tokenHash(seatToken) })
    .where("group_no", "=", groupNo)
    .where("seat_id", "=", seatId)
    .execute();
}
