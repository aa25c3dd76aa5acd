import type { History, Knock, SeenEntry } from "../history.ts";
import type { GroupLog } from "./build-logs.ts";
import type { Report } from "./violation.ts";

/** A knock that was taken stands once on every tip of its time, for the members there; one that is forged, nowhere. */
export function checkKnocks(history: History, logs: ReadonlyMap<string, GroupLog>, report: Report): void {
  for (const operation of history.operations) {
    if (operation.op !== "knock" || operation.outcome.kind === "unknown") continue;
    const log = operation.groupId === undefined ? undefined : logs.get(operation.groupId);
    if (operation.outcome.kind === "ok") checkTaken(operation, log, report);
    else checkRefused(operation, operation.outcome.error.code, log, report);
  }
  for (const log of logs.values()) checkCopies(log, report);
}

function checkTaken(knock: Knock, log: GroupLog | undefined, report: Report): void {
  if (knock.intent === "forged") {
    return report("forgery-refused", `a knock at ${knock.door} was taken without a right to it`, knock);
  }
  // What was purged before anybody read it was read by nobody who could say so.
  if (log !== undefined && log.lowestSeq > 1) return;
  if (log?.entries.some(({ digest }) => digest === knock.digest) === true) return;
  report("acknowledged-present", `a knock at ${knock.door} was acknowledged and is nowhere`, knock);
}

function checkRefused(knock: Knock, code: string, log: GroupLog | undefined, report: Report): void {
  if (knock.intent === "forged" || knock.by === "link" || log === undefined || log.lowestSeq > 1) return;
  if (code !== "SEAT_REFUSED" && code !== "GROUP_UNKNOWN" && code !== "ENTRY_CONFLICT") return;
  report("refusal-justified", `${code} to who was a member of group ${log.groupId}`, knock);
}

function checkCopies(log: GroupLog, report: Report): void {
  const copies = new Map<string, SeenEntry[]>();
  for (const entry of log.entries) {
    // Its resend may be taken anew, once it is purged.
    if (entry.kind !== "knock" || entry.seq < log.lowestSeq) continue;
    copies.set(entry.digest, [...(copies.get(entry.digest) ?? []), entry]);
  }
  for (const [first, ...others] of copies.values()) {
    // The copies before it may be purged.
    if (first === undefined || (first.seq === log.lowestSeq && first.seq > 1)) continue;
    const at = [first, ...others].map(({ branch }) => branch);
    const doors = log.doors.get(first) ?? [];
    if (at.toSorted((a, b) => b - a).join() === doors.join()) continue;
    const detail = `the knock of entry ${first.seq} of group ${log.groupId} is on ${at.join()}, not on ${doors.join()}`;
    report("knock-on-tips", detail, ...log.attempts(first));
  }
}
