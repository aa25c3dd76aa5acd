import type { History, Knock, PublishLink, SeenEntry, WithdrawLink } from "../history.ts";
import { accepted, type GroupLog, isAcknowledged, type Write } from "./build-logs.ts";
import type { Report } from "./violation.ts";

type Logs = ReadonlyMap<string, GroupLog>;

/** Refusals that an honest author of its own branch can't get from a relay that keeps the rules. */
const NEVER_TO_THE_HONEST = new Set([
  "MALFORMED_REQUEST",
  "NOT_LOGGED_IN",
  "SEAT_REFUSED",
  "EPOCH_TOKEN_REFUSED",
  "HEADER_MISMATCH",
  "PUBLIC_MESSAGE_REFUSED",
  "GROUP_UNKNOWN",
]);

/** What writers were told against what the logs hold. */
export function checkWrites(history: History, logs: Logs, report: Report): void {
  for (const operation of history.operations) {
    if (operation.op !== "append" && operation.op !== "commit") continue;
    const log = logs.get(operation.groupId);
    const reply = accepted(operation);
    if (reply !== undefined) checkPresent(operation, reply, log, report);
    if (operation.outcome.kind === "refused" && log !== undefined) checkRefusal(operation, log, report);
  }
  checkResends(history, report);
  for (const log of logs.values()) {
    checkEntries(log, report);
    checkOrder(log, report);
  }
}

function checkPresent(
  operation: Write,
  reply: { seq: number; receivedAt: number },
  log: GroupLog | undefined,
  report: Report,
): void {
  const entry = log?.bySeq.get(reply.seq);
  const where = `entry ${reply.seq} of group ${operation.groupId}`;
  if (entry === undefined) {
    // What was purged before anybody read it was read by nobody who could say so.
    if (log === undefined || reply.seq >= log.lowestSeq) {
      report("acknowledged-present", `${where} was acknowledged and is not there`, operation);
    }
  } else if (entry.digest !== operation.digest || entry.receivedAt !== reply.receivedAt) {
    report("acknowledged-present", `${where} holds something else than was acknowledged`, operation);
  }
}

export function checkRefusal(
  operation: Write | PublishLink | WithdrawLink,
  log: GroupLog,
  report: Report,
): void {
  if (operation.outcome.kind !== "refused") return;
  const { code, winner, last, tips = [] } = operation.outcome.error;
  const place = log.places.get(operation.branch);
  // Of an epoch that is over nothing may be known any more, once its entries are purged.
  const forgotten = log.lowestSeq > 1 && place !== undefined && place.candidates.length > 0;
  if (operation.intent === "honest" && !forgotten && NEVER_TO_THE_HONEST.has(code)) {
    report("refusal-justified", `${code} to an honest author of group ${operation.groupId}`, operation);
  }
  if (code !== "EPOCH_STALE") return;
  // It names what came later: so the entry was in the log already when its resend was refused.
  const latest = Math.max(winner ?? 0, last ?? 0, ...tips.map(({ branch }) => branch));
  const own = "digest" in operation ? operation.digest : undefined;
  const there = log.entries.find(({ digest, seq }) => digest === own && seq < latest);
  if (there !== undefined) {
    report("refused-absent", `EPOCH_STALE for what is entry ${there.seq} of the log`, operation);
  }
  if (place === undefined) return;
  const [first] = place.candidates;
  if (first === undefined) {
    report("refusal-justified", `EPOCH_STALE, and nothing ended branch ${operation.branch}`, operation);
  } else if (winner !== undefined && !place.candidates.some(({ branch }) => branch === winner)) {
    report("refusal-justified", `EPOCH_STALE names ${winner}, which isn't the winner`, operation);
  }
}

/** After these the same may be asked again: they say nothing about the write. */
const PASSING = new Set(["RATE_LIMITED", "DISK_FULL", "STORE_FAILED", "SHUTTING_DOWN"]);

