import {
  type GroupState,
  memberAt,
  members as membersOf,
  MlsError,
  processMessage,
  type StagedCommit,
} from "@thicket/mls";
import type { AccountId, Entry } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { pinContact } from "../identity/pin-contacts.ts";
import { showEvents } from "../messages/show-events.ts";
import type { LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import { endMembership, failOutbox } from "./end-membership.ts";
import { enterEpoch } from "./enter-epoch.ts";
import { seen } from "./epoch-fields.ts";
import { intentOf, replaceIntent, withLoss } from "./lose-commit.ts";
import { missingDevices } from "./missing-devices.ts";
import { type CommitLine, judgeCommit, linesOf } from "./judge-commit.ts";
import { UNKNOWN_AUTHOR } from "../messages/unknown-author.ts";

/** Takes the own staged commit, which the log holds at this entry: the next epoch begins here. */
export async function mergeOwnCommit(step: Step, group: LoadedGroup, entry: Entry): Promise<void> {
  const { staged, engine } = group;
  if (staged === undefined || engine.next === undefined) throw new TypeError("no commit is staged");
  const merged = enterEpoch(group, engine.next, entry.seq);
  const intents = merged.intents.filter(
    // An invitation goes on for devices that had no key package to be claimed.
    ({ order, act }) =>
      order !== staged.intent || (act.type === "invite" && missingDevices(merged, act).length > 0),
  );
  const founded = merged.row.membership.state === "founding";
  const row = founded ? { ...merged.row, membership: { state: "member" } as const } : merged.row;
  step.setGroup({ ...merged, row, intents });
  pinMembers(step, engine.next);
  await showEvents(step, row, entry, staged.lines);
}

/**
 * Takes somebody else's commit. One that is bad for everybody ends the group here for now: it says so, names the
 * sender where the engine could tell, and keeps what was said.
 */
export async function takeCommit(step: Step, group: LoadedGroup, entry: Entry): Promise<void> {
  const { state } = group.engine;
  const opened = await openCommit(step, state, entry.bytes);
  if ("code" in opened) return breakGroup(step, group, entry, UNKNOWN_AUTHOR, opened.code);
  const { staged, sender } = opened;
  const author = senderOf(state, sender);
  const verdict = judgeCommit(state, staged, entry.commit);
  if (!verdict.ok) return breakGroup(step, group, entry, author, verdict.reason);

  const lines = linesOf(state, staged);
  if (staged.next === undefined) return leaveGroup(step, group, entry, lines);
  const lost = group.staged && intentOf(group);
  const entered = enterEpoch(
    lost ? replaceIntent(group, withLoss(step, lost)) : group,
    staged.next,
    entry.seq,
  );
  const { row } = entered;
  step.setGroup({ ...entered, row: { ...row, roster: seen(row.roster, sender) } });
  pinMembers(step, staged.next);
  await showEvents(step, row, entry, lines);
}

async function openCommit(
  step: Step,
  state: GroupState,
  bytes: Uint8Array,
): Promise<{ staged: StagedCommit; sender: number } | { code: string }> {
  try {
    const opened = await processMessage(state, bytes, step.deps.engine, { now: step.now() });
    return opened.kind === "commit"
      ? { staged: opened.staged, sender: opened.staged.committer }
      : { code: "KIND_DIFFERS" };
  } catch (error) {
    if (error instanceof MlsError) return { code: error.code };
    throw error;
  }
}

/** The own leaf was removed: by oneself, having asked for it, or by somebody else. */
async function leaveGroup(
  step: Step,
  group: LoadedGroup,
  entry: Entry,
  lines: readonly CommitLine[],
): Promise<void> {
  const self = step.account()?.userId;
  const own = lines.find(
    ({ event }) => (event.type === "left" || event.type === "removed") && event.userId === self,
  );
  const by = own?.author ?? UNKNOWN_AUTHOR;
  const roster = group.row.roster.filter(({ userId }) => userId !== self);
  await endMembership(
    step,
    { ...group, row: { ...group.row, roster } },
    by === self ? { state: "left" } : { state: "removed", by },
  );
  await showEvents(step, group.row, entry, lines);
}

async function breakGroup(
  step: Step,
  group: LoadedGroup,
  entry: Entry,
  author: AccountId,
  reason: string,
): Promise<void> {
  const error: ClientError = { code: "COMMIT_BAD", subject: reason };
  step.deps.ports.log("error", "bad commit", { reason });
  const outbox = await failOutbox(step, group, error);
  const row = { ...group.row, membership: { state: "broken", error } } as const;
  // An own commit for this epoch is sent no more: the secrets of the epoch that it would have begun go.
  const engine = { ...group.engine, next: undefined };
  step.setGroup({ ...group, row, outbox, intents: [], staged: undefined, engine });
  step.problem(error);
  await showEvents(step, group.row, entry, [{ author, event: { type: "refused", reason } }]);
}

function senderOf(state: GroupState, leaf: number): AccountId {
  const found = memberAt(state, leaf);
  return found === undefined ? UNKNOWN_AUTHOR : memberOfLeaf(found).userId;
}

/** Who is in a new leaf is seen for the first time here, or again: perhaps under another root, in the place of the old leaf. */
function pinMembers(step: Step, next: GroupState): void {
  for (const { leafNode } of membersOf(next)) pinContact(step, memberOfLeaf(leafNode));
}
