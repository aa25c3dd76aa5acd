// What a prepared statement gives back is untyped: each cast below names the columns of its own statement, and the
// STRICT tables hold nothing else.
/* oxlint-disable typescript/no-unsafe-type-assertion */
import type { Branch, EntryKind, Epoch, Seq } from "@thicket/protocol";
import type { Awaitable, Prepare } from "@thicket/storage";
import type { SQLInputValue } from "node:sqlite";

export type GroupRow = {
  no: number;
  head_seq: Seq;
  lowest_seq: Seq;
  acked_seq: Seq;
  received_at: number;
  lines: number;
  tips: number;
};
export type EpochRow = {
  branch: Branch;
  epoch: Epoch;
  line: number;
  candidate: number;
  is_tip: number;
  token_hash: Uint8Array;
  seat_count: number;
  removes: number;
  held: number;
  began_at: number;
};
export type SeatRow = {
  token_hash: Uint8Array | null;
  cursor: Seq;
  tips: number;
  dropped: number;
  shown_day: number | null;
  origin: Uint8Array | null;
};
export type ResendRow = { digest: Uint8Array; seq: Seq; received_at: number };
export type KeyPackageRow = { ref: Uint8Array; not_after: number; bytes: Uint8Array };
/** An epoch that somebody shows the token of. */
export type PlaceRow = { epoch: Epoch; branch: Branch; line: number; is_tip: number; held: number };
/** See `seat_changes`. */
export type SeatChangeRow = { line: number; branch: Branch; holds: number };
/** Where an entry was written. */
export type EntryPlaceRow = { line: number; branch: Branch };
export type TipRow = { epoch: Epoch; branch: Branch };
/** Whose key packages, and of which suite. `now` in milliseconds: expired ones don't count. */
export type PoolKey = { userId: Uint8Array; deviceId: Uint8Array; suite: number; now: number };
export type NewEntryRow = {
  groupNo: number;
  seq: Seq;
  branch: Branch;
  line: number;
  epoch: Epoch;
  kind: EntryKind;
  receivedAt: number;
  bytes: Uint8Array;
  /** How a resend of it is recognised, and what it must equal. */
  resend: { key: Uint8Array; digest: Uint8Array };
};

/** Where a seat is added or removed. */
export type NewPlace = { line: number; branch: number };

/** What the append path reads: prepared once, because kysely costs more than the statements themselves (`stack.md`). */
export interface HotReads {
  group(groupId: Uint8Array): Awaitable<GroupRow | undefined>;
  epoch(groupNo: number, branch: number): Awaitable<EpochRow | undefined>;
  /** The commits on (epoch, branch), first candidate first. */
  candidates(groupNo: number, branch: number): Awaitable<EpochRow[]>;
  /** Newest first. */
  tips(groupNo: number): Awaitable<TipRow[]>;
  seat(groupNo: number, seatId: Uint8Array): Awaitable<SeatRow | undefined>;
  /** Whether the seats of this branch's epoch, which is on that line, include the seat. */
  holds(groupNo: number, seatId: Uint8Array, line: number, branch: number): Awaitable<boolean>;
  resend(groupNo: number, key: Uint8Array): Awaitable<ResendRow | undefined>;
  /** The epochs with this token, newest first. */
  places(groupNo: number, tokenHash: Uint8Array): Awaitable<PlaceRow[]>;
  /** The seat's own additions and removals, line by line, oldest first. */
  seatChanges(groupNo: number, seatId: Uint8Array): Awaitable<SeatChangeRow[]>;
  entryPlace(groupNo: number, seq: number): Awaitable<EntryPlaceRow | undefined>;
  /** Over the seats of all tips; undefined where there are none. */
  lowestCursor(groupNo: number): Awaitable<Seq | undefined>;
}

