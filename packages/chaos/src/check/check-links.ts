import type { History, Knock, OpenLink, PublishLink, WithdrawLink } from "../history.ts";
import { type GroupLog, isAcknowledged } from "./build-logs.ts";
import { checkRefusal } from "./check-writes.ts";
import type { Report } from "./violation.ts";

interface LinkLife {
  linkId: string;
  /** Those that may have happened. */
  published: PublishLink[];
  withdrawn: WithdrawLink[];
  refused: (PublishLink | WithdrawLink)[];
  opened: OpenLink[];
  knocked: Knock[];
}

/** What anybody was shown by a link, against what members gave it; and whose links they are. */
export function checkLinks(history: History, logs: ReadonlyMap<string, GroupLog>, report: Report): void {
  for (const operation of history.operations) {
    if (operation.op !== "publish-link" && operation.op !== "withdraw-link") continue;
    const log = logs.get(operation.groupId);
    if (log === undefined) continue;
    if (isAcknowledged(operation)) checkMember(operation, log, report);
    checkRefusal(operation, log, report);
  }
  for (const life of collect(history)) {
    for (const open of life.opened) {
      checkOpened(open, life, report);
      checkUnknown(open, life, report);
    }
    for (const knock of life.knocked) checkUnknown(knock, life, report);
    checkGone(life, report);
    for (const change of life.refused) {
      checkUnknown(change, life, report);
      checkUntaken(change, life, report);
    }
  }
}

function collect(history: History): LinkLife[] {
  const lives = new Map<string, LinkLife>();
  const at = (linkId: string): LinkLife => {
    const none = { published: [], withdrawn: [], refused: [], opened: [], knocked: [] };
    const life = lives.get(linkId) ?? { linkId, ...none };
    lives.set(linkId, life);
    return life;
  };
  for (const operation of history.operations) {
    if (operation.op === "open-link") at(operation.linkId).opened.push(operation);
    else if (operation.op === "knock") {
      if (operation.by === "link") at(operation.door).knocked.push(operation);
    } else if (operation.op === "publish-link" || operation.op === "withdraw-link") {
      const life = at(operation.linkId);
      if (operation.intent === "forged") continue;
      if (operation.outcome.kind === "refused") life.refused.push(operation);
      else if (operation.op === "publish-link") life.published.push(operation);
      else life.withdrawn.push(operation);
    }
  }
  return [...lives.values()];
}

/** Links are the present members' of their own group. */
function checkMember(operation: PublishLink | WithdrawLink, log: GroupLog, report: Report): void {
  const { seatId, linkId } = operation;
  if (operation.intent === "forged") {
    return report("forgery-refused", `link ${linkId} obeys seat ${seatId} of another group`, operation);
  }
  const place = log.places.get(operation.branch);
  if (place === undefined) return;
  const detail = `link ${linkId} obeys seat ${seatId}, which is no member of its epoch now`;
  if (!place.seats.has(seatId)) return report("link-by-member", detail, operation);
  const end = log.bySeq.get(place.candidates[0]?.branch ?? 0);
  const ended = end && log.attempts(end).find((commit) => isBefore(commit, operation));
  if (ended !== undefined) report("link-by-member", detail, ended, operation);
}

/** The card is the last one that was acknowledged, or one that was on its way. */
function checkOpened(open: OpenLink, { linkId, published }: LinkLife, report: Report): void {
  if (open.outcome.kind !== "ok") return;
  const { card } = open.outcome.reply;
  const given = published.filter((one) => one.card === card && one.invoked < open.completed);
  if (given.length === 0) return report("link-card", `link ${linkId} shows what nobody gave it`, open);
  const laterThan = (one: PublishLink) =>
    published.find((other) => isBefore(one, other) && isBefore(other, open));
  const later = given.map(laterThan);
  if (!later.includes(undefined)) {
    report("link-card", `link ${linkId} shows a card that was changed before`, ...given, later[0], open);
  }
}

/** What was published, and is withdrawn by nobody, is there. */
function checkUnknown(
  by: OpenLink | Knock | WithdrawLink | PublishLink,
  life: LinkLife,
  report: Report,
): void {
  if (by.outcome.kind !== "refused" || by.outcome.error.code !== "LINK_UNKNOWN") return;
  const there = life.published.find((one) => isBefore(one, by));
  if (there === undefined || mayBeWithdrawn(life, by)) return;
  report("link-card", `link ${life.linkId} is said to be unknown`, there, by);
}

function checkUntaken(by: PublishLink | WithdrawLink, life: LinkLife, report: Report): void {
  if (by.outcome.kind !== "refused" || by.outcome.error.code !== "LINK_TAKEN") return;
  if (!mayBeWithdrawn(life, by)) report("refusal-justified", `link ${life.linkId} was nobody else's`, by);
}

function mayBeWithdrawn({ withdrawn }: LinkLife, by: { completed: number }): boolean {
  return withdrawn.some(({ invoked }) => invoked < by.completed);
}

/** After its withdrawal a link shows nothing, lets nobody knock, and is nobody's again. */
function checkGone({ linkId, withdrawn, published, opened, knocked }: LinkLife, report: Report): void {
  for (const operation of [...opened, ...knocked, ...published]) {
    if (!isAcknowledged(operation)) continue;
    const gone = withdrawn.find((one) => isBefore(one, operation));
    if (gone !== undefined) report("link-withdrawn", `link ${linkId} still leads somewhere`, gone, operation);
  }
}

/** Whether the one was acknowledged before the other was asked. */
function isBefore(one: Parameters<typeof isAcknowledged>[0], other: { invoked: number }): boolean {
  return isAcknowledged(one) && one.completed < other.invoked;
}