/** All answers to one write agree; other bytes under its id were never taken. */
function checkResends(history: History, report: Report): void {
  const first = new Map<string, Write>();
  for (const operation of history.operations) {
    if (operation.op !== "append" && operation.op !== "commit") continue;
    const reply = accepted(operation);
    const key = `${operation.groupId} ${operation.seatId} ${operation.entryId}`;
    const known = first.get(key);
    if (reply === undefined) {
      const { outcome } = operation;
      const again = known?.digest === operation.digest && known.completed < operation.invoked;
      if (again && outcome.kind === "refused" && !PASSING.has(outcome.error.code)) {
        report(
          "resend-same",
          `a resend of what was taken was refused with ${outcome.error.code}`,
          known,
          operation,
        );
      }
      continue;
    }
    if (known === undefined) first.set(key, operation);
    else if (known.digest !== operation.digest) {
      report("entry-once", "two entries were taken under one id", known, operation);
    } else {
      const before = accepted(known);
      if (before?.seq === reply.seq && before.receivedAt === reply.receivedAt) continue;
      report("resend-same", `a resend was answered with ${reply.seq}, not ${before?.seq}`, known, operation);
    }
  }
}

function checkEntries(log: GroupLog, report: Report): void {
  const byDigest = new Map<string, SeenEntry>();
  const byId = new Map<string, SeenEntry>();
  for (const entry of log.entries) {
    const name = `entry ${entry.seq} of group ${log.groupId}`;
    const attempts = log.attempts(entry);
    const [attempt] = attempts;
    if (attempt === undefined) {
      report("entry-invented", `${name} was sent by nobody`);
      continue;
    }
    if (!agrees(entry, attempt)) report("entry-invented", `${name} isn't as it was sent`, attempt);
    if (attempts.every(({ intent }) => intent === "forged")) {
      report("forgery-refused", `${name} was written with what isn't right`, ...attempts);
    }
    if (attempts.every(({ outcome }) => outcome.kind === "refused")) {
      report("refused-absent", `${name} was refused and is there`, ...attempts);
    }
    // A knock is an outsider's, and one for all tips: check-doors.ts knows how often.
    if (attempt.op === "knock") continue;
    if (log.places.get(entry.branch)?.seats.has(attempt.seatId) === false) {
      report("seats-by-branch", `${name} is of a seat that its branch hasn't`, ...attempts);
    }
    const id = `${attempt.seatId} ${attempt.entryId}`;
    const twin = byDigest.get(entry.digest) ?? byId.get(id);
    if (twin !== undefined) {
      report("entry-once", `${name} is also entry ${twin.seq}`, ...log.attempts(twin), ...attempts);
    }
    byDigest.set(entry.digest, entry);
    byId.set(id, entry);
  }
}

function agrees(entry: SeenEntry, sent: Write | Knock): boolean {
  if (sent.op === "knock") return entry.kind === "knock" && entry.commit === undefined;
  const place = entry.epoch === sent.epoch && entry.branch === sent.branch;
  if (sent.op === "append") return place && entry.kind === sent.kind && entry.commit === undefined;
  const { commit } = entry;
  return (
    place &&
    entry.kind === "commit" &&
    commit?.nextTokenHash === sent.nextTokenHash &&
    commit.seatsAdded.join() === sent.seatsAdded.join() &&
    commit.seatsRemoved.join() === sent.seatsRemoved.join() &&
    commit.seatReplaced?.from === sent.seatReplaced?.from &&
    commit.seatReplaced?.to === sent.seatReplaced?.to
  );
}

/** Time never goes back, and what was asked after something was acknowledged comes after it. */
function checkOrder(log: GroupLog, report: Report): void {
  let before: SeenEntry | undefined;
  // From the end: the earliest acknowledgement among the entries that come later.
  let earliest: { at: number; write: Write | Knock } | undefined;
  for (const entry of log.entries) {
    if (before !== undefined && entry.receivedAt < before.receivedAt) {
      report("time-forward", `entry ${entry.seq} of group ${log.groupId} is before entry ${before.seq}`);
    }
    before = entry;
  }
  for (const entry of log.entries.toReversed()) {
    const attempts = log.attempts(entry);
    const asked = Math.min(...attempts.map(({ invoked }) => invoked));
    if (earliest !== undefined && earliest.at < asked) {
      const detail = `entry ${entry.seq} of group ${log.groupId} was asked for after a later one was acknowledged`;
      report("one-order", detail, earliest.write, ...attempts);
    }
    for (const write of attempts) {
      if (!isAcknowledged(write) || write.completed >= (earliest?.at ?? Infinity)) continue;
      earliest = { at: write.completed, write };
    }
  }
}
