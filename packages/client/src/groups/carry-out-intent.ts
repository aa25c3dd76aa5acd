import { checkCredential, fromMlsCredential } from "@thicket/credential";
import {
  checkKeyPackage,
  contextExtensions as extensionsOf,
  equalBytes,
  type Extension,
  isFromMember,
  type KeyPackage,
  members,
  MlsError,
  ownLeaf,
  pendingProposals,
  verifyEd25519,
} from "@thicket/mls";
import { type AccountId, toHex } from "@thicket/protocol";
import { REQUIRED_CAPABILITIES, SUITE } from "../devices/own-leaf.ts";
import { LEAF_LIFETIMES } from "../identity/engine-authentication.ts";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { parseEntryId } from "../identity/parse-ids.ts";
import { sealDeparture } from "../messages/seal-entry.ts";
import { type LoadedGroup, nextOrder } from "../state.ts";
import type { Step } from "../step.ts";
import type { ClaimedKeyPackage, IntentAct, IntentRow } from "../tables.ts";
import { mayAdd, mayAdminister } from "./authorize.ts";
import { endMembership } from "./end-membership.ts";
import { memberFacts, policyOf } from "./epoch-fields.ts";
import { readLeafProfile } from "./leaf-profile.ts";
import { replaceIntent } from "./lose-commit.ts";
import { missingDevices } from "./missing-devices.ts";
import { encodePolicy, type GroupPolicy } from "./policy.ts";
import { addableAlone, allowedProposals, stageOwnCommit } from "./stage-own-commit.ts";

/**
 * Carries out an act in the group's present epoch, if it still applies: stages the commit that does it, or proposes
 * the own departure. What is done already, or no longer allowed, is dropped.
 */
export async function carryOutIntent(step: Step, group: LoadedGroup, intent: IntentRow): Promise<void> {
  const { act } = intent;
  switch (act.type) {
    case "invite":
      return carryOutInvite(step, group, intent, act);
    case "remove":
      return carryOutRemove(step, group, intent, act.userId);
    case "rename":
      return changePolicy(step, group, intent, (policy) => ({ ...policy, title: act.title }));
    case "setAdmin":
      return changePolicy(step, group, intent, (policy) => withAdmin(group, policy, act.userId, act.admin));
    case "leave":
      return carryOutLeave(step, group, intent);
  }
}

/** Drops an act; with a reason it is said, since nobody waits for an answer any more. */
export function dropIntent(step: Step, group: LoadedGroup, intent: IntentRow, reason?: "NOT_ALLOWED"): void {
  const founding = group.row.membership.state === "founding" && intent.act.type === "invite";
  const row = founding ? { ...group.row, membership: { state: "member" } as const } : group.row;
  step.setGroup({ ...group, row, intents: group.intents.filter(({ order }) => order !== intent.order) });
  if (reason !== undefined) step.problem({ code: reason });
}

async function carryOutInvite(
  step: Step,
  group: LoadedGroup,
  intent: IntentRow,
  act: Extract<IntentAct, { type: "invite" }>,
): Promise<void> {
  const { state } = group.engine;
  const missing = missingDevices(group, act);
  if (missing.length === 0) return dropIntent(step, group, intent);
  const self = step.account()?.userId;
  if (self === undefined || !mayAdd(policyOf(state), memberFacts(members(state)), self)) {
    return dropIntent(step, group, intent, "NOT_ALLOWED");
  }
  const wanted = new Set(missing.map(({ userId, deviceId }) => `${userId}/${deviceId}`));
  const add: KeyPackage[] = [];
  for (const { userId, deviceId, keyPackage } of act.claimed) {
    if (!wanted.has(`${userId}/${deviceId}`)) continue;
    const { keyPackage: checked } = await readClaimed(step, group, { userId, deviceId, keyPackage });
    if (checked !== undefined) add.push(checked);
  }
  if (add.length === 0) {
    // They have run out since they were claimed: others are claimed instead.
    step.setGroup(replaceIntent(group, { ...intent, act: { ...act, claimed: [] } }));
    return;
  }
  const staged = await stageOwnCommit(step, group, { add }, intent.order);
  if (staged === undefined) await inviteWithout(step, group, intent, act, add);
}

