import type { AcknowledgeWelcomes, Commit, Digest, History, ListWelcomes } from "../history.ts";
import type { GroupLog } from "./build-logs.ts";
import type { Report } from "./violation.ts";

/** A Welcome reaches everybody that it is for, where its commit was taken, and nobody where it wasn't. */
export function checkWelcomes(history: History, logs: ReadonlyMap<string, GroupLog>, report: Report): void {
  const sent = new Map<Digest, { commit: Commit; to: readonly number[] }>();
  for (const operation of history.operations) {
    if (operation.op !== "commit") continue;
    for (const { digest, to } of operation.welcomes) sent.set(digest, { commit: operation, to });
  }
  const isTaken = (commit: Commit): boolean => {
    const log = logs.get(commit.groupId);
    return log?.entries.some(({ digest }) => digest === commit.digest) === true;
  };
  const takenCache = new Map<Commit, boolean>();
  const taken = (commit: Commit): boolean => {
    const known = takenCache.get(commit) ?? isTaken(commit);
    takenCache.set(commit, known);
    return known;
  };

  const delivered = new Set<string>();
  for (const operation of history.operations) {
    if (operation.op !== "welcomes" || operation.outcome.kind !== "ok") continue;
    for (const { digest } of operation.outcome.reply.welcomes) {
      const welcome = sent.get(digest);
      if (welcome?.to.includes(operation.device) !== true) {
        report("welcome-addressed", `device ${operation.device} was given what isn't for it`, operation);
      } else if (!taken(welcome.commit)) {
        report(
          "welcome-from-loser",
          "a Welcome came of a commit that isn't in the log",
          welcome.commit,
          operation,
        );
      }
      delivered.add(`${operation.device} ${digest}`);
    }
  }
  for (const [digest, { commit, to }] of sent) {
    if (!taken(commit)) continue;
    for (const device of to) {
      if (delivered.has(`${device} ${digest}`)) continue;
      report("welcome-delivered", `device ${device} was never given its Welcome`, commit);
    }
  }
  checkErased(history, report);
}

/** What a device has acknowledged never comes again. */
function checkErased(history: History, report: Report): void {
  const erased = new Map<string, AcknowledgeWelcomes>();
  const lists: ListWelcomes[] = [];
  for (const operation of history.operations) {
    if (operation.op === "ack-welcomes" && operation.outcome.kind === "ok") {
      for (const id of operation.welcomeIds) if (!erased.has(id)) erased.set(id, operation);
    } else if (operation.op === "welcomes") lists.push(operation);
  }
  for (const list of lists) {
    if (list.outcome.kind !== "ok") continue;
    for (const { welcomeId } of list.outcome.reply.welcomes) {
      const acknowledged = erased.get(welcomeId);
      if (acknowledged === undefined || acknowledged.completed >= list.invoked) continue;
      report("welcome-erased", "a Welcome came after it was acknowledged", acknowledged, list);
    }
  }
}
