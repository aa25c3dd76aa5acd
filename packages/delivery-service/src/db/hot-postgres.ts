// What a statement gives back is untyped: each cast below names the columns of its own statement.
/* oxlint-disable typescript/no-unsafe-type-assertion */
import type { BatchStatements, HotBatch, Run } from "@thicket/storage";
import { fromHex, type GroupId, type Seq, toHex } from "@thicket/protocol";
import { resendKey } from "../groups/resend-key.ts";
import type { DeliveryModel } from "./access.ts";
import { all, createBuffer, flushBuffer, mergeBuffer, noteWritten, type WriteBuffer } from "./hot-buffer.ts";
import { tokenHash } from "../seats/tokens.ts";
import { createLowestCursors, type LowestCursors, LOWEST_KEPT } from "./lowest-cursors.ts";
import type { GroupPlan, Plan } from "./plan.ts";
import type {
  EntryPlaceRow,
  EpochRow,
  GroupRow,
  HotReads,
  HotWrites,
  KeyPackageRow,
  NewPlace,
  PlaceRow,
  ResendRow,
  SeatChangeRow,
  SeatRow,
  TipRow,
} from "./statements.ts";

const GROUP = "no, head_seq, lowest_seq, acked_seq, received_at, lines, tips";
const EPOCH = "branch, epoch, line, candidate, is_tip, token_hash, seat_count, removes, held, began_at";
const SEAT = "token_hash, cursor, tips, dropped, shown_day, origin";

/** Each read by a statement of its own: for readers, and for what a batch didn't fetch. */
export function hotReadsOver(run: Run): HotReads {
  const get = async (sql: string, ...values: unknown[]) => (await run(sql, values))[0];
  return {
    group: async (groupId) =>
      (await get(`SELECT ${GROUP} FROM groups WHERE group_id = $1`, groupId)) as GroupRow | undefined,
    epoch: async (groupNo, branch) =>
      (await get(`SELECT ${EPOCH} FROM epochs WHERE group_no = $1 AND branch = $2`, groupNo, branch)) as
        | EpochRow
        | undefined,
    candidates: async (groupNo, branch) =>
      (await run(
        `SELECT ${EPOCH} FROM epochs WHERE group_no = $1 AND parent_branch = $2 ORDER BY candidate`,
        [groupNo, branch],
      )) as EpochRow[],
    tips: async (groupNo) =>
      (await run("SELECT epoch, branch FROM epochs WHERE group_no = $1 AND is_tip = 1 ORDER BY branch DESC", [
        groupNo,
      ])) as TipRow[],
    seat: async (groupNo, seatId) =>
      (await get(`SELECT ${SEAT} FROM seats WHERE group_no = $1 AND seat_id = $2`, groupNo, seatId)) as
        | SeatRow
        | undefined,
    holds: async (groupNo, seatId, line, branch) => {
      const last = (await get(
        `SELECT holds FROM seat_changes WHERE group_no = $1 AND seat_id = $2 AND line = $3 AND branch <= $4
         ORDER BY branch DESC LIMIT 1`,
        groupNo,
        seatId,
        line,
        branch,
      )) as { holds: number } | undefined;
      return last !== undefined && last.holds > 0;
    },
    resend: async (groupNo, key) =>
      (await get(
        "SELECT resend_digest AS digest, seq, received_at FROM entries WHERE group_no = $1 AND resend_key = $2",
        groupNo,
        key,
      )) as ResendRow | undefined,
    places: async (groupNo, hash) =>
      (await run(
        "SELECT epoch, branch, line, is_tip, held FROM epochs WHERE group_no = $1 AND token_hash = $2 ORDER BY branch DESC",
        [groupNo, hash],
      )) as PlaceRow[],
    seatChanges: async (groupNo, seatId) =>
      (await run(
        "SELECT line, branch, holds FROM seat_changes WHERE group_no = $1 AND seat_id = $2 ORDER BY line, branch",
        [groupNo, seatId],
      )) as SeatChangeRow[],
    entryPlace: async (groupNo, seq) =>
      (await get("SELECT line, branch FROM entries WHERE group_no = $1 AND seq = $2", groupNo, seq)) as
        | EntryPlaceRow
        | undefined,
    lowestCursor: async (groupNo) => {
      const row = (await get(
        "SELECT min(cursor) AS lowest FROM seats WHERE group_no = $1 AND tips > 0",
        groupNo,
      )) as { lowest: Seq | null } | undefined;
      return row?.lowest ?? undefined;
    },
  };
}

