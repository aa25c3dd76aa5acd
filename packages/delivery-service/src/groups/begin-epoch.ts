import { type DeliveryRequest, type Entry, fromHex, type SeatId, toHex } from "@thicket/protocol";
import type { Reader, Transaction } from "../db/access.ts";
import { nextEpoch, storedBranch, storedSeatId } from "../db/own-ids.ts";
import type { EpochRow, GroupRow, NewPlace } from "../db/statements.ts";
import { packSeatIds } from "../seats/seat-ids.ts";
import { dayOf } from "../seats/show-token.ts";

export type SeatChanges = Pick<
  DeliveryRequest<"group.commit">,
  "seatsAdded" | "seatsRemoved" | "seatReplaced"
>;

export interface NewEpoch {
  parent: EpochRow;
  candidate: number;
  entry: Entry;
  nextTokenHash: Uint8Array;
  held: boolean;
  now: number;
}

/** Seats that belong to no tip any more, and seats that belong to one again. */
export interface SeatsTold {
  unseated: SeatId[];
  seated: SeatId[];
}

/** Rows per statement: SQLite binds at most 32,766 values. */
const CHUNK = 1000;

export function seatCountAfter(
  parent: EpochRow,
  { seatsAdded, seatsRemoved }: Pick<SeatChanges, "seatsAdded" | "seatsRemoved">,
): number {
  return parent.seat_count + seatsAdded.length - seatsRemoved.length;
}

/**
 * The epoch that a commit begins, and its seats. The first candidate goes on on its parent's line, with what it changes;
 * a later one begins a line, with all its seats.
 */
export async function beginEpoch(
  tx: Transaction,
  group: GroupRow,
  epoch: NewEpoch,
  changes: SeatChanges,
): Promise<SeatsTold> {
  const { parent, entry } = epoch;
  const goesOn = parent.is_tip === 1;
  const place: NewPlace = { line: goesOn ? parent.line : group.lines, branch: entry.seq };
  const before = goesOn ? [] : await readSeatsAt(tx, group.no, parent);
  await insertEpoch(tx, group.no, epoch, place.line, changes);
  if (goesOn) {
    await tx.change
      .updateTable("epochs")
      .set({ is_tip: 0 })
      .where("group_no", "=", group.no)
      .where("branch", "=", parent.branch)
      .execute();
    return goOn(tx, group.no, place, changes, dayOf(epoch.now));
  }
  await tx.change
    .updateTable("groups")
    .set({ lines: group.lines + 1, tips: group.tips + 1 })
    .where("no", "=", group.no)
    .execute();
  return beginLine(tx, group.no, place, { before, changes, day: dayOf(epoch.now) });
}

async function insertEpoch(
  tx: Transaction,
  groupNo: number,
  { parent, candidate, entry, nextTokenHash, held }: NewEpoch,
  line: number,
  changes: SeatChanges,
): Promise<void> {
  const { seatsAdded, seatsRemoved, seatReplaced } = changes;
  await tx.change
    .insertInto("epochs")
    .values({
      group_no: groupNo,
      branch: entry.seq,
      epoch: nextEpoch(parent.epoch),
      parent_branch: parent.branch,
      candidate,
      is_tip: 1,
      token_hash: nextTokenHash,
      seat_count: seatCountAfter(parent, changes),
      line,
      removes: seatsRemoved.length > 0 ? 1 : 0,
      held: held ? 1 : 0,
      last_seq: entry.seq,
      began_at: entry.receivedAt,
      written_at: entry.receivedAt,
    })
    .execute();
  await tx.change
    .insertInto("epoch_seats")
    .values({
      group_no: groupNo,
      branch: entry.seq,
      added: packSeatIds(seatsAdded),
      removed: packSeatIds(seatsRemoved),
      replaced: seatReplaced === undefined ? null : packSeatIds([seatReplaced.from, seatReplaced.to]),
    })
    .execute();
}

