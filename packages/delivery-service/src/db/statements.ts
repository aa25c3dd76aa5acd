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
};
export type EpochRow = {
  branch: Branch;
  epoch: Epoch;
  is_tip: number;
  token_hash: Uint8Array;
  seat_count: number;
  seats_added: Uint8Array;
  seats_removed: Uint8Array;
};
export type SeatRow = { token_hash: Uint8Array | null; cursor: Seq; in_newest: number };
export type ResendRow = { digest: Uint8Array; seq: Seq; received_at: number };
export type KeyPackageRow = { ref: Uint8Array; not_after: number; bytes: Uint8Array };
export type TipRow = { epoch: Epoch; branch: Branch };
/** Whose key packages, and of which suite. `now` in milliseconds: expired ones don't count. */
export type PoolKey = { userId: Uint8Array; deviceId: Uint8Array; suite: number; now: number };
export type NewEntryRow = {
  groupNo: number;
  seq: Seq;
  branch: Branch;
  epoch: Epoch;
  kind: EntryKind;
  receivedAt: number;
  bytes: Uint8Array;
};

/** What the append path reads: prepared once, because kysely costs more than the statements themselves (`stack.md`). */
export interface HotReads {
  group(groupId: Uint8Array): Awaitable<GroupRow | undefined>;
  epoch(groupNo: number, branch: number): Awaitable<EpochRow | undefined>;
  /** The commits on (epoch, branch), first candidate first. */
  candidates(groupNo: number, branch: number): Awaitable<EpochRow[]>;
  /** Newest first. */
  tips(groupNo: number): Awaitable<TipRow[]>;
  seat(groupNo: number, seatId: Uint8Array): Awaitable<SeatRow | undefined>;
  /** Whether the seats of this branch's epoch include the seat. */
  holds(groupNo: number, seatId: Uint8Array, branch: number): Awaitable<boolean>;
  resend(groupNo: number, key: Uint8Array): Awaitable<ResendRow | undefined>;
  /** Over the seats of the newest tip; undefined where it has none. */
  lowestCursor(groupNo: number): Awaitable<Seq | undefined>;
}

/** What the append, commit and acknowledge paths write. */
export interface HotWrites {
  insertEntry(entry: NewEntryRow): Awaitable<void>;
  insertResend(
    groupNo: number,
    key: Uint8Array,
    digest: Uint8Array,
    seq: number,
    receivedAt: number,
  ): Awaitable<void>;
  advance(groupNo: number, headSeq: number, receivedAt: number): Awaitable<void>;
  addSeat(groupNo: number, seatId: Uint8Array, branch: number): Awaitable<void>;
  removeSeat(groupNo: number, seatId: Uint8Array, branch: number): Awaitable<void>;
  setCursor(groupNo: number, seatId: Uint8Array, cursor: number): Awaitable<void>;
  setAcked(groupNo: number, seq: number): Awaitable<void>;
  /** Takes the oldest package that isn't a last resort out of the pool: nobody else gets it, on whichever node. */
  takeKeyPackage(pool: PoolKey): Awaitable<KeyPackageRow | undefined>;
}

const EPOCH = "branch, epoch, is_tip, token_hash, seat_count, seats_added, seats_removed";

export function hotReads(prepare: Prepare): HotReads {
  const get = (sql: string, ...values: SQLInputValue[]) => prepare(sql).get(...values);
  return {
    group: (groupId) =>
      get(
        "SELECT no, head_seq, lowest_seq, acked_seq, received_at FROM groups WHERE group_id = ?",
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
        "SELECT token_hash, cursor, in_newest FROM seats WHERE group_no = ? AND seat_id = ?",
        groupNo,
        seatId,
      ) as SeatRow | undefined,
    holds: (groupNo, seatId, branch) =>
      get(
        "SELECT holds FROM seat_changes WHERE group_no = ? AND seat_id = ? AND branch <= ? ORDER BY branch DESC LIMIT 1",
        groupNo,
        seatId,
        branch,
      )?.["holds"] === 1,
    resend: (groupNo, key) =>
      get("SELECT digest, seq, received_at FROM resends WHERE group_no = ? AND key = ?", groupNo, key) as
        | ResendRow
        | undefined,
    lowestCursor: (groupNo) => {
      const row = get(
        "SELECT min(cursor) AS lowest FROM seats WHERE group_no = ? AND in_newest = 1",
        groupNo,
      ) as { lowest: Seq | null } | undefined;
      return row?.lowest ?? undefined;
    },
  };
}

export function hotWrites(prepare: Prepare): HotWrites {
  const run = (sql: string, ...values: SQLInputValue[]): void => {
    prepare(sql).run(...values);
  };
  const changeSeat = (groupNo: number, seatId: Uint8Array, branch: number, holds: 0 | 1) =>
    run(
      "INSERT INTO seat_changes (group_no, seat_id, branch, holds) VALUES (?, ?, ?, ?)",
      groupNo,
      seatId,
      branch,
      holds,
    );
  return {
    insertEntry: (entry) =>
      run(
        "INSERT INTO entries (group_no, seq, branch, epoch, kind, received_at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        entry.groupNo,
        entry.seq,
        entry.branch,
        entry.epoch,
        entry.kind,
        entry.receivedAt,
        entry.bytes,
      ),
    insertResend: (groupNo, key, digest, seq, receivedAt) =>
      run(
        "INSERT INTO resends (group_no, key, digest, seq, received_at) VALUES (?, ?, ?, ?, ?)",
        groupNo,
        key,
        digest,
        seq,
        receivedAt,
      ),
    advance: (groupNo, headSeq, receivedAt) =>
      run("UPDATE groups SET head_seq = ?, received_at = ? WHERE no = ?", headSeq, receivedAt, groupNo),
    addSeat: (groupNo, seatId, branch) => {
      // A seat just added counts from its branch; one that comes back keeps its token.
      run(
        `INSERT INTO seats (group_no, seat_id, cursor, in_newest) VALUES (?, ?, ?, 1)
         ON CONFLICT (group_no, seat_id) DO UPDATE SET cursor = max(cursor, excluded.cursor), in_newest = 1`,
        groupNo,
        seatId,
        branch,
      );
      changeSeat(groupNo, seatId, branch, 1);
    },
    removeSeat: (groupNo, seatId, branch) => {
      run("UPDATE seats SET in_newest = 0 WHERE group_no = ? AND seat_id = ?", groupNo, seatId);
      changeSeat(groupNo, seatId, branch, 0);
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
