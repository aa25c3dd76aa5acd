// A short history in which everything is as it should be; tests plant one fault each.
import type { EntryKind } from "@thicket/protocol";
import type {
  Append,
  Claim,
  Commit,
  CommitClearFields,
  History,
  Listening,
  Operation,
  Outcome,
  SeenEntry,
} from "../history.ts";

export const GROUP = "group";
const NOBODY: readonly string[] = [];

/** The log: who wrote what where. Ann founds, adds Ben, Ben adds Cat, Ann removes Ben. */
const SCRIPT: readonly {
  by: string;
  kind: EntryKind;
  epoch: number;
  branch: number;
  adds?: readonly string[];
  removes?: readonly string[];
}[] = [
  { by: "ann", kind: "application", epoch: 0, branch: 0 },
  { by: "ann", kind: "commit", epoch: 0, branch: 0, adds: ["ben"] },
  { by: "ben", kind: "application", epoch: 1, branch: 2 },
  { by: "ben", kind: "proposal", epoch: 1, branch: 2 },
  { by: "ben", kind: "commit", epoch: 1, branch: 2, adds: ["cat"] },
  // Late, but nobody was removed since: it is taken, and Cat doesn't see it.
  { by: "ann", kind: "application", epoch: 1, branch: 2 },
  { by: "ann", kind: "commit", epoch: 2, branch: 5, removes: ["ben"] },
  { by: "ann", kind: "application", epoch: 3, branch: 7 },
  { by: "cat", kind: "application", epoch: 3, branch: 7 },
];
export const DEVICES: Readonly<Record<string, number>> = { ann: 0, ben: 1, cat: 2 };
const VIEWS: Readonly<Record<string, readonly number[]>> = {
  ann: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  ben: [3, 4, 5, 6, 7],
  cat: [7, 8, 9],
};

/** A change of the history before it is checked. */
export interface Draft {
  operations: Operation[];
  listenings: Listening[];
  finalViews: { groupId: string; seatId: string; entries: SeenEntry[]; lowestSeq: number }[];
  finalCounts: { device: number; count: number }[];
  /** The log, from seq 1 at index 0. */
  entries: SeenEntry[];
}

export function honestHistory(): Draft {
  const operations: Operation[] = [];
  let clock = 0;
  /** Asked and answered before anything later is asked. */
  const timed = (device: number) => ({
    id: operations.length,
    device,
    node: 0,
    invoked: clock++,
    completed: clock++,
  });
  const add = (operation: Operation) => void operations.push(operation);

  add({ op: "create", ...timed(0), groupId: GROUP, seatId: "ann", outcome: { kind: "ok", reply: {} } });
  add({
    op: "publish",
    ...timed(1),
    packages: ["p1", "p2"],
    lastResort: "last",
    outcome: { kind: "ok", reply: { count: 2, lastResort: true } },
  });
  add(claim(timed(0), "p1"));
  const entries = SCRIPT.map((line, index): SeenEntry => {
    const seq = index + 1;
    const time = timed(DEVICES[line.by] ?? 0);
    const entry: SeenEntry = {
      groupId: GROUP,
      seq,
      epoch: line.epoch,
      branch: line.branch,
      kind: line.kind,
      receivedAt: 1000 + seq,
      digest: `bytes ${seq}`,
      commit: line.kind === "commit" ? clearFields(seq, line.adds, line.removes) : undefined,
    };
    add(writeOf(entry, line.by, time, { kind: "ok", reply: { seq, receivedAt: entry.receivedAt } }));
    return entry;
  });
  // A resend is answered alike; a commit that comes too late is told who won.
  const [first] = operations.filter(({ op }) => op === "append");
  if (first !== undefined) add({ ...first, ...timed(0) });
  add(lostCommit(timed(1)));
  add({
    op: "read",
    ...timed(2),
    groupId: GROUP,
    seatId: "cat",
    after: 7,
    limit: 9,
    outcome: page(entries, [8, 9]),
  });
  for (const seq of [3, 9]) {
    const outcome: Outcome<{ ackedSeq: number }> = { kind: "ok", reply: { ackedSeq: seq } };
    add({ op: "ack", ...timed(0), groupId: GROUP, seatId: "ann", seq, outcome });
  }
  for (const [device, welcomeId, digest] of [
    [1, "w1", "welcome 2"],
    [2, "w2", "welcome 5"],
  ] as const) {
    const welcomes = [{ welcomeId, digest }];
    add({ op: "welcomes", ...timed(device), outcome: { kind: "ok", reply: { welcomes } } });
    add({
      op: "ack-welcomes",
      ...timed(device),
      welcomeIds: [welcomeId],
      outcome: { kind: "ok", reply: {} },
    });
  }
  const pick = (seqs: readonly number[]) => entries.filter(({ seq }) => seqs.includes(seq));
  return {
    operations,
    entries,
    listenings: Object.entries(VIEWS).map(([seatId, seqs]) => ({
      device: DEVICES[seatId] ?? 0,
      connection: 1,
      groupId: GROUP,
      seats: [{ seatId, cursor: 0, headSeq: 0 }],
      asked: new Set([seatId]),
      entries: pick(seqs),
      live: true,
    })),
    finalViews: Object.entries(VIEWS).map(([seatId, seqs]) => ({
      groupId: GROUP,
      seatId,
      entries: pick(seqs),
      lowestSeq: 1,
    })),
    finalCounts: [{ device: 1, count: 1 }],
  };
}

