import type { Acknowledge, History, Listening, Read, SeenEntry } from "../history.ts";
import { accepted, type GroupLog } from "./build-logs.ts";
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
    const expected = log.visible(view.seatId).filter(({ seq }) => seq >= log.lowestSeq);
    compare(view.entries, { allowed: expected, expected }, where, report);
  }
  for (const listening of history.listenings) {
    const log = logs.get(listening.groupId);
    if (log !== undefined) checkStream(listening, log, report);
  }
  checkAcked(history, report);
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
  { entries, headSeq }: { entries: readonly SeenEntry[]; headSeq: number },
  log: GroupLog,
  report: Report,
): void {
  const where = `a page of seat ${read.seatId} of group ${read.groupId} after ${read.after}`;
  const visible = log.visible(read.seatId);
  const seen = new Set(entries);
  const from = entries[0]?.seq ?? Infinity;
  // What was purged meanwhile is no hole of a page.
  const after = visible.filter(
    ({ seq }) => seq > read.after && (seq >= log.lowestSeq || seq >= from || seen.size === 0),
  );
  const reach = entries.length === 0 ? after.filter(({ seq }) => seq <= headSeq) : after;
  const expected = reach.slice(0, entries.length || undefined);
  compare(entries, { allowed: after, expected }, where, report, read);
  const last = entries.at(-1)?.seq ?? read.after;
  if (entries.length < read.limit && last < headSeq && entries.length > 0) {
    report("view-complete", `${where} ends at ${last} before the head ${headSeq}`, read);
  }
  for (const entry of visible) {
    if (entry.seq <= headSeq) continue;
    const told = log
      .attempts(entry)
      .find((write) => accepted(write) !== undefined && write.completed < read.invoked);
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
    const missing = log
      .visible(seat.seatId)
      .find((entry) => entry.seq > seat.cursor && entry.seq <= end && !seen.has(entry));
    if (missing === undefined) continue;
    report("stream-complete", `${where} never heard of entry ${missing.seq}`, ...log.attempts(missing));
  }
}

/** Up to where a seat that attached is told what is new: the commit after which no tip has it. */
export function endOfListening(log: GroupLog, seat: { seatId: string; headSeq: number }): number {
  const unseated = log.unseatedAt.get(seat.seatId) ?? [];
  // Its view ended where it was removed: it had been, when it attached.
  if (unseated.includes(seat.headSeq)) return seat.headSeq;
  return unseated.find((seq) => seq > seat.headSeq) ?? Infinity;
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