async function goOn(
  tx: Transaction,
  groupNo: number,
  place: NewPlace,
  { seatsAdded, seatsRemoved, seatReplaced }: SeatChanges,
  day: number,
): Promise<SeatsTold> {
  for (const seatId of seatsAdded) await tx.hot.addSeat(groupNo, fromHex(seatId), place, day);
  for (const seatId of seatsRemoved) await tx.hot.removeSeat(groupNo, fromHex(seatId), place);
  if (seatReplaced !== undefined) {
    const { from, to } = seatReplaced;
    await tx.hot.addSeat(groupNo, fromHex(to), place, day);
    await tx.hot.removeSeat(groupNo, fromHex(from), place);
    await takeOver(tx, groupNo, fromHex(from), fromHex(to));
  }
  const gone = [...seatsRemoved, ...(seatReplaced === undefined ? [] : [seatReplaced.from])];
  const unseated: SeatId[] = [];
  for (const seatId of gone) {
    const seat = await tx.hot.seat(groupNo, fromHex(seatId));
    if (seat === undefined || seat.tips === 0) unseated.push(seatId);
  }
  return { unseated, seated: [] };
}

async function beginLine(
  tx: Transaction,
  groupNo: number,
  place: NewPlace,
  { before, changes, day }: { before: readonly Uint8Array[]; changes: SeatChanges; day: number },
): Promise<SeatsTold> {
  const { seatsAdded, seatsRemoved, seatReplaced } = changes;
  const gone = new Set<string>([...seatsRemoved, ...(seatReplaced === undefined ? [] : [seatReplaced.from])]);
  const staying = before.filter((seatId) => !gone.has(toHex(seatId)));
  const seated: SeatId[] = [];
  for (let start = 0; start < staying.length; start += CHUNK) {
    const chunk = staying.slice(start, start + CHUNK);
    const branch = storedBranch(place.branch);
    await tx.change
      .insertInto("seat_changes")
      .values(chunk.map((seat_id) => ({ group_no: groupNo, seat_id, line: place.line, branch, holds: 2 })))
      .execute();
    const held = await tx.change
      .updateTable("seats")
      .set((expression) => ({ tips: expression("tips", "+", 1) }))
      .where("group_no", "=", groupNo)
      .where("seat_id", "in", chunk)
      .where("dropped", "=", 0)
      .returning(["seat_id", "tips"])
      .execute();
    for (const { seat_id, tips } of held) if (tips === 1) seated.push(storedSeatId(seat_id));
  }
  for (const seatId of seatsAdded) await tx.hot.addSeat(groupNo, fromHex(seatId), place, day);
  if (seatReplaced !== undefined) {
    await tx.hot.addSeat(groupNo, fromHex(seatReplaced.to), place, day);
    await takeOver(tx, groupNo, fromHex(seatReplaced.from), fromHex(seatReplaced.to));
  }
  return { unseated: [], seated: seated.toSorted() };
}

/** The author goes on under another name, with the same token and cursor; for the old one nothing is kept. */
async function takeOver(tx: Transaction, groupNo: number, from: Uint8Array, to: Uint8Array): Promise<void> {
  const seat = await tx.hot.seat(groupNo, from);
  if (seat === undefined) throw new Error("an author without a seat");
  const origin = seat.origin ?? from;
  const { token_hash, cursor, shown_day } = seat;
  const update = (seatId: Uint8Array, values: object) =>
    tx.change
      .updateTable("seats")
      .set(values)
      .where("group_no", "=", groupNo)
      .where("seat_id", "=", seatId)
      .execute();
  await update(from, { origin, needs_to: 0 });
  await update(to, { origin, token_hash, cursor, shown_day });
}

/** Every seat of this epoch. O(seats), for what is rare. */
export async function readSeatsAt(
  reader: Reader,
  groupNo: number,
  { line, branch }: NewPlace,
): Promise<Uint8Array[]> {
  const changes = await reader.query
    .selectFrom("seat_changes")
    .select(["seat_id", "holds"])
    .where("group_no", "=", groupNo)
    .where("line", "=", line)
    .where("branch", "<=", storedBranch(branch))
    .orderBy("branch")
    .orderBy("seat_id")
    .execute();
  const held = new Map<string, Uint8Array>();
  for (const { seat_id, holds } of changes) {
    if (holds > 0) held.set(toHex(seat_id), seat_id);
    else held.delete(toHex(seat_id));
  }
  return [...held.values()];
}
