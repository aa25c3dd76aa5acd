import type { Branch, Entry, Seq } from "@thicket/protocol";
import type { ExpressionBuilder } from "kysely";
import type { Reader } from "../db/access.ts";
import type { Schema } from "../db/schema.ts";
import { FIRST_BRANCH } from "../db/own-ids.ts";
import { unpackSeatIds } from "../seats/seat-ids.ts";

/** Branches `from` <= branch < `to` whose epochs include a seat; `to` undefined while it still belongs. */
export interface SeatSpan {
  from: Branch;
  to: Branch | undefined;
}

/** When a seat belonged: its additions and removals, paired. Oldest first, empty for a seat never added. */
export async function readSpans(reader: Reader, groupNo: number, seatId: Uint8Array): Promise<SeatSpan[]> {
  const changes = await reader.query
    .selectFrom("seat_changes")
    .select(["branch", "holds"])
    .where("group_no", "=", groupNo)
    .where("seat_id", "=", seatId)
    .orderBy("branch")
    .execute();
  const spans: SeatSpan[] = [];
  for (const { branch, holds } of changes) {
    if (holds === 1) spans.push({ from: branch, to: undefined });
    else {
      const last = spans.at(-1);
      if (last !== undefined) last.to = branch;
    }
  }
  return spans;
}

/**
 * A seat reads what was written in the epochs that include it, commits that end such an epoch among them: an
 * entry's branch is the one it was written on.
 */
function isVisible(spans: readonly SeatSpan[]) {
  return (where: ExpressionBuilder<Schema, "entries">) =>
    where.or(
      spans.map(({ from, to }) =>
        where.and([
          where("entries.branch", ">=", from),
          ...(to === undefined ? [] : [where("entries.branch", "<", to)]),
        ]),
      ),
    );
}

/** The last seq that the seat may read, 0 for none. */
export async function readHead(reader: Reader, groupNo: number, spans: readonly SeatSpan[]): Promise<Seq> {
  const last = await reader.query
    .selectFrom("entries")
    .select("seq")
    .where("group_no", "=", groupNo)
    .where(isVisible(spans))
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return last?.seq ?? FIRST_BRANCH;
}

/** Entries that the seat may read after `after`, in order: at most `limit`, and no more bytes than `maxBytes` but for the first. */
export async function readVisible(
  reader: Reader,
  groupNo: number,
  spans: readonly SeatSpan[],
  page: { after: Seq; limit: number; maxBytes: number },
): Promise<Entry[]> {
  const sizes = await reader.query
    .selectFrom("entries")
    .select(["seq", (expression) => expression.fn<number>("length", ["bytes"]).as("size")])
    .where("group_no", "=", groupNo)
    .where("seq", ">", page.after)
    .where(isVisible(spans))
    .orderBy("seq")
    .limit(page.limit)
    .execute();
  const end = lastWithin(sizes, page.maxBytes);
  if (end === undefined) return [];
  const rows = await reader.query
    .selectFrom("entries")
    .leftJoin("epochs", (join) =>
      // The epoch that a commit began has the commit's seq as its branch.
      join.onRef("epochs.group_no", "=", "entries.group_no").onRef("epochs.branch", "=", "entries.seq"),
    )
    .select(["seq", "entries.epoch", "entries.branch", "kind", "received_at", "bytes"])
    .select(["token_hash", "seats_added", "seats_removed"])
    .where("entries.group_no", "=", groupNo)
    .where("seq", ">", page.after)
    .where("seq", "<=", end)
    .where(isVisible(spans))
    .orderBy("seq")
    .execute();
  return rows.map((row) => {
    const entry: Entry = {
      seq: row.seq,
      epoch: row.epoch,
      branch: row.branch,
      kind: row.kind,
      receivedAt: row.received_at,
      bytes: row.bytes,
    };
    if (row.token_hash !== null && row.seats_added !== null && row.seats_removed !== null) {
      entry.commit = {
        nextTokenHash: row.token_hash,
        seatsAdded: unpackSeatIds(row.seats_added),
        seatsRemoved: unpackSeatIds(row.seats_removed),
      };
    }
    return entry;
  });
}

function lastWithin(sizes: readonly { seq: Seq; size: number }[], maxBytes: number): Seq | undefined {
  let total = 0;
  let end = sizes[0]?.seq;
  for (const { seq, size } of sizes) {
    total += size;
    if (total > maxBytes) break;
    end = seq;
  }
  return end;
}