/** A group as a batch has fetched it, kept up to date with what the batch writes. */
interface FetchedGroup {
  row: GroupRow | undefined;
  epochs: Map<number, EpochRow | undefined>;
  seats: Map<string, SeatRow | undefined>;
  /** By seat and branch. */
  holds: Map<string, boolean>;
  resends: Map<string, ResendRow | undefined>;
  /** By the token's hash. */
  places: Map<string, PlaceRow[]>;
  seatChanges: Map<string, SeatChangeRow[]>;
  entryPlaces: Map<number, EntryPlaceRow | undefined>;
  tips: TipRow[] | undefined;
  lowest: LowestCursors | undefined;
}

/** The Delivery Service's unit of work: some ten statements for a batch of appends, however many they are. */
export function createHotBatch({ run, read, write }: BatchStatements): HotBatch<DeliveryModel> {
  const byId = new Map<GroupId, FetchedGroup>();
  const byNo = new Map<number, FetchedGroup>();
  let kept = createBuffer();
  let own = createBuffer();

  return {
    hot: { ...readsFirst(byId, byNo, hotReadsOver(read)), ...writesBuffered(byNo, () => own, write) },
    async fetch(plan, later) {
      if (plan.groups.every(({ groupId }) => byId.has(groupId))) return;
      // One that was forgotten may have been written to since: what waits must be seen by what is fetched now.
      await flush("kept");
      const wanted = [plan, ...later].flatMap(({ groups }) =>
        groups.filter(({ groupId }) => !byId.has(groupId)),
      );
      await fetchGroups(run, wanted, byId, byNo);
    },
    forget: (plan) => forget(plan, byId, byNo),
    isPending: () => !own.empty,
    keep() {
      if (own.empty) return;
      mergeBuffer(kept, own);
      own = createBuffer();
    },
    discard() {
      if (own.empty) return;
      // What it has written over what was fetched: fetched anew.
      for (const [groupId, { row }] of byId) {
        if (row !== undefined && own.groups.has(row.no)) forget({ groups: [{ groupId }] }, byId, byNo);
      }
      own = createBuffer();
    },
    flush,
  };

  async function flush(which: "own" | "kept"): Promise<void> {
    const buffer = which === "own" ? own : kept;
    if (buffer.empty) return;
    if (which === "own") own = createBuffer();
    else kept = createBuffer();
    await flushBuffer(run, buffer);
  }
}

function forget(plan: Plan, byId: Map<GroupId, FetchedGroup>, byNo: Map<number, FetchedGroup>): void {
  for (const { groupId } of plan.groups) {
    const no = byId.get(groupId)?.row?.no;
    if (no !== undefined) byNo.delete(no);
    byId.delete(groupId);
  }
}

/** Locks the groups in the order of their ids, as every node does, and fetches what the plans name. */
async function fetchGroups(
  run: Run,
  wanted: readonly GroupPlan[],
  byId: Map<GroupId, FetchedGroup>,
  byNo: Map<number, FetchedGroup>,
): Promise<void> {
  const ids = [...new Set(wanted.map(({ groupId }) => groupId))].sort();
  const rows = (await run(
    `SELECT group_id, ${GROUP} FROM groups WHERE group_id = ANY($1::bytea[]) ORDER BY group_id FOR UPDATE`,
    [ids.map(fromHex)],
  )) as (GroupRow & { group_id: Uint8Array })[];
  const empty = (row: GroupRow | undefined): FetchedGroup => ({
    row,
    epochs: new Map(),
    seats: new Map(),
    holds: new Map(),
    resends: new Map(),
    places: new Map(),
    seatChanges: new Map(),
    entryPlaces: new Map(),
    tips: undefined,
    lowest: undefined,
  });
  for (const id of ids) byId.set(id, empty(undefined));
  for (const { group_id: id, ...row } of rows) {
    const group = empty(row);
    byId.set(toHex(id) as GroupId, group);
    byNo.set(row.no, group);
  }
  await all([
    fetchResends(run, wanted, byId, byNo),
    fetchSeats(run, wanted, byId, byNo),
    fetchEpochs(run, wanted, byId, byNo),
    fetchHolds(run, wanted, byId),
    fetchLowest(run, wanted, byId),
    fetchAttaching(run, wanted, byId, byNo),
  ]);
}

