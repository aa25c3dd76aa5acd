import { type DeliveryRequest, fromHex, type WireErrorCode } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { WriteOperation } from "../db/access.ts";
import { type Accepted, type Effect, refuse } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";
import { isToken, tokenHash } from "../seats/tokens.ts";
import { readTips } from "./tips.ts";
import { readHead, readSpans } from "./visible-entries.ts";

type Reply = Accepted<"group.attach">;
type Result = Reply["results"][number];
type SeatRequest = DeliveryRequest<"group.attach">["seats"][number];

/**
 * `group.attach`: proves up to 1,000 seats and tells where their groups stand. A seat's own token is set by its first
 * attach, which shows an epoch token of a branch that holds the seat; afterwards only that token counts.
 * One seat's refusal (GROUP_UNKNOWN, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED) doesn't touch the others.
 * `headSeq` is the last seq that the seat may read; what was before `lowestSeq` isn't kept any more.
 */
export function attachSeats(
  request: DeliveryRequest<"group.attach">,
  deps: { now: () => number },
): WriteOperation<Reply> {
  return async (tx) => {
    const now = deps.now();
    const results: Result[] = [];
    const effects: Effect[] = [];
    for (const claim of request.seats) {
      const attached = await attachSeat(tx, claim, now);
      results.push(attached.result);
      effects.push(...attached.effects);
    }
    return { reply: { ok: true, results }, effects };
  };
}

interface Attached {
  result: Result;
  effects: readonly Effect[];
}

async function attachSeat(tx: Transaction, claim: SeatRequest, now: number): Promise<Attached> {
  const { groupId, seatToken, epochToken } = claim;
  const refusal = (code: WireErrorCode): Attached => ({
    result: { attached: false, groupId, error: refuse(code).error },
    effects: [],
  });
  const group = await tx.hot.group(fromHex(groupId));
  if (group === undefined) return refusal("GROUP_UNKNOWN");
  const seatId = fromHex(claim.seatId);
  const seat = await tx.hot.seat(group.no, seatId);
  if (seat === undefined) return refusal("SEAT_REFUSED");

  const place = epochToken && (await findPlace(tx, group.no, seatId, epochToken));
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
  // It was removed: it may read its time, and hears of nothing new.
  if (seat.tips === 0) effects.push({ kind: "unseated", groupId, seatIds: [claim.seatId] });
  const spans = await readSpans(tx, group, { seatId, origin: seat.origin });
  const result: Result = {
    attached: true,
    groupId,
    tips: await readTips(tx, group.no),
    ...(place === undefined ? {} : { place: { epoch: place.epoch, branch: place.branch } }),
    headSeq: await readHead(tx, group, spans),
    lowestSeq: group.lowest_seq,
    ackedSeq: group.acked_seq,
  };
  return { result, effects };
}

/** The newest (epoch, branch) with this token whose seats include the seat. */
async function findPlace(tx: Transaction, groupNo: number, seatId: Uint8Array, epochToken: Uint8Array) {
  for (const place of await tx.hot.places(groupNo, tokenHash(epochToken))) {
    if (await tx.hot.holds(groupNo, seatId, place.line, place.branch)) return place;
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