/** Goes on with those whose key packages the group can take, and says who of the others isn't invited. */
async function inviteWithout(
  step: Step,
  group: LoadedGroup,
  intent: IntentRow,
  act: Extract<IntentAct, { type: "invite" }>,
  refused: readonly KeyPackage[],
): Promise<void> {
  const add = await addableAlone(step, group, refused);
  if (add.length === 0 || add.length === refused.length)
    return dropIntent(step, group, intent, "NOT_ALLOWED");
  const out = new Set(
    refused
      .filter((keyPackage) => !add.includes(keyPackage))
      .map(({ leafNode }) => memberOfLeaf(leafNode).userId),
  );
  for (const { userId, handle } of act.invitees) {
    if (out.has(userId)) step.problem({ code: "KEY_PACKAGE_REFUSED", subject: handle });
  }
  const invitees = act.invitees.filter(({ userId }) => !out.has(userId));
  const claimed = act.claimed.filter(({ userId }) => !out.has(userId));
  step.setGroup(replaceIntent(group, { ...intent, act: { ...act, invitees, claimed } }));
}

/**
 * A claimed key package, held against the group that its device is to join: the engine's rules, the credential under
 * the group's AS keys, the device that was asked for, the pinned root, and its dates by our clock (AS-1).
 */
export async function readClaimed(
  step: Step,
  group: LoadedGroup,
  claimed: ClaimedKeyPackage,
): Promise<{ keyPackage: KeyPackage | undefined }> {
  try {
    const keyPackage = await checkKeyPackage(claimed.keyPackage, { suite: SUITE, ...LEAF_LIFETIMES });
    const { leafNode } = keyPackage;
    const bytes = fromMlsCredential(leafNode.credential);
    if (bytes === undefined || leafNode.source.kind !== "keyPackage") return { keyPackage: undefined };
    const policy = policyOf(group.engine.state);
    const verdict = await checkCredential(bytes, {
      leafSignatureKey: leafNode.signatureKey,
      cipherSuite: SUITE,
      trustedAsKeys: policy.trustedAsKeys,
      verify: verifyEd25519,
    });
    if (!verdict.ok) return { keyPackage: undefined };
    const { userId, deviceId, rootKey } = memberOfLeaf(leafNode);
    const pinned = step.contact(userId);
    const now = BigInt(Math.floor(step.now() / 1000));
    const { notBefore, notAfter } = leafNode.source.lifetime;
    const usable =
      userId === claimed.userId &&
      deviceId === claimed.deviceId &&
      (pinned === undefined ||
        (pinned.changedRootKey === undefined && equalBytes(pinned.rootKey, rootKey))) &&
      notBefore <= now + DAY &&
      now <= notAfter &&
      // The lifetime is the device's word alone; the credential's end lies within what AS and root have signed.
      now <= verdict.credential.leaf.notAfter &&
      readLeafProfile(leafNode.extensions)?.policyVersions.includes(policy.version) === true;
    return { keyPackage: usable ? keyPackage : undefined };
  } catch (error) {
    if (error instanceof MlsError) return { keyPackage: undefined };
    throw error;
  }
}

/** A clock that is behind by less than this takes no key package for one from the future (PARAM-8). */
const DAY = 86_400n;

async function carryOutRemove(
  step: Step,
  group: LoadedGroup,
  intent: IntentRow,
  userId: AccountId,
): Promise<void> {
  const { state } = group.engine;
  const policy = policyOf(state);
  const list = members(state);
  const self = step.account()?.userId;
  // FUN-4: all of a person's devices in one commit.
  const remove = list
    .filter(({ leafNode }) => memberOfLeaf(leafNode).userId === userId)
    .map(({ leaf }) => leaf);
  if (remove.length === 0) return dropIntent(step, group, intent);
  if (self === undefined || userId === self || !mayAdminister(policy, memberFacts(list), self)) {
    return dropIntent(step, group, intent, "NOT_ALLOWED");
  }
  const admins = policy.admins.filter((admin) => admin !== userId);
  const changed = admins.length !== policy.admins.length && admins.length > 0;
  const contextExtensions = changed ? extensionsWith({ ...policy, admins }) : undefined;
  // Whoever has asked to leave is removed by taking that along.
  const asked = new Set(
    allowedProposals(group).flatMap(({ proposal }) => (proposal.kind === "remove" ? [proposal.removed] : [])),
  );
  const staged = await stageOwnCommit(
    step,
    group,
    {
      remove: remove.filter((leaf) => !asked.has(leaf)),
      ...(contextExtensions && { contextExtensions }),
    },
    intent.order,
  );
  if (staged === undefined) dropIntent(step, group, intent, "NOT_ALLOWED");
}

