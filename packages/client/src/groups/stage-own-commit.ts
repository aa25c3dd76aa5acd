import {
  type CommitIntent,
  diffGroup,
  type KeyPackage,
  keyPackageRef,
  MlsError,
  type PendingProposal,
  members,
  ownLeaf,
  pendingProposals,
  type StagedCommit,
  stageCommit,
} from "@thicket/mls";
import { toHex } from "@thicket/protocol";
import { REQUIRED_CAPABILITIES } from "../devices/own-leaf.ts";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { parseEntryId } from "../identity/parse-ids.ts";
import type { LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { StagedCommitRow } from "../tables.ts";
import { effectiveAdmins, mayAdminister } from "./authorize.ts";
import { memberFacts, policyOf } from "./epoch-fields.ts";
import { clearFieldsOf, judgeContent, linesOf, nextTokenHashOf } from "./judge-commit.ts";
import { encodePolicy } from "./policy.ts";
import { entryHash } from "./seats.ts";

/**
 * Stages a commit and stores it with the engine's advanced state, to be sent byte for byte until the relay has
 * decided. What others have proposed and the policy allows is taken along. False where the policy or the engine
 * refuses it: then nothing has changed.
 */
export async function stageOwnCommit(
  step: Step,
  group: LoadedGroup,
  intent: Pick<CommitIntent, "add" | "remove" | "contextExtensions">,
  order: number | undefined,
): Promise<LoadedGroup | undefined> {
  const { engine, row } = group;
  const proposals = allowedProposals(group, intent);
  const made = await tryStage(step, group, {
    ...adminsInOrder(step, group),
    ...intent,
    proposals: proposals.map(({ ref }) => ref),
  });
  if (made === undefined) return undefined;
  const { state, staged } = made;
  const { next } = staged;
  if (next === undefined) throw new TypeError("an own commit doesn't remove its author");
  const stagedRow: StagedCommitRow = {
    entryId: parseEntryId(toHex(step.deps.ports.random.bytes(16))),
    epoch: row.epoch,
    branch: row.branch,
    epochToken: row.epochToken,
    bytes: staged.message,
    hash: entryHash(staged.message),
    fields: { nextTokenHash: nextTokenHashOf(next), ...clearFieldsOf(engine.state, staged) },
    welcomes: welcomesOf(engine.state.suite, staged, intent.add ?? []),
    next: recordsOf(state, next),
    lines: linesOf(engine.state, staged),
    ...(order !== undefined && { intent: order }),
  };
  const after = { ...group, staged: stagedRow, engine: { ...engine, state, next } };
  step.setGroup(after);
  return after;
}

/**
 * The list of admins put in order, by whoever may: without those who have gone, since coming back must not bring their
 * rights back; and with oneself where nobody else is on it, since who is added may get a lower leaf than one's own.
 */
function adminsInOrder(step: Step, group: LoadedGroup): Pick<CommitIntent, "contextExtensions"> | undefined {
  const self = step.account()?.userId;
  const { state } = group.engine;
  const policy = policyOf(state);
  const facts = memberFacts(members(state));
  if (self === undefined || !mayAdminister(policy, facts, self)) return undefined;
  const admins = effectiveAdmins(policy, facts);
  if (admins.length === policy.admins.length && admins.every((userId) => policy.admins.includes(userId)))
    return undefined;
  return { contextExtensions: [REQUIRED_CAPABILITIES, encodePolicy({ ...policy, admins })] };
}

/** Others' pending proposals that the policy allows and that don't meet the commit's own. */
export function allowedProposals(
  group: LoadedGroup,
  intent: Pick<CommitIntent, "remove"> = {},
): PendingProposal[] {
  const { state } = group.engine;
  const own = ownLeaf(state);
  const facts = memberFacts(members(state));
  const userAt = new Map(facts.map(({ leaf, userId }) => [leaf, userId]));
  const policy = policyOf(state);
  const taken = new Set(intent.remove);
  return pendingProposals(state).filter(({ proposal, sender }) => {
    // Only departures are proposed here; and nobody can commit their own.
    if (proposal.kind !== "remove" || proposal.removed === own) return false;
    if (sender.kind !== "member" || sender.leafIndex === own) return false;
    const by = userAt.get(sender.leafIndex);
    const target = userAt.get(proposal.removed);
    if (by === undefined || target === undefined || taken.has(proposal.removed)) return false;
    if (by !== target && !mayAdminister(policy, facts, by)) return false;
    taken.add(proposal.removed);
    return true;
  });
}

/**
 * Those of these key packages that could be added alone. One that the group can't take would keep the others out of
 * the commit as well.
 */
export async function addableAlone(
  step: Step,
  group: LoadedGroup,
  add: readonly KeyPackage[],
): Promise<KeyPackage[]> {
  const addable: KeyPackage[] = [];
  for (const keyPackage of add) {
    const intent = { ...adminsInOrder(step, group), add: [keyPackage] };
    if ((await tryStage(step, group, intent)) !== undefined) addable.push(keyPackage);
  }
  return addable;
}

type Staging = { state: LoadedGroup["engine"]["state"]; staged: StagedCommit };

async function tryStage(step: Step, group: LoadedGroup, intent: CommitIntent): Promise<Staging | undefined> {
  const { state } = group.engine;
  try {
    const made = await stageCommit(state, intent, step.deps.engine);
    const refusal = judgeContent(state, made.staged);
    if (refusal === undefined) return made;
    step.deps.ports.log("warn", "own commit against the policy", { reason: refusal });
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    step.deps.ports.log("warn", "own commit refused by the engine", { code: error.code });
  }
  return undefined;
}

/** One bundle for all who were added: the Welcome is one, with a part for each. */
function welcomesOf(
  suite: LoadedGroup["engine"]["state"]["suite"],
  { welcome }: StagedCommit,
  added: readonly KeyPackage[],
): StagedCommitRow["welcomes"] {
  if (welcome === undefined) return [];
  const to = added.map((keyPackage) => {
    const { userId, deviceId } = memberOfLeaf(keyPackage.leafNode);
    return { userId, deviceId, keyPackageRef: keyPackageRef(suite, keyPackage) };
  });
  return [{ bytes: welcome, to }];
}

/** Enough to build the next epoch again after a crash, beside the records of this one. */
function recordsOf(state: Staging["state"], next: Staging["state"]): StagedCommitRow["next"] {
  const { put, delete: gone } = diffGroup(state, next);
  return { put, gone };
}
