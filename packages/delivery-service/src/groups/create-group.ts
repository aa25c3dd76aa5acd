import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction, WriteOperation } from "../db/access.ts";
import { FIRST_BRANCH, FIRST_EPOCH, nextSeq } from "../db/own-ids.ts";
import { type Accepted, refused } from "../outcome.ts";
import { dayOf } from "../seats/show-token.ts";
import { isToken, tokenHash } from "../seats/tokens.ts";

/** Milliseconds until a group is first looked at for what needn't be kept. */
const FIRST_SWEEP = 60 * 60 * 1000;

/**
 * `group.create`: a group of one seat in epoch 0. Repeating the same request is answered as the first time;
 * GROUP_TAKEN for a group id that anybody else, or another request, has used.
 */
export function createGroup(
  request: DeliveryRequest<"group.create">,
  deps: { now: () => number },
): WriteOperation<Accepted<"group.create">> {
  return async (tx) => {
    const groupId = fromHex(request.groupId);
    const done = { reply: { ok: true, branch: FIRST_BRANCH }, effects: [] } as const;
    const taken = await tx.hot.group(groupId);
    if (taken !== undefined) {
      return (await isSameCreation(tx, taken.no, request)) ? done : refused("GROUP_TAKEN");
    }
    const now = deps.now();
    const { no } = await tx.change
      .insertInto("groups")
      .values({
        group_id: groupId,
        head_seq: FIRST_BRANCH,
        lowest_seq: nextSeq(FIRST_BRANCH),
        acked_seq: FIRST_BRANCH,
        received_at: 0,
        lines: 1,
        tips: 1,
        sweep_at: now + FIRST_SWEEP,
      })
      .returning("no")
      .executeTakeFirstOrThrow();
    await tx.change
      .insertInto("epochs")
      .values({
        group_no: no,
        branch: FIRST_BRANCH,
        epoch: FIRST_EPOCH,
        parent_branch: null,
        candidate: 1,
        is_tip: 1,
        token_hash: request.epochTokenHash,
        seat_count: 1,
        line: 0,
        removes: 0,
        held: 0,
        last_seq: FIRST_BRANCH,
        began_at: now,
        written_at: now,
      })
      .execute();
    const [added, removed] = [fromHex(request.seatId), new Uint8Array(0)];
    await tx.change
      .insertInto("epoch_seats")
      .values({ group_no: no, branch: FIRST_BRANCH, added, removed, replaced: null })
      .execute();
    await tx.hot.addSeat(no, fromHex(request.seatId), { line: 0, branch: FIRST_BRANCH }, dayOf(now));
    await tx.change
      .updateTable("seats")
      .set({ token_hash: tokenHash(request.seatToken) })
      .where("group_no", "=", no)
      .execute();
    return done;
  };
}

async function isSameCreation(
  tx: Transaction,
  groupNo: number,
  request: DeliveryRequest<"group.create">,
): Promise<boolean> {
  // The first epoch's row may be gone by now: who founds a group asks again at once or never.
  const first = await tx.hot.epoch(groupNo, 0);
  const seatId = fromHex(request.seatId);
  const seat = await tx.hot.seat(groupNo, seatId);
  return (
    first !== undefined &&
    seat !== undefined &&
    (await tx.hot.holds(groupNo, seatId, first.line, first.branch)) &&
    Buffer.from(request.epochTokenHash).equals(first.token_hash) &&
    isToken(request.seatToken, seat.token_hash)
  );
}
