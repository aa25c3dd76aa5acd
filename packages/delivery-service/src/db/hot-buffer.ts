import type { Run } from "@thicket/storage";
import { toHex } from "@thicket/protocol";
import type { NewEntryRow } from "./statements.ts";

type Numbered<T> = T & { groupNo: number };

/** Writes that wait to go to the database together. */
export interface WriteBuffer {
  empty: boolean;
  /** Whose rows they are. */
  groups: Set<number>;
  entries: NewEntryRow[];
  heads: Map<number, { headSeq: number; receivedAt: number }>;
  acked: Map<number, number>;
  cursors: Map<string, Numbered<{ seatId: Uint8Array; cursor: number }>>;
  /** Additions (1) and removals (0), in order. */
  seats: Numbered<{ seatId: Uint8Array; line: number; branch: number; holds: 0 | 1; day: number }>[];
  /** By group and branch: its last entry, and when a member wrote on it. */
  written: Map<string, Written>;
  /** By seat: the day on which it showed a token. */
  shownDays: Map<string, Numbered<{ seatId: Uint8Array; day: number }>>;
  /** By branch: when its token was shown. */
  shownAt: Map<string, Numbered<{ branch: number; at: number }>>;
}

type Written = Numbered<{ branch: number; seq: number; at: number }>;

export function createBuffer(): WriteBuffer {
  return {
    empty: true,
    groups: new Set(),
    entries: [],
    heads: new Map(),
    acked: new Map(),
    cursors: new Map(),
    seats: [],
    written: new Map(),
    shownDays: new Map(),
    shownAt: new Map(),
  };
}

/** Adds what came later. */
export function mergeBuffer(into: WriteBuffer, later: WriteBuffer): void {
  into.empty &&= later.empty;
  for (const no of later.groups) into.groups.add(no);
  for (const entry of later.entries) into.entries.push(entry);
  for (const [no, head] of later.heads) into.heads.set(no, head);
  for (const [no, seq] of later.acked) into.acked.set(no, seq);
  for (const [key, cursor] of later.cursors) into.cursors.set(key, cursor);
  for (const seat of later.seats) into.seats.push(seat);
  for (const written of later.written.values()) noteWritten(into.written, written);
  for (const [key, shown] of later.shownDays) into.shownDays.set(key, shown);
  for (const [key, shown] of later.shownAt) into.shownAt.set(key, shown);
}

export function noteWritten(into: WriteBuffer["written"], later: Written): void {
  const key = `${later.groupNo} ${later.branch}`;
  into.set(key, { ...later, at: Math.max(later.at, into.get(key)?.at ?? 0) });
}

/** Writes all of it by one statement for each kind: sent at once, carried out in this order. */
export async function flushBuffer(run: Run, buffer: WriteBuffer): Promise<void> {
  const statements: Promise<unknown>[] = [];
  // Seats first, then cursors: a write that changes seats has gone to the database before by itself, so no cursor here
  // is older than a seat here.
  for (const seats of runsOf(buffer.seats)) statements.push(...writeSeats(run, seats));
  const { entries, heads, acked, cursors } = buffer;
  if (entries.length > 0) statements.push(writeEntries(run, entries));
  if (heads.size > 0) {
    statements.push(
      run(
        `UPDATE groups SET head_seq = new.head_seq, received_at = new.received_at
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS new (no, head_seq, received_at)
         WHERE groups.no = new.no`,
        [
          [...heads.keys()],
          [...heads.values()].map(({ headSeq }) => headSeq),
          [...heads.values()].map(({ receivedAt }) => receivedAt),
        ],
      ),
    );
  }
  if (acked.size > 0) {
    statements.push(
      run(
        `UPDATE groups SET acked_seq = new.seq
         FROM unnest($1::bigint[], $2::bigint[]) AS new (no, seq) WHERE groups.no = new.no`,
        [[...acked.keys()], [...acked.values()]],
      ),
    );
  }
  if (cursors.size > 0) statements.push(writeCursors(run, [...cursors.values()]));
  if (buffer.shownDays.size > 0) statements.push(...writeShown(run, buffer));
  if (buffer.written.size > 0) statements.push(writeWritten(run, [...buffer.written.values()]));
  await all(statements);
}