type Groups = ReadonlyMap<GroupId, FetchedGroup>;
type Numbers = ReadonlyMap<number, FetchedGroup>;

/** The wanted that say so much of themselves, with the groups that there are. */
function* present<K extends keyof GroupPlan>(wanted: readonly GroupPlan[], byId: Groups, ...fields: K[]) {
  for (const plan of wanted) {
    const group = byId.get(plan.groupId);
    if (group?.row === undefined || fields.some((field) => plan[field] === undefined)) continue;
    yield { group, no: group.row.no, plan: plan as GroupPlan & Required<Pick<GroupPlan, K>> };
  }
}

async function fetchResends(run: Run, wanted: readonly GroupPlan[], byId: Groups, byNo: Numbers) {
  const nos: number[] = [];
  const keys: Uint8Array[] = [];
  for (const { group, no, plan } of present(wanted, byId, "seatId", "entryId")) {
    const key = resendKey(plan.seatId, plan.entryId);
    group.resends.set(toHex(key), undefined);
    nos.push(no);
    keys.push(key);
  }
  if (nos.length === 0) return;
  const rows = (await run(
    `SELECT group_no, resend_key AS key, resend_digest AS digest, seq, received_at
     FROM unnest($1::bigint[], $2::bytea[]) AS wanted (group_no, resend_key)
     JOIN entries USING (group_no, resend_key)`,
    [nos, keys],
  )) as (ResendRow & { group_no: number; key: Uint8Array })[];
  for (const { group_no: no, key, ...row } of rows) byNo.get(no)?.resends.set(toHex(key), row);
}

async function fetchSeats(run: Run, wanted: readonly GroupPlan[], byId: Groups, byNo: Numbers) {
  const nos: number[] = [];
  const seats: Uint8Array[] = [];
  for (const { group, no, plan } of present(wanted, byId, "seatId")) {
    if (group.seats.has(plan.seatId)) continue;
    group.seats.set(plan.seatId, undefined);
    nos.push(no);
    seats.push(fromHex(plan.seatId));
  }
  if (nos.length === 0) return;
  const rows = (await run(
    `SELECT group_no, seat_id, ${SEAT}
     FROM unnest($1::bigint[], $2::bytea[]) AS wanted (group_no, seat_id) JOIN seats USING (group_no, seat_id)`,
    [nos, seats],
  )) as (SeatRow & { group_no: number; seat_id: Uint8Array })[];
  for (const { group_no: no, seat_id: seatId, ...row } of rows) byNo.get(no)?.seats.set(toHex(seatId), row);
}

async function fetchEpochs(run: Run, wanted: readonly GroupPlan[], byId: Groups, byNo: Numbers) {
  const nos: number[] = [];
  const branches: number[] = [];
  for (const { group, no, plan } of present(wanted, byId, "branch")) {
    if (group.epochs.has(plan.branch)) continue;
    group.epochs.set(plan.branch, undefined);
    nos.push(no);
    branches.push(plan.branch);
  }
  if (nos.length === 0) return;
  const rows = (await run(
    `SELECT group_no, ${EPOCH}
     FROM unnest($1::bigint[], $2::bigint[]) AS wanted (group_no, branch) JOIN epochs USING (group_no, branch)`,
    [nos, branches],
  )) as (EpochRow & { group_no: number })[];
  for (const { group_no: no, ...row } of rows) byNo.get(no)?.epochs.set(row.branch, row);
}

