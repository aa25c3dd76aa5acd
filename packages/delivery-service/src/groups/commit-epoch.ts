import { type DeliveryRequest, type Entry, fromHex, type GroupId, type SeatId } from "@thicket/protocol";
import type { Transaction, WriteOperation } from "../db/access.ts";
import { nextEpoch } from "../db/own-ids.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, type Effect, type Outcome, refuse, refused, type Refusal } from "../outcome.ts";
import { packSeatIds } from "../seats/seat-ids.ts";
import { storeWelcomes } from "../welcomes/store-welcomes.ts";
import { refreshAcked } from "./acked.ts";
import { writeEntry } from "./append-entry.ts";
import { checkAuthor, checkHeader } from "./check-author.ts";
import { answerResend, markOf } from "./resend.ts";
import { refuseAsStale } from "./tips.ts";

type Request = DeliveryRequest<"group.commit">;
type Reply = Accepted<"group.commit">;

/**
 * `group.commit`: compare-and-set on (epoch, branch). In one transaction the log entry, the next epoch, its seats
 * and the Welcomes; writes O(changed seats) rows. The loser gets EPOCH_STALE with the winner's seq and the tips.
 *
 * Refuses also with PAYLOAD_TOO_LARGE, GROUP_UNKNOWN, ENTRY_CONFLICT, SEAT_REFUSED, EPOCH_TOKEN_REFUSED,
 * HEADER_MISMATCH, PUBLIC_MESSAGE_REFUSED, SEATS_FULL, or MALFORMED_REQUEST for seats that can't be added or removed.
 */
export function commitEpoch(
  request: Request,
  deps: { now: () => number; random: (length: number) => Uint8Array; limits: DeliveryLimits },
): WriteOperation<Reply> {
  const { groupId, epoch, branch, bytes, nextTokenHash, seatsAdded, seatsRemoved } = request;
  return async (tx): Promise<Outcome<Reply>> => {
    if (bundleSize(request) > deps.limits.commitBundle) {
      return refused("PAYLOAD_TOO_LARGE", { limit: deps.limits.commitBundle });
    }
    const group = await tx.hot.group(fromHex(groupId));
    if (group === undefined) return refused("GROUP_UNKNOWN");
    const mark = markOf(request.seatId, request.entryId, digestParts(request));
    const resent = await answerResend(tx, group.no, mark);
    if (resent !== undefined) return resent;

    const author = await checkAuthor(group, tx, request);
    if (!author.ok) return { reply: author, effects: [] };
    const mismatch = checkHeader(bytes, { groupId, epoch, kind: "commit" });
    if (mismatch !== undefined) return { reply: mismatch, effects: [] };
    if (author.place.is_tip !== 1) return refuseAsStale(tx, group.no, branch);
    const badSeats = await checkSeatChanges(tx, group, author.place, request, deps.limits.seatsPerGroup);
    if (badSeats !== undefined) return { reply: badSeats, effects: [] };

    const now = deps.now();
    const content = { epoch, branch, kind: "commit", bytes } as const;
    const commit = { nextTokenHash, seatsAdded, seatsRemoved };
    const entry = await writeEntry(tx, group, mark, { ...content, commit }, now);
    await beginEpoch(tx, group, author.place, entry, commit);
    const welcomed = await storeWelcomes(tx, request.welcomes, { now, random: deps.random });
    const { effects: acked } = await refreshAcked(tx, groupId, group);
    return {
      reply: { ok: true, seq: entry.seq, receivedAt: entry.receivedAt },
      effects: [...appended(groupId, entry, seatsRemoved), ...acked, ...welcomed],
    };
  };
}

function bundleSize(request: Request): number {
  return request.welcomes.reduce((sum, welcome) => sum + welcome.bytes.length, request.bytes.length);
}

/** Everything of the request that a resend must repeat. */
function* digestParts(request: Request): Generator<Uint8Array | string | number> {
  yield* ["commit", request.epoch, request.branch, request.bytes, request.nextTokenHash];
  yield* [
    request.seatsAdded.length,
    ...request.seatsAdded,
    request.seatsRemoved.length,
    ...request.seatsRemoved,
  ];
  for (const welcome of request.welcomes) {
    yield* [welcome.bytes, welcome.to.length];
    for (const to of welcome.to) yield* [to.userId, to.deviceId, to.keyPackageRef];
  }
}

/** Added seats are new to this branch, removed ones belong to it, and no seat is named twice. */
async function checkSeatChanges(
  tx: Transaction,
  group: GroupRow,
  parent: EpochRow,
  { seatsAdded, seatsRemoved }: Pick<Request, "seatsAdded" | "seatsRemoved">,
  limit: number,
): Promise<Refusal | undefined> {
  if (new Set([...seatsAdded, ...seatsRemoved]).size !== seatsAdded.length + seatsRemoved.length) {
    return refuse("MALFORMED_REQUEST");
  }
  for (const seatId of seatsAdded) {
    if (await tx.hot.holds(group.no, fromHex(seatId), parent.branch)) return refuse("MALFORMED_REQUEST");
  }
  for (const seatId of seatsRemoved) {
    if (!(await tx.hot.holds(group.no, fromHex(seatId), parent.branch))) return refuse("MALFORMED_REQUEST");
  }
  return seatCountAfter(parent, seatsAdded, seatsRemoved) > limit
    ? refuse("SEATS_FULL", { limit })
    : undefined;
}

function seatCountAfter(parent: EpochRow, added: readonly unknown[], removed: readonly unknown[]): number {
  return parent.seat_count + added.length - removed.length;
}

async function beginEpoch(
  tx: Transaction,
  group: GroupRow,
  parent: EpochRow,
  entry: Entry,
  { nextTokenHash, seatsAdded, seatsRemoved }: Pick<Request, "nextTokenHash" | "seatsAdded" | "seatsRemoved">,
): Promise<void> {
  await tx.change
    .insertInto("epochs")
    .values({
      group_no: group.no,
      branch: entry.seq,
      epoch: nextEpoch(parent.epoch),
      parent_branch: parent.branch,
      candidate: 1,
      is_tip: 1,
      token_hash: nextTokenHash,
      seat_count: seatCountAfter(parent, seatsAdded, seatsRemoved),
      seats_added: packSeatIds(seatsAdded),
      seats_removed: packSeatIds(seatsRemoved),
    })
    .execute();
  await tx.change
    .updateTable("epochs")
    .set({ is_tip: 0 })
    .where("group_no", "=", group.no)
    .where("branch", "=", parent.branch)
    .execute();
  for (const seatId of seatsAdded) await tx.hot.addSeat(group.no, fromHex(seatId), entry.seq);
  for (const seatId of seatsRemoved) await tx.hot.removeSeat(group.no, fromHex(seatId), entry.seq);
}

/** Who is removed still hears of the commit that removes it. */
function appended(groupId: GroupId, entry: Entry, seatsRemoved: readonly SeatId[]): Effect[] {
  const effects: Effect[] = [{ kind: "appended", groupId, entries: [entry], hiddenFrom: [] }];
  if (seatsRemoved.length > 0) effects.push({ kind: "unseated", groupId, seatIds: seatsRemoved });
  return effects;
}