type Timing = Pick<Operation, "id" | "device" | "node" | "invoked" | "completed">;
type Written = Outcome<{ seq: number; receivedAt: number }>;

export function writeOf(entry: SeenEntry, seatId: string, timing: Timing, outcome: Written): Append | Commit {
  const { groupId, epoch, branch, kind, digest, commit } = entry;
  const write = {
    ...timing,
    groupId,
    seatId,
    entryId: `id of ${digest}`,
    epoch,
    branch,
    digest,
    intent: "honest",
  } as const;
  if (kind === "knock") throw new Error("a knock is nobody's write");
  if (kind !== "commit") return { op: "append", ...write, kind, outcome };
  const fields = commit ?? clearFields(0);
  const to = fields.seatsAdded.map((added) => DEVICES[added] ?? 0);
  const welcomes = to.length === 0 ? [] : [{ digest: `welcome ${entry.seq}`, to }];
  return { op: "commit", ...write, ...fields, welcomes, outcome };
}

function clearFields(seq: number, seatsAdded = NOBODY, seatsRemoved = NOBODY): CommitClearFields {
  return { nextTokenHash: `token ${seq}`, seatsAdded, seatsRemoved };
}

function lostCommit(timing: Timing): Commit {
  return {
    op: "commit",
    ...timing,
    groupId: GROUP,
    seatId: "ben",
    entryId: "too late",
    epoch: 2,
    branch: 5,
    digest: "too late",
    intent: "honest",
    ...clearFields(0, ["dan"]),
    welcomes: [{ digest: "welcome of the loser", to: [3] }],
    outcome: { kind: "refused", error: { code: "EPOCH_STALE", winner: 7 } },
  };
}

export function claim(timing: Timing, digest: string): Claim {
  const packages = [{ device: 1, digest, lastResort: false }];
  return { op: "claim", ...timing, devices: [1], outcome: { kind: "ok", reply: { packages, missing: [] } } };
}

function page(entries: readonly SeenEntry[], seqs: readonly number[]) {
  const reply = { entries: entries.filter(({ seq }) => seqs.includes(seq)), headSeq: 9, lowestSeq: 1 };
  return { kind: "ok", reply } as const;
}

export function toHistory({ operations, listenings, finalViews, finalCounts }: Draft): History {
  return { operations, earlierPools: [], listenings, finalViews, finalCounts, storeMayFail: false };
}