async function fetchHolds(run: Run, wanted: readonly GroupPlan[], byId: Groups) {
  const asked: { group: FetchedGroup; key: string }[] = [];
  const nos: number[] = [];
  const seats: Uint8Array[] = [];
  const branches: number[] = [];
  for (const { group, no, plan } of present(wanted, byId, "seatId", "branch")) {
    const key = holdsKey(plan.seatId, plan.branch);
    if (group.holds.has(key)) continue;
    group.holds.set(key, false);
    asked.push({ group, key });
    nos.push(no);
    seats.push(fromHex(plan.seatId));
    branches.push(plan.branch);
  }
  if (nos.length === 0) return;
  const rows = (await run(
    `SELECT wanted.place, latest.holds
     FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) WITH ORDINALITY
       AS wanted (group_no, seat_id, branch, place)
     JOIN epochs ON epochs.group_no = wanted.group_no AND epochs.branch = wanted.branch
     CROSS JOIN LATERAL (
       SELECT holds FROM seat_changes AS change
       WHERE change.group_no = wanted.group_no AND change.seat_id = wanted.seat_id
         AND change.line = epochs.line AND change.branch <= wanted.branch
       ORDER BY change.branch DESC LIMIT 1
     ) AS latest`,
    [nos, seats, branches],
  )) as { place: number; holds: number }[];
  for (const { place, holds } of rows) {
    const found = asked[place - 1];
    found?.group.holds.set(found.key, holds > 0);
  }
}

async function fetchLowest(run: Run, wanted: readonly GroupPlan[], byId: Groups) {
  const groups = new Map<number, FetchedGroup>();
  for (const { group, no } of present(wanted, byId, "cursors")) groups.set(no, group);
  if (groups.size === 0) return;
  const rows = (await run(
    `SELECT wanted.group_no, lowest.seat_id, lowest.cursor
     FROM unnest($1::bigint[]) AS wanted (group_no)
     CROSS JOIN LATERAL (
       SELECT seat_id, cursor FROM seats
       WHERE seats.group_no = wanted.group_no AND tips > 0 ORDER BY cursor LIMIT ${LOWEST_KEPT}
     ) AS lowest`,
    [[...groups.keys()]],
  )) as { group_no: number; seat_id: Uint8Array; cursor: Seq }[];
  for (const [no, group] of groups) {
    const cursors = rows
      .filter((row) => row.group_no === no)
      .map((row) => [toHex(row.seat_id), row.cursor] as const);
    group.lowest = createLowestCursors(cursors);
  }
}

