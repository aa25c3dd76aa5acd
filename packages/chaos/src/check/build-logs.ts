import type { Append, Commit, Create, History, Knock, Operation, SeenEntry } from "../history.ts";
import { type Replay, replayLog } from "./replay-log.ts";
import type { Report } from "./violation.ts";

export type Write = Append | Commit;
type Attempt = Write | Knock;

/** A group's log, put together from what all its readers saw, and what it means by the rules. */
export interface GroupLog extends Replay {
  readonly groupId: string;
  /** In order. */
  readonly entries: readonly SeenEntry[];
  readonly bySeq: ReadonlyMap<number, SeenEntry>;
  readonly lowestSeq: number;
  /** The attempts to write these very bytes, oldest first. */
  attempts(entry: SeenEntry): readonly Attempt[];
  /** All names of the seat, this one among them. */
  namesOf(seatId: string): readonly string[];
  /** What the seat may ever read, in order: under any of its names what any of them may. */
  visible(seatId: string): readonly SeenEntry[];
}

/** One log for each group of the history. Reports contradictions between what readers saw, holes, and entries against the rules. */
export function buildLogs(history: History, report: Report): Map<string, GroupLog> {
  const groups = collect(history);
  const logs = new Map<string, GroupLog>();
  for (const [groupId, group] of groups) {
    if (group.founder !== undefined) logs.set(groupId, buildLog(groupId, group.founder, group, report));
    else if (group.bySeq.size > 0) report("entry-invented", `group ${groupId} was created by nobody`);
  }
  return logs;
}

interface Collected {
  founder: string | undefined;
  bySeq: Map<number, SeenEntry>;
  /** Another entry under a seq that was seen before. */
  changed: [SeenEntry, SeenEntry][];
  /** Acknowledged, by seq. */
  accepted: Map<number, Write>;
  /** Seen in a final view. */
  final: Set<SeenEntry>;
  lowestSeq: number;
  attempts: Map<string, Attempt[]>;
}

function collect(history: History): Map<string, Collected> {
  const groups = new Map<string, Collected>();
  const at = (groupId: string): Collected => {
    let group = groups.get(groupId);
    if (group === undefined) {
      group = {
        founder: undefined,
        bySeq: new Map(),
        changed: [],
        accepted: new Map(),
        final: new Set(),
        lowestSeq: 1,
        attempts: new Map(),
      };
      groups.set(groupId, group);
    }
    return group;
  };
  const see = (entry: SeenEntry): void => {
    const { bySeq, changed } = at(entry.groupId);
    const known = bySeq.get(entry.seq);
    if (known === undefined) bySeq.set(entry.seq, entry);
    else if (known !== entry) changed.push([known, entry]);
  };
  for (const operation of history.operations) {
    if (operation.op === "create") foundedBy(at(operation.groupId), operation);
    else if (operation.op === "append" || operation.op === "commit") {
      const group = at(operation.groupId);
      if (operation.outcome.kind === "ok") group.accepted.set(operation.outcome.reply.seq, operation);
      attempted(group, operation);
    } else if (operation.op === "knock") {
      if (operation.groupId !== undefined) attempted(at(operation.groupId), operation);
    } else if (operation.op === "read" && operation.outcome.kind === "ok") {
      for (const entry of operation.outcome.reply.entries) see(entry);
    }
  }
  for (const { entries } of history.listenings) for (const entry of entries) see(entry);
  for (const { groupId, entries, lowestSeq } of history.finalViews) {
    const group = at(groupId);
    group.lowestSeq = Math.max(group.lowestSeq, lowestSeq);
    for (const entry of entries) {
      see(entry);
      group.final.add(entry);
    }
  }
  return groups;
}

function attempted({ attempts }: Collected, operation: Attempt): void {
  const same = attempts.get(operation.digest);
  if (same === undefined) attempts.set(operation.digest, [operation]);
  else same.push(operation);
}

