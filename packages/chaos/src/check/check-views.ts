import type { Acknowledge, History, Listening, Read, SeenEntry } from "../history.ts";
import { type GroupLog, isAcknowledged } from "./build-logs.ts";
import type { Report } from "./violation.ts";

type Logs = ReadonlyMap<string, GroupLog>;

/** What readers were given against what they may read. */
export function checkViews(history: History, logs: Logs, report: Report): void {
  for (const operation of history.operations) {
    if (operation.op !== "read" || operation.outcome.kind !== "ok") continue;
    const log = logs.get(operation.groupId);
    if (log !== undefined) checkPage(operation, operation.outcome.reply, log, report);
  }
  for (const view of history.finalViews) {
    const log = logs.get(view.groupId);
    if (log === undefined) continue;
    const where = `seat ${view.seatId} of group ${view.groupId} at the end`;
    const kept = ({ seq }: SeenEntry) => seq >= log.lowestSeq;
    if (view.forgotten === true) {
      // Once its own time is purged, so may the seat be; and for a name that was replaced nothing is kept.
      const own = log.entries.find(
        (entry) => kept(entry) && log.places.get(entry.branch)?.seats.has(view.seatId) === true,
      );
      if (own !== undefined) report("view-complete", `${where} is unknown, and entry ${own.seq} is kept`);
      continue;
    }
    const allowed = log.visible(view.seatId);
    const wrong = view.entries.filter((entry) => !kept(entry) && !allowed.includes(entry));
    const seen = [...wrong, ...view.entries.filter(kept)];
    compare(seen, { allowed, expected: allowed.filter(kept) }, where, report);
  }
  for (const listening of history.listenings) {
    const log = logs.get(listening.groupId);
    if (log !== undefined) checkStream(listening, log, report);
  }
  checkAcked(history, report);
  checkKept(history, logs, report);
}

/** The same entries in the same order, or the first difference by name. */
function compare(
  seen: readonly SeenEntry[],
  may: { allowed: readonly SeenEntry[]; expected: readonly SeenEntry[] },
  where: string,
  report: Report,
  ...operations: Read[]
): void {
  const { expected } = may;
  const allowed = new Set(may.allowed);
  const foreign = seen.find((entry) => !allowed.has(entry));
  if (foreign !== undefined) {
    return report("view-own-epochs", `${where} was given entry ${foreign.seq}`, ...operations);
  }
  const index = expected.findIndex((entry, position) => seen[position] !== entry);
  if (index < 0 && seen.length === expected.length) return;
  const [got, wanted] = [seen[index]?.seq ?? "nothing", expected[index]?.seq ?? "nothing"];
  report("view-complete", `${where} was given ${got} where ${wanted} stands`, ...operations);
}

function checkPage(
  read: Read,
  { entries, headSeq, lowestSeq }: { entries: readonly SeenEntry[]; headSeq: number; lowestSeq: number },
  log: GroupLog,
  report: Report,
): void {
  const where = `a page of seat ${read.seatId} of group ${read.groupId} after ${read.after}`;
  const visible = log.visible(read.seatId);
  const after = visible.filter(({ seq }) => seq > read.after && seq >= lowestSeq);
  const reach = entries.length === 0 ? after.filter(({ seq }) => seq <= headSeq) : after;
  const expected = reach.slice(0, entries.length || undefined);
  compare(entries, { allowed: after, expected }, where, report, read);
  const last = entries.at(-1)?.seq ?? read.after;
  if (entries.length < read.limit && last < headSeq && entries.length > 0) {
    report("view-complete", `${where} ends at ${last} before the head ${headSeq}`, read);
  }
  for (const entry of visible) {
    if (entry.seq <= headSeq || entry.seq < lowestSeq) continue;
    const told = log
      .attempts(entry)
      .find((attempt) => isAcknowledged(attempt) && attempt.completed < read.invoked);
    if (told === undefined) continue;
    report("read-fresh", `${where} lacks entry ${entry.seq}, acknowledged before`, told, read);
    break;
  }
}

