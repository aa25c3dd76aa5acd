import { type Branch, type SeatId, toHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import { storedSeatId } from "../db/own-ids.ts";
import type { GroupRow } from "../db/statements.ts";

const SLICE = 200;

/** Nobody waits any longer for seats that showed no token since `day`. -> them; more may follow. */
export async function dropSeats(tx: Transaction, groupNo: number, day: number): Promise<SeatId[]> {
  const silent = await tx.query
    .selectFrom("seats")
    .select("seat_id")
    .where("group_no", "=", groupNo)
    .where("tips", ">", 0)
    .where("shown_day", "<", day)
    .orderBy("shown_day")
    .limit(SLICE)
    .execute();
  if (silent.length === 0) return [];
  const seatIds = silent.map((row) => row.seat_id);
  await tx.change
    .updateTable("seats")
    .set({ dropped: 1, tips: 0 })
    .where("group_no", "=", groupNo)
    .where("seat_id", "in", seatIds)
    .execute();
  return seatIds.map(storedSeatId);
}

/**
 * Erases what is known of seats from before the oldest epoch that a line still keeps, where they were removed again by
 * then; and the seats that are in no epoch any more. -> whether there may be more.
 */
export async function forgetSeats(tx: Transaction, group: GroupRow): Promise<boolean> {
  const lines = await tx.query
    .selectFrom("epochs")
    .select(["line", (expression) => expression.fn.min("branch").as("oldest")])
    .where("group_no", "=", group.no)
    .groupBy("line")
    .execute();
  let more = false;
  for (const { line, oldest } of lines) {
    const removals = await tx.query
      .selectFrom("seat_changes")
      .select(["seat_id", "branch"])
      .where("group_no", "=", group.no)
      .where("line", "=", line)
      .where("holds", "=", 0)
      .where("branch", "<=", oldest)
      .orderBy("branch")
      .limit(SLICE)
      .execute();
    for (const { seat_id, branch } of removals) {
      await tx.change
        .deleteFrom("seat_changes")
        .where("group_no", "=", group.no)
        .where("seat_id", "=", seat_id)
        .where("line", "=", line)
        .where("branch", "<=", branch)
        .execute();
    }
    await eraseSeatsWithoutEpoch(
      tx,
      group.no,
      removals.map((row) => row.seat_id),
    );
    more ||= removals.length === SLICE;
  }
  return more;
}

/** Takes the seats of a line's epochs away, those from the branch `from` on. -> those that belong to no tip any more. */
export async function forgetLine(
  tx: Transaction,
  groupNo: number,
  { line, from, heldAtTip }: { line: number; from: Branch; heldAtTip: readonly Uint8Array[] },
): Promise<SeatId[]> {
  const unseated: SeatId[] = [];
  for (let start = 0; start < heldAtTip.length; start += SLICE) {
    const left = await tx.change
      .updateTable("seats")
      .set((expression) => ({ tips: expression("tips", "-", 1) }))
      .where("group_no", "=", groupNo)
      .where("seat_id", "in", heldAtTip.slice(start, start + SLICE))
      .where("tips", ">", 0)
      .returning(["seat_id", "tips"])
      .execute();
    for (const { seat_id, tips } of left) if (tips === 0) unseated.push(storedSeatId(seat_id));
  }
  const changed = await tx.change
    .deleteFrom("seat_changes")
    .where("group_no", "=", groupNo)
    .where("line", "=", line)
    .where("branch", ">=", from)
    .returning("seat_id")
    .execute();
  const seatIds = new Map(changed.map((row) => [toHex(row.seat_id), row.seat_id]));
  await eraseSeatsWithoutEpoch(tx, groupNo, [...seatIds.values()]);
  return unseated.toSorted();
}

async function eraseSeatsWithoutEpoch(
  tx: Transaction,
  groupNo: number,
  seatIds: readonly Uint8Array[],
): Promise<void> {
  for (let start = 0; start < seatIds.length; start += SLICE) {
    await tx.change
      .deleteFrom("seats")
      .where("group_no", "=", groupNo)
      .where("seat_id", "in", seatIds.slice(start, start + SLICE))
      .where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom("seat_changes")
              .select("seat_changes.branch")
              .whereRef("seat_changes.group_no", "=", "seats.group_no")
              .whereRef("seat_changes.seat_id", "=", "seats.seat_id"),
          ),
        ),
      )
      .execute();
  }
}