/** Waits for all of them, also where one fails: the connection is then free. */
export async function all(statements: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(statements);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** The entries' bytes travel as one value: as an array they would be written out in hexadecimal. */
async function writeEntries(run: Run, entries: readonly NewEntryRow[]): Promise<void> {
  let end = 0;
  const starts = entries.map(({ bytes }) => {
    const start = end + 1;
    end += bytes.length;
    return start;
  });
  await run(
    `INSERT INTO entries (group_no, seq, branch, epoch, kind, received_at, line, resend_key, resend_digest, bytes)
     SELECT group_no, seq, branch, epoch, kind, received_at, line, resend_key, resend_digest,
       substring($12::bytea FROM start FOR length)
     FROM unnest(
       $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[],
       $9::bytea[], $10::integer[], $11::integer[]
     ) AS new (
       group_no, seq, branch, epoch, kind, received_at, line, resend_key, resend_digest, start, length
     )`,
    [
      entries.map(({ groupNo }) => groupNo),
      entries.map(({ seq }) => seq),
      entries.map(({ branch }) => branch),
      entries.map(({ epoch }) => epoch),
      entries.map(({ kind }) => kind),
      entries.map(({ receivedAt }) => receivedAt),
      entries.map(({ line }) => line),
      entries.map(({ resend }) => resend.key),
      entries.map(({ resend }) => resend.digest),
      starts,
      entries.map(({ bytes }) => bytes.length),
      Buffer.concat(entries.map(({ bytes }) => bytes)),
    ],
  );
}

async function writeCursors(
  run: Run,
  cursors: readonly Numbered<{ seatId: Uint8Array; cursor: number }>[],
): Promise<void> {
  await run(
    `UPDATE seats SET cursor = new.cursor
     FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS new (group_no, seat_id, cursor)
     WHERE seats.group_no = new.group_no AND seats.seat_id = new.seat_id`,
    [
      cursors.map(({ groupNo }) => groupNo),
      cursors.map(({ seatId }) => seatId),
      cursors.map(({ cursor }) => cursor),
    ],
  );
}

/** Either additions or removals, each seat once: what one statement can do. */
function* runsOf(seats: WriteBuffer["seats"]): Generator<WriteBuffer["seats"]> {
  let part: WriteBuffer["seats"] = [];
  const named = new Set<string>();
  for (const seat of seats) {
    const key = `${seat.groupNo} ${toHex(seat.seatId)}`;
    if (part.length > 0 && (part[0]?.holds !== seat.holds || named.has(key))) {
      yield part;
      part = [];
      named.clear();
    }
    part.push(seat);
    named.add(key);
  }
  if (part.length > 0) yield part;
}

function writeSeats(run: Run, seats: WriteBuffer["seats"]): Promise<unknown>[] {
  const nos = seats.map(({ groupNo }) => groupNo);
  const ids = seats.map(({ seatId }) => seatId);
  const lines = seats.map(({ line }) => line);
  const branches = seats.map(({ branch }) => branch);
  const days = seats.map(({ day }) => day);
  const holds = seats[0]?.holds ?? 0;
  return [
    holds === 1
      ? // A seat just added counts from its branch; one that comes back keeps its token.
        run(
          `INSERT INTO seats (group_no, seat_id, cursor, tips, shown_day)
           SELECT group_no, seat_id, cursor, 1, day
           FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[]) AS new (group_no, seat_id, cursor, day)
           ON CONFLICT (group_no, seat_id) DO UPDATE SET
             cursor = CASE WHEN seats.tips = 0 THEN GREATEST(seats.cursor, excluded.cursor) ELSE seats.cursor END,
             shown_day = CASE WHEN seats.tips = 0 THEN excluded.shown_day ELSE seats.shown_day END,
             tips = seats.tips + 1`,
          [nos, ids, branches, days],
        )
      : run(
          `UPDATE seats SET tips = GREATEST(seats.tips - 1, 0), needs_to = gone.branch
           FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS gone (group_no, seat_id, branch)
           WHERE seats.group_no = gone.group_no AND seats.seat_id = gone.seat_id`,
          [nos, ids, branches],
        ),
    run(
      `INSERT INTO seat_changes (group_no, seat_id, line, branch, holds)
       SELECT group_no, seat_id, line, branch, $5
       FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[]) AS new (group_no, seat_id, line, branch)`,
      [nos, ids, lines, branches, holds],
    ),
  ];
}

async function writeWritten(run: Run, written: readonly Written[]): Promise<void> {
  await run(
    `UPDATE epochs SET last_seq = new.seq, written_at = GREATEST(epochs.written_at, new.at)
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new (group_no, branch, seq, at)
     WHERE epochs.group_no = new.group_no AND epochs.branch = new.branch`,
    [
      written.map(({ groupNo }) => groupNo),
      written.map(({ branch }) => branch),
      written.map(({ seq }) => seq),
      written.map(({ at }) => at),
    ],
  );
}

function writeShown(run: Run, { shownDays, shownAt }: WriteBuffer): Promise<unknown>[] {
  const days = [...shownDays.values()];
  const times = [...shownAt.values()];
  return [
    run(
      `UPDATE seats SET shown_day = new.day
       FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS new (group_no, seat_id, day)
       WHERE seats.group_no = new.group_no AND seats.seat_id = new.seat_id`,
      [days.map(({ groupNo }) => groupNo), days.map(({ seatId }) => seatId), days.map(({ day }) => day)],
    ),
    run(
      `UPDATE epochs SET written_at = GREATEST(epochs.written_at, new.at)
       FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS new (group_no, branch, at)
       WHERE epochs.group_no = new.group_no AND epochs.branch = new.branch`,
      [times.map(({ groupNo }) => groupNo), times.map(({ branch }) => branch), times.map(({ at }) => at)],
    ),
  ];
}
