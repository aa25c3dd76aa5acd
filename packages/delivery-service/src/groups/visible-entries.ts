import type { Branch, Entry, Seq } from "@thicket/protocol";
import type { ExpressionBuilder } from "kysely";
import type { Reader } from "../db/access.ts";
import { FIRST_BRANCH } from "../db/own-ids.ts";
import type { Schema } from "../db/schema.ts";
import type { GroupRow, SeatRow } from "../db/statements.ts";
import { namesOfSeat } from "../seats/names-of-seat.ts";
import { unpackSeatIds } from "../seats/seat-ids.ts";

/** Branches `from` <= branch < `to` of one line whose epochs include a seat; `to` undefined while it still belongs. */
export interface SeatSpan {
  line: number;
  from: Branch;
  to: Branch | undefined;
}

/** When a seat belonged, under any of its names: its additions and removals, paired. Empty for a seat never added. */
export async function readSpans(
  reader: Reader,
  group: GroupRow,
  seat: { seatId: Uint8Array; origin: SeatRow["origin"] },
): Promise<SeatSpan[]> {
  const spans: SeatSpan[] = [];
  for (const name of await namesOfSeat(reader, group.no, seat)) {
    for (const { line, branch, holds } of await reader.hot.seatChanges(group.no, name)) {
      if (holds > 0) spans.push({ line, from: branch, to: undefined });
      else {
        const last = spans.at(-1);
        if (last !== undefined) last.to = branch;
      }
    }
  }
  return spans;
}

/**
 * A seat reads what was written in the epochs that include it, the candidates that end such an epoch among them: an
 * entry's branch is the one it was written on.
 */
function isVisible(spans: readonly SeatSpan[]) {
  return (where: ExpressionBuilder<Schema, "entries">) =>
    where.or(
      spans.map(({ line, from, to }) =>
        where.and([
          where("entries.line", "=", line),
          where("entries.branch", ">=", from),
          ...(to === undefined ? [] : [where("entries.branch", "<", to)]),
        ]),
      ),
    );
}

/** The last seq that the seat may read, 0 for none. */
export async function readHead(reader: Reader, group: GroupRow, spans: readonly SeatSpan[]): Promise<Seq> {
  if (spans.length === 0 || group.head_seq === FIRST_BRANCH) return FIRST_BRANCH;
  // For nearly everybody it is the group's last entry.
  const last = await reader.hot.entryPlace(group.no, group.head_seq);
  const visible =
    last !== undefined &&
    spans.some(
      ({ line, from, to }) =>
        line === last.line && from <= last.branch && (to === undefined || last.branch < to),
    );
  return visible ? group.head_seq : readLast(reader, group, spans);
}

/** The last seq on any branch of these spans, 0 for none. O(epochs). */
async function readLast(reader: Reader, group: GroupRow, spans: readonly SeatSpan[]): Promise<Seq> {
  const row = await reader.query
    .selectFrom("epochs")
    .select((expression) => expression.fn.max("last_seq").as("seq"))
    .where("group_no", "=", group.no)
    // A branch's own commit was written on its parent.
    .whereRef("last_seq", ">", "branch")
    .where((where) =>
      where.or(
        spans.map(({ line, from, to }) =>
          where.and([
            where("line", "=", line),
            where("branch", ">=", from),
            ...(to === undefined ? [] : [where("branch", "<", to)]),
          ]),
        ),
      ),
    )
    .executeTakeFirst();
  return row?.seq ?? FIRST_BRANCH;
}

/** Without the spans that end before `after`: what lies between them and the next isn't walked through. */
async function readOpenSpans(
  reader: Reader,
  group: GroupRow,
  spans: readonly SeatSpan[],
  after: Seq,
): Promise<SeatSpan[]> {
  const open: SeatSpan[] = [];
  for (const span of spans) {
    if (span.to === undefined || (await readLast(reader, group, [span])) > after) open.push(span);
  }
  return open;
}

export interface Page {
  after: Seq;
  /** Nothing after it is visible. */
  upTo: Seq;
  limit: number;
  maxBytes: number;
}

/** Entries that the seat may read after `after`, in order: at most `limit`, and no more bytes than `maxBytes` but for the first. */
export async function readVisible(
  reader: Reader,
  group: GroupRow,
  allSpans: readonly SeatSpan[],
  page: Page,
): Promise<Entry[]> {
  const spans = await readOpenSpans(reader, group, allSpans, page.after);
  if (spans.length === 0 || page.after >= page.upTo) return [];
  const visible = isVisible(spans);
  // An entry comes after the commit that began its branch.
  const after = spans.every(({ from }) => from > page.after) ? lowest(spans) : page.after;
  const sizes = await reader.query
    .selectFrom("entries")
    .select(["seq", (expression) => expression.fn<number>("length", ["bytes"]).as("size")])
    .where("group_no", "=", group.no)
    .where("seq", ">", after)
    .where("seq", "<=", page.upTo)
    .where(visible)
    .orderBy("seq")
    .limit(page.limit)
    .execute();
  const first = sizes[0]?.seq;
  const end = lastWithin(sizes, page.maxBytes);
  if (first === undefined || end === undefined) return [];
  const rows = await reader.query
    .selectFrom("entries")
    .leftJoin("epochs", (join) =>
      // The epoch that a commit began has the commit's seq as its branch.
      join.onRef("epochs.group_no", "=", "entries.group_no").onRef("epochs.branch", "=", "entries.seq"),
    )
    .leftJoin("epoch_seats", (join) =>
      join
        .onRef("epoch_seats.group_no", "=", "entries.group_no")
        .onRef("epoch_seats.branch", "=", "entries.seq"),
    )
    .select(["seq", "entries.epoch", "entries.branch", "kind", "received_at", "bytes"])
    .select(["token_hash", "added", "removed", "replaced"])
    .where("entries.group_no", "=", group.no)
    .where("seq", ">=", first)
    .where("seq", "<=", end)
    .where(visible)
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
    if (row.token_hash !== null && row.added !== null && row.removed !== null) {
      const [from, to] = row.replaced === null ? [] : unpackSeatIds(row.replaced);
      entry.commit = {
        nextTokenHash: row.token_hash,
        seatsAdded: unpackSeatIds(row.added),
        seatsRemoved: unpackSeatIds(row.removed),
        ...(from !== undefined && to !== undefined && { seatReplaced: { from, to } }),
      };
    }
    return entry;
  });
}

function lowest(spans: readonly SeatSpan[]): Seq {
  return (
    spans.reduce<Seq | undefined>(
      (low, { from }) => (low === undefined || from < low ? from : low),
      undefined,
    ) ?? FIRST_BRANCH
  );
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