/** What an attach says of where a seat stands. */
async function fetchAttaching(run: Run, wanted: readonly GroupPlan[], byId: Groups, byNo: Numbers) {
  const groups = new Map<number, FetchedGroup>();
  const seats: { no: number; seatId: Uint8Array }[] = [];
  const tokens: { no: number; hash: Uint8Array }[] = [];
  for (const { group, no, plan } of present(wanted, byId, "seatId", "attaching")) {
    groups.set(no, group);
    if (!group.seatChanges.has(plan.seatId)) seats.push({ no, seatId: fromHex(plan.seatId) });
    group.seatChanges.set(plan.seatId, []);
    const { epochToken } = plan.attaching;
    if (epochToken === undefined) continue;
    const hash = tokenHash(epochToken);
    if (!group.places.has(toHex(hash))) tokens.push({ no, hash });
    group.places.set(toHex(hash), []);
  }
  if (groups.size === 0) return;
  for (const group of groups.values()) {
    group.tips = [];
    if (group.row !== undefined) group.entryPlaces.set(group.row.head_seq, undefined);
  }
  const numbers = [...groups.keys()];
  await all([
    fetchRows<SeatChangeRow & { seat_id: Uint8Array }>(
      run,
      `SELECT group_no, seat_id, line, branch, holds
       FROM unnest($1::bigint[], $2::bytea[]) AS wanted (group_no, seat_id)
       JOIN seat_changes USING (group_no, seat_id) ORDER BY line, branch`,
      [seats.map(({ no }) => no), seats.map(({ seatId }) => seatId)],
      (no, { seat_id: seatId, ...row }) => byNo.get(no)?.seatChanges.get(toHex(seatId))?.push(row),
    ),
    fetchRows<PlaceRow & { token_hash: Uint8Array }>(
      run,
      `SELECT group_no, token_hash, epoch, branch, line, is_tip, held
       FROM unnest($1::bigint[], $2::bytea[]) AS wanted (group_no, token_hash)
       JOIN epochs USING (group_no, token_hash) ORDER BY branch DESC`,
      [tokens.map(({ no }) => no), tokens.map(({ hash }) => hash)],
      (no, { token_hash: hash, ...row }) => byNo.get(no)?.places.get(toHex(hash))?.push(row),
    ),
    fetchRows<TipRow>(
      run,
      `SELECT group_no, epoch, branch FROM unnest($1::bigint[]) AS wanted (group_no)
       JOIN epochs USING (group_no) WHERE is_tip = 1 ORDER BY branch DESC`,
      [numbers],
      (no, row) => byNo.get(no)?.tips?.push(row),
    ),
    fetchRows<EntryPlaceRow & { seq: number }>(
      run,
      `SELECT group_no, seq, line, branch FROM unnest($1::bigint[], $2::bigint[]) AS wanted (group_no, seq)
       JOIN entries USING (group_no, seq)`,
      [numbers, [...groups.values()].map(({ row }) => row?.head_seq ?? 0)],
      (no, { seq, ...row }) => byNo.get(no)?.entryPlaces.set(seq, row),
    ),
  ]);
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the statement's columns, as the casts do
async function fetchRows<R>(
  run: Run,
  sql: string,
  values: readonly (readonly unknown[])[],
  take: (groupNo: number, row: R) => unknown,
): Promise<void> {
  if (values[0]?.length === 0) return;
  for (const { group_no: no, ...row } of await run(sql, values)) take(Number(no), row as R);
}

const holdsKey = (seatId: string, branch: number) => `${seatId} ${branch}`;

/** What was fetched, else by a statement. Rows are copies: what is read stays as it was when it was read. */
function readsFirst(byId: Groups, byNo: Numbers, direct: HotReads): HotReads {
  return {
    ...direct,
    group(groupId) {
      const found = byId.get(toHex(groupId) as GroupId);
      return found === undefined ? direct.group(groupId) : found.row && { ...found.row };
    },
    epoch(groupNo, branch) {
      const found = byNo.get(groupNo)?.epochs;
      return found?.has(branch) === true ? found.get(branch) : direct.epoch(groupNo, branch);
    },
    seat(groupNo, seatId) {
      const found = byNo.get(groupNo)?.seats;
      const id = toHex(seatId);
      if (found?.has(id) !== true) return direct.seat(groupNo, seatId);
      const row = found.get(id);
      return row && { ...row };
    },
    holds(groupNo, seatId, line, branch) {
      const id = toHex(seatId);
      const group = byNo.get(groupNo);
      const known = group?.holds.get(holdsKey(id, branch));
      if (known !== undefined) return known;
      const changes = group?.seatChanges.get(id);
      if (changes === undefined) return direct.holds(groupNo, seatId, line, branch);
      const last = changes.findLast((change) => change.line === line && change.branch <= branch);
      return last !== undefined && last.holds > 0;
    },
    tips(groupNo) {
      return byNo.get(groupNo)?.tips ?? direct.tips(groupNo);
    },
    places(groupNo, hash) {
      return byNo.get(groupNo)?.places.get(toHex(hash)) ?? direct.places(groupNo, hash);
    },
    seatChanges(groupNo, seatId) {
      return byNo.get(groupNo)?.seatChanges.get(toHex(seatId)) ?? direct.seatChanges(groupNo, seatId);
    },
    entryPlace(groupNo, seq) {
      const found = byNo.get(groupNo)?.entryPlaces;
      return found?.has(seq) === true ? found.get(seq) : direct.entryPlace(groupNo, seq);
    },
    resend(groupNo, key) {
      const found = byNo.get(groupNo)?.resends;
      const id = toHex(key);
      return found?.has(id) === true ? found.get(id) : direct.resend(groupNo, key);
    },
    lowestCursor(groupNo) {
      const known = byNo.get(groupNo)?.lowest?.lowest();
      return known === undefined ? direct.lowestCursor(groupNo) : known;
    },
  };
}

function writesBuffered(byNo: Numbers, own: () => WriteBuffer, write: BatchStatements["write"]): HotWrites {
  /** The buffer of the write under way, which now holds something about this group. */
  const buffer = (groupNo: number) => {
    const now = own();
    now.empty = false;
    now.groups.add(groupNo);
    return now;
  };
  const changeSeat = (groupNo: number, seatId: Uint8Array, place: NewPlace, holds: 0 | 1, day: number) => {
    buffer(groupNo).seats.push({ groupNo, seatId, ...place, holds, day });
    const group = byNo.get(groupNo);
    if (group === undefined) return;
    const id = toHex(seatId);
    group.seats.delete(id);
    group.seatChanges.delete(id);
    group.lowest = undefined;
    for (const key of group.holds.keys()) if (key.startsWith(id)) group.holds.delete(key);
  };
  return {
    insertEntry(entry) {
      buffer(entry.groupNo).entries.push(entry);
      const group = byNo.get(entry.groupNo);
      const { seq, line, branch, receivedAt, resend } = entry;
      group?.entryPlaces.set(seq, { line, branch });
      group?.resends.set(toHex(resend.key), { digest: resend.digest, seq, received_at: receivedAt });
    },
    noteShown(groupNo, seatId, day, branch, at) {
      const now = buffer(groupNo);
      const id = toHex(seatId);
      now.shownDays.set(`${groupNo} ${id}`, { groupNo, seatId, day });
      now.shownAt.set(`${groupNo} ${branch}`, { groupNo, branch, at });
      const row = byNo.get(groupNo)?.seats.get(id);
      if (row !== undefined) row.shown_day = day;
    },
    advance(groupNo, headSeq, receivedAt) {
      buffer(groupNo).heads.set(groupNo, { headSeq, receivedAt });
      const row = byNo.get(groupNo)?.row;
      if (row !== undefined) Object.assign(row, { head_seq: headSeq, received_at: receivedAt });
    },
    noteWritten(groupNo, branch, seq, at) {
      noteWritten(buffer(groupNo).written, { groupNo, branch, seq, at });
    },
    addSeat: (groupNo, seatId, place, day) => changeSeat(groupNo, seatId, place, 1, day),
    removeSeat: (groupNo, seatId, place) => changeSeat(groupNo, seatId, place, 0, 0),
    setCursor(groupNo, seatId, cursor) {
      const id = toHex(seatId);
      buffer(groupNo).cursors.set(`${groupNo} ${id}`, { groupNo, seatId, cursor });
      const group = byNo.get(groupNo);
      const row = group?.seats.get(id);
      if (row !== undefined) row.cursor = cursor as Seq;
      if (row !== undefined && row.tips > 0) group?.lowest?.set(id, cursor as Seq);
      else if (row === undefined && group !== undefined) group.lowest = undefined;
    },
    setAcked(groupNo, seq) {
      buffer(groupNo).acked.set(groupNo, seq);
      const row = byNo.get(groupNo)?.row;
      if (row !== undefined) row.acked_seq = seq as Seq;
    },
    async takeKeyPackage({ userId, deviceId, suite, now }) {
      // What another node is about to take is passed over: its claim and this one never wait for each other.
      const rows = await write(
        `DELETE FROM key_packages WHERE no = (
           SELECT no FROM key_packages
           WHERE user_id = $1 AND device_id = $2 AND suite = $3 AND last_resort = 0 AND not_after > $4
           ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED
         ) RETURNING ref, not_after, bytes`,
        [userId, deviceId, suite, now],
      );
      return rows[0] as KeyPackageRow | undefined;
    },
  };
}