function checkStream(listening: Listening, log: GroupLog, report: Report): void {
  const { device, groupId, seats } = listening;
  const where = `device ${device}, listening to group ${groupId},`;
  const seen = new Set(listening.entries);
  const allowed = new Set([...listening.asked].flatMap((seatId) => log.visible(seatId)));
  const foreign = listening.entries.find((entry) => !allowed.has(entry));
  if (foreign !== undefined) report("view-own-epochs", `${where} was given entry ${foreign.seq}`);
  if (!listening.live) return;
  for (const seat of seats) {
    const end = endOfListening(log, seat);
    // What is purged was acknowledged by this seat too: it had it from a page.
    const from = Math.max(seat.cursor + 1, log.lowestSeq);
    const missing = log
      .visible(seat.seatId)
      .find((entry) => entry.seq >= from && entry.seq <= end && !seen.has(entry));
    if (missing === undefined) continue;
    report("stream-complete", `${where} never heard of entry ${missing.seq}`, ...log.attempts(missing));
  }
}

/** Up to where a seat that attached is told what is new: the commit after which no tip has it. */
export function endOfListening(log: GroupLog, seat: { seatId: string; headSeq: number }): number {
  const seating = log.seating.get(seat.seatId) ?? [];
  // It was added by then, where there was nothing to read yet.
  const from = Math.max(seat.headSeq, seating[0]?.seq ?? 0);
  // Who had been removed or replaced when it attached reads its time, and hears of nothing new.
  if (seating.findLast(({ seq }) => seq <= from)?.seated === false) return seat.headSeq;
  return seating.find(({ seq, seated }) => seq > from && !seated)?.seq ?? Infinity;
}

/** "Delivered to all" never becomes less. */
function checkAcked(history: History, report: Report): void {
  const byGroup = new Map<string, Acknowledge[]>();
  for (const operation of history.operations) {
    if (operation.op !== "ack" || operation.outcome.kind !== "ok") continue;
    byGroup.set(operation.groupId, [...(byGroup.get(operation.groupId) ?? []), operation]);
  }
  for (const [groupId, operations] of byGroup) {
    const byEnd = operations.toSorted((a, b) => a.completed - b.completed);
    let next = 0;
    let highest: { seq: number; by: Acknowledge } | undefined;
    for (const operation of operations.toSorted((a, b) => a.invoked - b.invoked)) {
      for (let done = byEnd[next]; done && done.completed < operation.invoked; done = byEnd[++next]) {
        if (ackedBy(done) > (highest?.seq ?? -1)) highest = { seq: ackedBy(done), by: done };
      }
      if (highest === undefined || ackedBy(operation) >= highest.seq) continue;
      report(
        "acked-forward",
        `group ${groupId}: ${ackedBy(operation)} after ${highest.seq}`,
        highest.by,
        operation,
      );
    }
  }
}

function ackedBy({ outcome }: Acknowledge): number {
  return outcome.kind === "ok" ? outcome.reply.ackedSeq : -1;
}

/** Nothing is purged before every seat of its epoch has acknowledged it. */
function checkKept(history: History, logs: Logs, report: Report): void {
  const highest = new Map<string, number>();
  for (const operation of history.operations) {
    if (operation.op !== "ack" || operation.outcome.kind === "refused") continue;
    const { seatId, seq } = operation;
    highest.set(seatId, Math.max(highest.get(seatId) ?? 0, seq));
  }
  for (const log of logs.values()) {
    for (const entry of log.entries) {
      if (entry.seq >= log.lowestSeq) break;
      for (const seatId of log.places.get(entry.branch)?.seats ?? []) {
        // Who was removed and came back counts from its new beginning.
        if (log.returned.has(seatId)) continue;
        if (log.namesOf(seatId).some((name) => (highest.get(name) ?? 0) >= entry.seq)) continue;
        const detail = `entry ${entry.seq} of group ${log.groupId} is purged, and seat ${seatId} never acknowledged it`;
        report("kept-until-acknowledged", detail, ...log.attempts(entry));
      }
    }
  }
}
