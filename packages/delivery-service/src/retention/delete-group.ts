import type { Transaction } from "../db/access.ts";

const SLICE = 500;

/**
 * Erases a group of which no seat is left, slice by slice, and itself with the last. Its links stay as withdrawn ones:
 * nobody else may have them. -> whether there is more to erase.
 */
export async function deleteGroup(tx: Transaction, groupNo: number): Promise<boolean> {
  await tx.change
    .updateTable("links")
    .set({ group_no: null, card: null })
    .where("group_no", "=", groupNo)
    .execute();
  const { query, change } = tx;
  const entries = await query
    .selectFrom("entries")
    .select("seq")
    .where("group_no", "=", groupNo)
    .orderBy("seq")
    .limit(SLICE)
    .execute();
  const last = entries.at(-1);
  if (last !== undefined) {
    await change.deleteFrom("entries").where("group_no", "=", groupNo).where("seq", "<=", last.seq).execute();
    return true;
  }
  const seats = await query
    .selectFrom("seats")
    .select("seat_id")
    .where("group_no", "=", groupNo)
    .limit(SLICE)
    .execute();
  if (seats.length > 0) {
    const seatIds = seats.map((row) => row.seat_id);
    for (const table of ["seat_changes", "seats"] as const) {
      await change
        .deleteFrom(table)
        .where("group_no", "=", groupNo)
        .where("seat_id", "in", seatIds)
        .execute();
    }
    return true;
  }
  for (const table of ["welcome_holds", "supersedes", "seat_changes", "epoch_seats", "epochs"] as const) {
    await change.deleteFrom(table).where("group_no", "=", groupNo).execute();
  }
  await change.deleteFrom("groups").where("no", "=", groupNo).execute();
  return false;
}
