import type { AccountId } from "@thicket/protocol";
import type { Group } from "../state.ts";
import type { IntentRow, OutboxRow } from "../tables.ts";

/** What a group has to do next at the relay. One thing at a time, in the order in which it was asked for. */
export type Task =
  | { kind: "create" }
  | { kind: "commit" }
  | { kind: "send"; entry: OutboxRow }
  | { kind: "seal"; entry: OutboxRow }
  | { kind: "act"; intent: IntentRow }
  /** Others' proposals are committed, before an own message or because it is our turn (POL-9). */
  | { kind: "commitProposals" }
  | { kind: "acknowledge" }
  | { kind: "nothing" };

export interface Situation {
  self: AccountId;
  /** The log reaches further than what was taken in. */
  behind: boolean;
  /** Milliseconds. */
  now: number;
  /** Our rank's time to commit others' proposals has come. */
  commitDue: boolean;
  /** The last seq that was acknowledged. */
  acked: number;
}

export function nextTask(group: Group, situation: Situation): Task {
  const { row, staged, cursor } = group;
  if (!row.created) return { kind: "create" };
  // Whoever is behind would only learn that the epoch is over.
  if (situation.behind || row.membership.state === "joining") return { kind: "nothing" };
  if (staged !== undefined) return { kind: "commit" };
  const unsent = group.outbox.find(
    ({ sealed, failed }) => sealed !== undefined && sealed.seq === undefined && failed === undefined,
  );
  if (unsent !== undefined) return { kind: "send", entry: unsent };
  const next = nextAct(group, situation);
  if (next !== undefined) return next;
  if (situation.commitDue && othersLeave(group, situation.self)) return { kind: "commitProposals" };
  return situation.acked < cursor.seq ? { kind: "acknowledge" } : { kind: "nothing" };
}

/** The oldest act or message that can be done now. An act that waits for another epoch keeps what follows it waiting. */
function nextAct(group: Group, situation: Situation): Task | undefined {
  const { intents, outbox } = group;
  const messages = outbox.filter(
    ({ kind, sealed, failed }) => kind === "application" && sealed === undefined && failed === undefined,
  );
  const open = intents.filter((intent) => !isProposed(group, intent, situation.self));
  const [next] = [...open, ...messages]
    .filter((item) => !("act" in item && isResting(item, situation) && isPassedOver(item)))
    .toSorted((a, b) => a.order - b.order);
  if (next === undefined) return undefined;
  if ("act" in next) return isResting(next, situation) ? undefined : { kind: "act", intent: next };
  return othersLeave(group, situation.self) ? { kind: "commitProposals" } : { kind: "seal", entry: next };
}

function isResting({ retryAt }: IntentRow, { now }: Situation): boolean {
  return retryAt !== undefined && retryAt > now;
}

/** When (ms) an act that waits is to be tried again; undefined where none waits. */
export function nextRetry({ intents }: Group): number | undefined {
  const times = intents.flatMap(({ retryAt }) => retryAt ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Waits for somebody else, perhaps for days: what follows needn't wait with it. */
function isPassedOver({ error }: IntentRow): boolean {
  return error !== undefined && error.code !== "EPOCH_LOST";
}

/** A departure that is proposed in this epoch waits for somebody to commit it. */
function isProposed({ row }: Group, { act }: IntentRow, self: AccountId): boolean {
  return act.type === "leave" && row.leaving.includes(self);
}

export function othersLeave({ row }: Group, self: AccountId): boolean {
  return row.leaving.some((userId) => userId !== self);
}

/** Whether a message that is typed now can be encrypted at once: nothing stands before it. */
export function isFree(group: Group, situation: Situation): boolean {
  const task = nextTask(group, situation);
  return (
    group.row.membership.state === "member" &&
    (task.kind === "nothing" || task.kind === "acknowledge") &&
    !situation.behind &&
    !othersLeave(group, situation.self) &&
    group.intents.every((intent) => isPassedOver(intent) && isResting(intent, situation))
  );
}
