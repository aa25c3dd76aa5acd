import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction, WriteOperation } from "../db/access.ts";
import { type Accepted, type Effect, refuse } from "../outcome.ts";
import { isToken, tokenHash } from "../seats/tokens.ts";
import { readTips } from "./tips.ts";
import { readHead, readSpans } from "./visible-entries.ts";

type Reply = Accepted<"group.attach">;
type Result = Reply["results"][number];
type SeatRequest = DeliveryRequest<"group.attach">["seats"][number];

const DAY = 24 * 60 * 60 * 1000;

/**
 * `group.attach`: proves up to 1,000 seats and tells where their groups stand. A seat's own token is set by its first
 * attach, which shows an epoch token of a branch that holds the seat; afterwards only that token counts.
 * One seat's refusal (GROUP_UNKNOWN, SEAT_REFUSED, EPOCH_TOKEN_REFUSED) doesn't touch the others.
 * `headSeq` is the last seq that the seat may read.
 */
export function attachSeats(
  request: DeliveryRequest<"group.attach">,
  deps: { now: () => number },
): WriteOperation<Reply> {
  return async (tx) => {
    const day = Math.floor(deps.now() / DAY);
    const results: Result[] = [];
    const effects: Effect[] = [];
    for (const seat of request.seats) {
      const { result, unseated } = await attachSeat(tx, seat, day);
      results.push(result);
      if (unseated) effects.push({ kind: "unseated", groupId: seat.groupId, seatIds: [seat.seatId] });
    }
    return { reply: { ok: true, results }, effects };
  };
}

interface Attached {
  result: Result;
  /** It was removed: it may read its time, and hears of nothing new. */
  unseated: boolean;
}

async function attachSeat(tx: Transaction, claim: SeatRequest, day: number): Promise<Attached> {
  const { groupId, seatToken, epochToken } = claim;
  const refusal = (code: "GROUP_UNKNOWN" | "SEAT_REFUSED" | "EPOCH_TOKEN_REFUSED"): Attached => ({
    result: { attached: false, groupId, error: refuse(code).error },
    unseated: false,
  });
  const group = await tx.hot.group(fromHex(groupId));
  if (group === undefined) return refusal("GROUP_UNKNOWN");
  const seatId = fromHex(claim.seatId);
  const seat = await tx.hot.seat(group.no, seatId);
  if (seat === undefined) return refusal("SEAT_REFUSED");

  const place = epochToken && (await findPlace(tx, group.no, seatId, epochToken));
  if (seat.token_hash === null) {
    if (place === undefined) return refusal("EPOCH_TOKEN_REFUSED");
    await updateSeat(tx, group.no, seatId, { token_hash: tokenHash(seatToken), shown_day: day });
  } else {
    if (!isToken(seatToken, seat.token_hash)) return refusal("SEAT_REFUSED");
    if (place !== undefined) await updateSeat(tx, group.no, seatId, { shown_day: day });
  }
  const spans = await readSpans(tx, group.no, seatId);
  const result: Result = {
    attached: true,
    groupId,
    tips: await readTips(tx, group.no),
    ...(place === undefined ? {} : { place }),
    headSeq: await readHead(tx, group.no, spans),
    lowestSeq: group.lowest_seq,
    ackedSeq: group.acked_seq,
  };
  return { result, unseated: seat.in_newest !== 1 };
}

/** The newest (epoch, branch) with this token whose seats include the seat. */
async function findPlace(tx: Transaction, groupNo: number, seatId: Uint8Array, epochToken: Uint8Array) {
  const places = await tx.query
    .selectFrom("epochs")
    .select(["epoch", "branch"])
    .where("group_no", "=", groupNo)
    .where("token_hash", "=", tokenHash(epochToken))
    .orderBy("branch", "desc")
    .execute();
  for (const place of places) {
    if (await tx.hot.holds(groupNo, seatId, place.branch)) return place;
  }
  return undefined;
}

async function updateSeat(
  tx: Transaction,
  groupNo: number,
  seatId: Uint8Array,
  values: { token_hash?: Uint8Array; shown_day: number },
): Promise<void> {
  await tx.change
    .updateTable("seats")
    .set(values)
    .where("group_no", "=", groupNo)
    .where("seat_id", "=", seatId)
    // At most one write a day for a seat that comes and goes.
    .where((where) =>
      where.or([
        where("shown_day", "is", null),
        where("shown_day", "!=", values.shown_day),
        where("token_hash", "is", null),
      ]),
    )
    .execute();
}