function extensionsWith(policy: GroupPolicy): Extension[] {
  return [REQUIRED_CAPABILITIES, encodePolicy(policy)];
}

/** The policy with somebody's rights changed. Admins that have gone are left out on the way. */
function withAdmin(group: LoadedGroup, policy: GroupPolicy, userId: AccountId, admin: boolean): GroupPolicy {
  const present = new Set(group.row.roster.map((entry) => entry.userId));
  const listed = group.row.admins.filter((known) => known !== userId && present.has(known));
  const admins = admin && present.has(userId) ? [...listed, userId] : listed;
  return admins.length === 0 ? policy : { ...policy, admins: admins.toSorted() };
}

async function changePolicy(
  step: Step,
  group: LoadedGroup,
  intent: IntentRow,
  change: (policy: GroupPolicy) => GroupPolicy,
): Promise<void> {
  const { state } = group.engine;
  const policy = policyOf(state);
  const after = extensionsWith(change(policy));
  if (sameExtensions(after, extensionsOf(state))) return dropIntent(step, group, intent);
  const self = step.account()?.userId;
  if (self === undefined || !mayAdminister(policy, memberFacts(members(state)), self)) {
    return dropIntent(step, group, intent, "NOT_ALLOWED");
  }
  const staged = await stageOwnCommit(step, group, { contextExtensions: after }, intent.order);
  if (staged === undefined) dropIntent(step, group, intent, "NOT_ALLOWED");
}

function sameExtensions(a: readonly Extension[], b: readonly Extension[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ type, data }) => b.some((other) => other.type === type && equalBytes(other.data, data)))
  );
}

/**
 * Leaves: alone at once; as the only admin after another has been made one; else by a proposal that somebody who
 * stays commits (FUN-6). It is proposed again in every epoch until it has happened.
 */
async function carryOutLeave(step: Step, group: LoadedGroup, intent: IntentRow): Promise<void> {
  const { state } = group.engine;
  const self = step.account()?.userId;
  const others = group.row.roster.filter(({ userId }) => userId !== self);
  if (self === undefined || others.length === 0) return endMembership(step, group, { state: "left" });
  const { admins, kind, leaving } = group.row;
  if (kind === "group" && admins.length === 1 && admins[0] === self) {
    // Members stand in the order of their leaves, so the first other one is among the longest here.
    const heir = others.find(({ userId }) => !leaving.includes(userId));
    const policy = policyOf(state);
    // Where all others leave as well they are let go first, and nobody is left to be an admin.
    const change = heir && {
      contextExtensions: extensionsWith({ ...policy, admins: [heir.userId, self].toSorted() }),
    };
    const staged = await stageOwnCommit(step, group, change ?? {}, undefined);
    if (staged === undefined) dropIntent(step, group, intent, "NOT_ALLOWED");
    return;
  }
  const own = ownLeaf(state);
  const proposed = pendingProposals(state).some(
    ({ proposal, sender }) => isFromMember(sender, own) && proposal.kind === "remove",
  );
  if (proposed) return;
  const order = nextOrder(group);
  const waiting = {
    groupId: group.row.groupId,
    order,
    at: intent.at,
    entryId: parseEntryId(toHex(step.deps.ports.random.bytes(16))),
    kind: "proposal" as const,
  };
  await sealDeparture(step, { ...group, outbox: [...group.outbox, waiting] }, waiting);
}