/** What the append, commit and acknowledge paths write. */
export interface HotWrites {
  insertEntry(entry: NewEntryRow): Awaitable<void>;
  advance(groupNo: number, headSeq: number, receivedAt: number): Awaitable<void>;
  /** The branch has its last entry, and at that time a member wrote on it (0 for somebody who is none). */
  noteWritten(groupNo: number, branch: number, seq: number, at: number): Awaitable<void>;
  /** The commit that began this branch holds the seat, on this line. `day` counts as its first show of a token. */
  addSeat(groupNo: number, seatId: Uint8Array, place: NewPlace, day: number): Awaitable<void>;
  removeSeat(groupNo: number, seatId: Uint8Array, place: NewPlace): Awaitable<void>;
  /** The seat showed the branch's token on that day (of UTC), at that time. */
  noteShown(groupNo: number, seatId: Uint8Array, day: number, branch: number, at: number): Awaitable<void>;
  setCursor(groupNo: number, seatId: Uint8Array, cursor: number): Awaitable<void>;
  setAcked(groupNo: number, seq: number): Awaitable<void>;
  /** Takes the oldest package that isn't a last resort out of the pool: nobody else gets it, on whichever node. */
  takeKeyPackage(pool: PoolKey): Awaitable<KeyPackageRow | undefined>;
}

const EPOCH = "branch, epoch, line, candidate, is_tip, token_hash, seat_count, removes, held, began_at";

export function hotReads(prepare: Prepare): HotReads {
  const get = (sql: string, ...values: SQLInputValue[]) => prepare(sql).get(...values);
  return {
    group: (groupId) =>
      get(
        "SELECT no, head_seq, lowest_seq, acked_seq, received_at, lines, tips FROM groups WHERE group_id = ?",
        groupId,
      ) as GroupRow | undefined,
    epoch: (groupNo, branch) =>
      get(`SELECT ${EPOCH} FROM epochs WHERE group_no = ? AND branch = ?`, groupNo, branch) as
        | EpochRow
        | undefined,
    candidates: (groupNo, branch) =>
      prepare(`SELECT ${EPOCH} FROM epochs WHERE group_no = ? AND parent_branch = ? ORDER BY candidate`).all(
        groupNo,
        branch,
      ) as EpochRow[],
    tips: (groupNo) =>
      prepare("SELECT epoch, branch FROM epochs WHERE group_no = ? AND is_tip = 1 ORDER BY branch DESC").all(
        groupNo,
      ) as TipRow[],
    seat: (groupNo, seatId) =>
      get(
        "SELECT token_hash, cursor, tips, dropped, shown_day, origin FROM seats WHERE group_no = ? AND seat_id = ?",
        groupNo,
        seatId,
      ) as SeatRow | undefined,
    holds: (groupNo, seatId, line, branch) => {
      const last = get(
        `SELECT holds FROM seat_changes WHERE group_no = ? AND seat_id = ? AND line = ? AND branch <= ?
         ORDER BY branch DESC LIMIT 1`,
        groupNo,
        seatId,
        line,
        branch,
      ) as { holds: number } | undefined;
      return last !== undefined && last.holds > 0;
    },
    resend: (groupNo, key) =>
      get(
        "SELECT resend_digest AS digest, seq, received_at FROM entries WHERE group_no = ? AND resend_key = ?",
        groupNo,
        key,
      ) as ResendRow | undefined,
    places: (groupNo, tokenHash) =>
      prepare(
        `SELECT epoch, branch, line, is_tip, held FROM epochs WHERE group_no = ? AND token_hash = ? ORDER BY branch DESC`,
      ).all(groupNo, tokenHash) as PlaceRow[],
    seatChanges: (groupNo, seatId) =>
      prepare(
        `SELECT line, branch, holds FROM seat_changes WHERE group_no = ? AND seat_id = ? ORDER BY line, branch`,
      ).all(groupNo, seatId) as SeatChangeRow[],
    entryPlace: (groupNo, seq) =>
      get("SELECT line, branch FROM entries WHERE group_no = ? AND seq = ?", groupNo, seq) as
        | EntryPlaceRow
        | undefined,
    lowestCursor: (groupNo) => {
      const row = get("SELECT min(cursor) AS lowest FROM seats WHERE group_no = ? AND tips > 0", groupNo) as
        | { lowest: Seq | null }
        | undefined;
      return row?.lowest ?? undefined;
    },
  };
}