/** Who got the group; a creation that was only refused founded none. */
function foundedBy(group: Collected, operation: Create): void {
  if (operation.outcome.kind === "ok") group.founder = operation.seatId;
  else if (operation.outcome.kind === "unknown") group.founder ??= operation.seatId;
}

function buildLog(groupId: string, founder: string, group: Collected, report: Report): GroupLog {
  const { bySeq } = group;
  const attempts = (entry: SeenEntry): readonly Attempt[] => group.attempts.get(entry.digest) ?? [];
  const name = (entry: SeenEntry) => `entry ${entry.seq} of group ${groupId}`;
  for (const [one, other] of group.changed) {
    report(
      "entry-unchanged",
      `${name(one)} is another to another reader`,
      ...attempts(one),
      ...attempts(other),
    );
  }
  recallPurged(group);
  const entries = [...bySeq.values()].toSorted((a, b) => a.seq - b.seq);
  let expected = 1;
  for (const entry of entries) {
    // What nobody asked for before it was purged is known to nobody.
    if (entry.seq !== expected && entry.seq > group.lowestSeq) {
      report("no-holes", `group ${groupId} has nothing between ${expected - 1} and ${entry.seq}`);
    }
    expected = entry.seq + 1;
    if (entry.seq >= group.lowestSeq && group.final.size > 0 && !group.final.has(entry)) {
      report("entry-unchanged", `${name(entry)} was read and is gone`, ...attempts(entry));
    }
  }
  const sent = (entry: SeenEntry): Commit | undefined =>
    attempts(entry).find((attempt) => attempt.op === "commit");
  const replay = replayLog({ founder, entries, isWhole: group.lowestSeq <= 1, sent }, (rule, entry, detail) =>
    report(rule, `${name(entry)}: ${detail}`, ...attempts(entry)),
  );
  const namesOf = (seatId: string): readonly string[] => {
    const origin = replay.origins.get(seatId);
    if (origin === undefined) return [seatId];
    return [...replay.origins].flatMap(([other, first]) => (first === origin ? [other] : []));
  };
  const views = new Map<string, readonly SeenEntry[]>();
  return {
    ...replay,
    groupId,
    entries,
    bySeq,
    lowestSeq: group.lowestSeq,
    attempts,
    namesOf,
    visible(seatId) {
      let view = views.get(seatId);
      if (view === undefined) {
        const names = namesOf(seatId);
        const reads = (branch: number) =>
          names.some((one) => replay.places.get(branch)?.seats.has(one) === true);
        view = entries.filter(({ branch }) => reads(branch));
        views.set(seatId, view);
      }
      return view;
    },
  };
}

/** What was acknowledged, and purged before anybody read it, was as it was sent. */
function recallPurged({ bySeq, accepted: taken, lowestSeq }: Collected): void {
  for (const [seq, write] of taken) {
    if (seq >= lowestSeq || bySeq.has(seq)) continue;
    const { groupId, epoch, branch, digest, op } = write;
    const { nextTokenHash, seatsAdded, seatsRemoved, seatReplaced } = op === "commit" ? write : NO_CHANGE;
    bySeq.set(seq, {
      groupId,
      seq,
      epoch,
      branch,
      digest,
      kind: op === "commit" ? "commit" : write.kind,
      receivedAt: accepted(write)?.receivedAt ?? 0,
      commit: op === "commit" ? { nextTokenHash, seatsAdded, seatsRemoved, seatReplaced } : undefined,
    });
  }
}

const NO_CHANGE = { nextTokenHash: "", seatsAdded: [], seatsRemoved: [], seatReplaced: undefined };

export function isAcknowledged({ outcome }: Operation): boolean {
  return outcome.kind === "ok";
}

/** The definite answer of a write, where it has one. */
export function accepted(operation: Operation): { seq: number; receivedAt: number } | undefined {
  if (operation.op !== "append" && operation.op !== "commit") return undefined;
  return operation.outcome.kind === "ok" ? operation.outcome.reply : undefined;
}
