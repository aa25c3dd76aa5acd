import type { Transaction } from "../db/access.ts";
import { nextSeq } from "../db/own-ids.ts";
import type { GroupRow } from "../db/statements.ts";

/** Entries that one slice of work looks at. */
const SLICE = 200;

/**
 * Erases the oldest entries, and with them what recognises their resends: those that every seat of their epoch has acknowledged, and
 * those that came before `cutoff`. One that a removed seat still has to read holds those after it back as well, so that
 * what is kept is always the end of the log. -> whether there is more to erase.
 */
export async function forgetEntries(tx: Transaction, group: GroupRow, cutoff: number): Promise<boolean> {
  const acked = await readAckedByAll(tx, group);
  const oldest = await tx.query
    .selectFrom("entries")
    .select(["seq", "received_at"])
    .where("group_no", "=", group.no)
    .where("seq", ">=", group.lowest_seq)
    .orderBy("seq")
    .limit(SLICE)
    .execute();
  const kept = oldest.findIndex(({ seq, received_at }) => seq > acked && received_at >= cutoff);
  const gone = kept === -1 ? oldest : oldest.slice(0, kept);
  const last = gone.at(-1);
  if (last === undefined) return false;
  await tx.change
    .deleteFrom("entries")
    .where("group_no", "=", group.no)
    .where("seq", "<=", last.seq)
    .execute();
  const lowest = nextSeq(last.seq);
  await tx.change.updateTable("groups").set({ lowest_seq: lowest }).where("no", "=", group.no).execute();
  return gone.length === SLICE;
}

/** The lowest cursor of whoever still has something to read: of tips, and of seats that didn't hear of their removal yet. */
async function readAckedByAll(tx: Transaction, group: GroupRow): Promise<number> {
  const active = (await tx.hot.lowestCursor(group.no)) ?? group.head_seq;
  const leaving = await tx.query
    .selectFrom("seats")
    .select((expression) => expression.fn.min("cursor").as("lowest"))
    .where("group_no", "=", group.no)
    .where("tips", "=", 0)
    .where("dropped", "=", 0)
    .whereRef("cursor", "<", "needs_to")
    .executeTakeFirst();
  return Math.min(active, leaving?.lowest ?? active);
}