export function hotWrites(prepare: Prepare): HotWrites {
  const run = (sql: string, ...values: SQLInputValue[]): void => {
    prepare(sql).run(...values);
  };
  const changeSeat = (groupNo: number, seatId: Uint8Array, { line, branch }: NewPlace, holds: 0 | 1) =>
    run(
      "INSERT INTO seat_changes (group_no, seat_id, line, branch, holds) VALUES (?, ?, ?, ?, ?)",
      groupNo,
      seatId,
      line,
      branch,
      holds,
    );
  return {
    insertEntry: (entry) =>
      run(
        `INSERT INTO entries (group_no, seq, branch, line, epoch, kind, received_at, bytes, resend_key, resend_digest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        entry.groupNo,
        entry.seq,
        entry.branch,
        entry.line,
        entry.epoch,
        entry.kind,
        entry.receivedAt,
        entry.bytes,
        entry.resend.key,
        entry.resend.digest,
      ),
    advance: (groupNo, headSeq, receivedAt) =>
      run("UPDATE groups SET head_seq = ?, received_at = ? WHERE no = ?", headSeq, receivedAt, groupNo),
    noteWritten: (groupNo, branch, seq, at) =>
      run(
        `UPDATE epochs SET last_seq = ?, written_at = CASE WHEN written_at < ? THEN ? ELSE written_at END
         WHERE group_no = ? AND branch = ?`,
        seq,
        at,
        at,
        groupNo,
        branch,
      ),
    noteShown: (groupNo, seatId, day, branch, at) => {
      run("UPDATE seats SET shown_day = ? WHERE group_no = ? AND seat_id = ?", day, groupNo, seatId);
      run(
        "UPDATE epochs SET written_at = ? WHERE group_no = ? AND branch = ? AND written_at < ?",
        at,
        groupNo,
        branch,
        at,
      );
    },
    addSeat: (groupNo, seatId, place, day) => {
      // A seat just added counts from its branch; one that comes back keeps its token.
      run(
        `INSERT INTO seats (group_no, seat_id, cursor, tips, shown_day) VALUES (?, ?, ?, 1, ?)
         ON CONFLICT (group_no, seat_id) DO UPDATE SET
           cursor = CASE WHEN seats.tips = 0 AND seats.cursor < excluded.cursor THEN excluded.cursor ELSE seats.cursor END,
           shown_day = CASE WHEN seats.tips = 0 THEN excluded.shown_day ELSE seats.shown_day END,
           tips = seats.tips + 1`,
        groupNo,
        seatId,
        place.branch,
        day,
      );
      changeSeat(groupNo, seatId, place, 1);
    },
    removeSeat: (groupNo, seatId, place) => {
      run(
        `UPDATE seats SET tips = CASE WHEN tips > 0 THEN tips - 1 ELSE 0 END, needs_to = ?
         WHERE group_no = ? AND seat_id = ?`,
        place.branch,
        groupNo,
        seatId,
      );
      changeSeat(groupNo, seatId, place, 0);
    },
    setCursor: (groupNo, seatId, cursor) =>
      run("UPDATE seats SET cursor = ? WHERE group_no = ? AND seat_id = ?", cursor, groupNo, seatId),
    setAcked: (groupNo, seq) => run("UPDATE groups SET acked_seq = ? WHERE no = ?", seq, groupNo),
    takeKeyPackage: ({ userId, deviceId, suite, now }) =>
      prepare(
        `DELETE FROM key_packages WHERE no = (
           SELECT no FROM key_packages
           WHERE user_id = ? AND device_id = ? AND suite = ? AND last_resort = 0 AND not_after > ?
           ORDER BY no LIMIT 1
         ) RETURNING ref, not_after, bytes`,
      ).get(userId, deviceId, suite, now) as KeyPackageRow | undefined,
  };
}
