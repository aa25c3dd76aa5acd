import type { EntryId, GroupId } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import type { Group } from "../state.ts";
import type { Step } from "../step.ts";
import type { IntentRow } from "../tables.ts";

/** Lost epochs after which the person is told; the act goes on being tried (D4). */
const TRIES_TOLD = 6;
/** Milliseconds. */
const EPOCH_REST = 100;
const EPOCH_REST_MAX = 30_000;

/**
 * Drops the own staged commit, which definitely isn't in the log. What it was to do is done again in the next epoch
 * if that epoch was `lost` to somebody else; refused for another reason, the act is given up and that is said.
 */
export async function dropStaged(
  step: Step,
  groupId: GroupId,
  entryId: EntryId,
  lost: boolean,
  code: string,
): Promise<void> {
  const found = step.group(groupId);
  if (found?.staged?.entryId !== entryId) return;
  const group = await step.withEngine(groupId);
  const dropped = { ...group, staged: undefined, engine: { ...group.engine, next: undefined } };
  const intent = intentOf(group);
  if (lost) {
    const retried = intent && withLoss(step, intent);
    step.setGroup(retried ? replaceIntent(dropped, retried) : dropped);
    return;
  }
  step.setGroup({ ...dropped, intents: dropped.intents.filter((other) => other !== intent) });
  step.problem({ code: "RELAY_REFUSED", subject: code });
}

/** The act that the staged commit is for: one's own departure where it prepares that. */
export function intentOf(group: Group): IntentRow | undefined {
  const { staged, intents } = group;
  return staged?.intent === undefined
    ? intents.find(({ act }) => act.type === "leave")
    : intents.find(({ order }) => order === staged.intent);
}

/** The act after one more lost epoch: it waits 100 ms x 2^k and a random part of as much, so that those who race part (D4). */
export function withLoss(step: Step, intent: IntentRow): IntentRow {
  const tries = intent.tries + 1;
  const base = Math.min(EPOCH_REST_MAX, EPOCH_REST * 2 ** Math.min(intent.tries, 20));
  const [high = 0, low = 0] = step.deps.ports.random.bytes(2);
  const retryAt = step.now() + base + Math.floor((base * (256 * high + low)) / 65_536);
  return { ...intent, tries, retryAt, ...(tries >= TRIES_TOLD && { error: { code: "EPOCH_LOST" } }) };
}

export function replaceIntent<G extends Group>(group: G, intent: IntentRow): G {
  return { ...group, intents: group.intents.map((other) => (other.order === intent.order ? intent : other)) };
}

/** Notes why an act isn't done yet, and when (ms from now) it is tried again. */
export function failIntent(
  step: Step,
  groupId: GroupId,
  order: number,
  error: ClientError,
  after: number,
): void {
  const group = step.group(groupId);
  const intent = group?.intents.find((other) => other.order === order);
  if (group === undefined || intent === undefined) return;
  const tries = intent.tries + 1;
  step.setGroup(replaceIntent(group, { ...intent, tries, error, retryAt: step.now() + after }));
}
