import {
  contextExtensions,
  type Extension,
  EXTENSION_REQUIRED_CAPABILITIES,
  equalBytes,
  type GroupState,
  type Member,
  memberAt,
  members,
  type SentProposal,
  type StagedCommit,
} from "@thicket/mls";
import type { AccountId, CommitFields, SeatId } from "@thicket/protocol";
import type { TimelineEvent } from "../api.ts";
import { REQUIRED_CAPABILITIES } from "../devices/own-leaf.ts";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { authorize, effectiveAdmins, type ProposalFact, type Refusal } from "./authorize.ts";
import { memberFacts, policyOf, seatOfLeaf } from "./epoch-fields.ts";
import { readLeafProfile } from "./leaf-profile.ts";
import { type GroupPolicy, POLICY_EXTENSION, readPolicy } from "./policy.ts";
import { epochTokenOf, tokenHash } from "./seats.ts";

/** Why a commit that the engine found valid is bad all the same, for everybody alike (`delivery.md`, Bad commits). */
export type CommitRefusal =
  | Refusal
  | "POLICY_UNREADABLE"
  | "CONTEXT_EXTENSION_FORBIDDEN"
  | "LEAF_PROFILE_MISSING"
  | "POLICY_VERSION_UNSUPPORTED"
  | "USER_WITH_TWO_ROOTS"
  | "PATH_MISSING"
  | "CLEAR_FIELDS_DIFFER"
  | "NEXT_TOKEN_DIFFERS";

export type CommitVerdict = { ok: true } | { ok: false; reason: CommitRefusal };

/** The members after a commit, also where it removes this one. */
export function membersAfter(state: GroupState, { effects }: StagedCommit): Member[] {
  const removed = new Set(effects.removed.map(({ leaf }) => leaf));
  const kept = members(state).filter(({ leaf }) => !removed.has(leaf));
  const replaced = new Map(effects.updated.map(({ leaf, after }) => [leaf, after]));
  return [
    ...kept.map(({ leaf, leafNode }) => ({ leaf, leafNode: replaced.get(leaf) ?? leafNode })),
    ...effects.added,
  ].sort((a, b) => a.leaf - b.leaf);
}

/** The clear fields that a commit must be sent with. `next` is undefined where it removes this member. */
export function clearFieldsOf(state: GroupState, staged: StagedCommit): Omit<CommitFields, "nextTokenHash"> {
  const { seatKey } = policyOf(state);
  const { added, removed, updated } = staged.effects;
  const rotated = updated
    .filter(({ before, after }) => !equalBytes(before.signatureKey, after.signatureKey))
    .map(({ leaf, before, after }) => ({
      leaf,
      from: seatOfLeaf(seatKey, before),
      to: seatOfLeaf(seatKey, after),
    }));
  // Only the author shows its own seat's token, so only the author's seat goes on under another name.
  const own = rotated.find(({ leaf }) => leaf === staged.committer);
  const others = rotated.filter((one) => one !== own);
  return {
    seatsAdded: [
      ...added.map(({ leafNode }) => seatOfLeaf(seatKey, leafNode)),
      ...others.map(({ to }) => to),
    ],
    seatsRemoved: [
      ...removed.map(({ leafNode }) => seatOfLeaf(seatKey, leafNode)),
      ...others.map(({ from }) => from),
    ],
    ...(own !== undefined && { seatReplaced: { from: own.from, to: own.to } }),
  };
}

export function nextTokenHashOf(next: GroupState): Uint8Array {
  return tokenHash(epochTokenOf(next));
}

/**
 * Whether a commit that the engine accepts is allowed by the group's policy and says in the clear what it does:
 * judged from signed and logged bytes only, so that every member comes to the same verdict.
 */
export function judgeCommit(
  state: GroupState,
  staged: StagedCommit,
  fields: CommitFields | undefined,
): CommitVerdict {
  const reason =
    judgeContent(state, staged) ??
    (fields === undefined ? "CLEAR_FIELDS_DIFFER" : judgeFields(state, staged, fields));
  return reason === undefined ? { ok: true } : { ok: false, reason };
}

/** The part of the verdict that needs no clear fields: also asked before an own commit is sent. */
export function judgeContent(state: GroupState, staged: StagedCommit): CommitRefusal | undefined {
  // APP-4: every commit renews its author's path, also one that only adds (RFC 9420 §12.4 would let that go without).
  if (!staged.effects.updated.some(({ leaf }) => leaf === staged.committer)) return "PATH_MISSING";
  const before = policyOf(state);
  const extensions = staged.effects.contextExtensions?.after ?? contextExtensions(state);
  const after = readPolicy(extensions);
  if (after === undefined) return "POLICY_UNREADABLE";
  if (!areExtensionsAllowed(extensions)) return "CONTEXT_EXTENSION_FORBIDDEN";
  const membersThen = membersAfter(state, staged);
  return (
    authorize({
      before,
      after,
      membersBefore: memberFacts(members(state)),
      membersAfter: memberFacts(membersThen),
      proposals: staged.effects.proposals.map((sent) => factOf(state, sent)),
    }) ??
    judgeLeaves(before, after, staged, membersThen) ??
    judgeRoots(staged, membersThen)
  );
}

/** POL-2: the policy and the required capabilities, the latter never changed, and nothing else. */
export function areExtensionsAllowed(extensions: readonly Extension[]): boolean {
  return (
    extensions.length === 2 &&
    extensions.every(
      ({ type, data }) =>
        type === POLICY_EXTENSION ||
        (type === EXTENSION_REQUIRED_CAPABILITIES && equalBytes(data, REQUIRED_CAPABILITIES.data)),
    )
  );
}

/** REC-5: every leaf says what it understands, and the policy has a form that every leaf lists. */
function judgeLeaves(
  before: GroupPolicy,
  after: GroupPolicy,
  { effects }: StagedCommit,
  membersThen: readonly Member[],
): CommitRefusal | undefined {
  const fresh = [
    ...effects.added.map(({ leafNode }) => leafNode),
    ...effects.updated.map((leaf) => leaf.after),
  ];
  const leaves = after.version === before.version ? fresh : membersThen.map(({ leafNode }) => leafNode);
  for (const { extensions } of leaves) {
    const profile = readLeafProfile(extensions);
    if (profile === undefined) return "LEAF_PROFILE_MISSING";
    if (!profile.policyVersions.includes(after.version)) return "POLICY_VERSION_UNSUPPORTED";
  }
  return undefined;
}

/** One root key per user in a group (`identity.md`). */
function judgeRoots({ effects }: StagedCommit, membersThen: readonly Member[]): CommitRefusal | undefined {
  if (effects.added.length === 0) return undefined;
  return hasUserWithTwoRoots(membersThen) ? "USER_WITH_TWO_ROOTS" : undefined;
}

export function hasUserWithTwoRoots(list: readonly Member[]): boolean {
  const roots = new Map<AccountId, Uint8Array>();
  for (const { leafNode } of list) {
    const { userId, rootKey } = memberOfLeaf(leafNode);
    const known = roots.get(userId);
    if (known !== undefined && !equalBytes(known, rootKey)) return true;
    roots.set(userId, rootKey);
  }
  return false;
}

function judgeFields(
  state: GroupState,
  staged: StagedCommit,
  fields: CommitFields,
): CommitRefusal | undefined {
  const says = clearFieldsOf(state, staged);
  const same =
    sameSeats(says.seatsAdded, fields.seatsAdded) &&
    sameSeats(says.seatsRemoved, fields.seatsRemoved) &&
    says.seatReplaced?.from === fields.seatReplaced?.from &&
    says.seatReplaced?.to === fields.seatReplaced?.to;
  if (!same) return "CLEAR_FIELDS_DIFFER";
  if (staged.next !== undefined && !equalBytes(nextTokenHashOf(staged.next), fields.nextTokenHash)) {
    return "NEXT_TOKEN_DIFFERS";
  }
  return undefined;
}

function sameSeats(a: readonly SeatId[], b: readonly SeatId[]): boolean {
  return a.toSorted().join() === b.toSorted().join();
}

function userAt(state: GroupState, leaf: number): AccountId {
  const found = memberAt(state, leaf);
  if (found === undefined) throw new TypeError("a proposal about a leaf without a member");
  return memberOfLeaf(found).userId;
}

function factOf(state: GroupState, { proposal, sender }: SentProposal): ProposalFact {
  // No outsider may propose here, and the engine lets none in.
  if (sender.kind !== "member") throw new TypeError("a proposal from outside the group");
  const by = userAt(state, sender.leafIndex);
  switch (proposal.kind) {
    case "add":
      return { kind: "add", by, userId: memberOfLeaf(proposal.keyPackage.leafNode).userId };
    case "remove":
      return { kind: "remove", by, userId: userAt(state, proposal.removed) };
    case "groupContextExtensions":
      return { kind: "contextExtensions", by };
    case "update":
    case "psk":
    case "reinit":
    case "externalInit":
      return { kind: "other", by, name: proposal.kind };
  }
}

export interface CommitLine {
  author: AccountId;
  event: TimelineEvent;
}

/** What a commit changed, as the lines that every member's timeline shows for it, in one order for all. */
export function linesOf(state: GroupState, staged: StagedCommit): CommitLine[] {
  const before = policyOf(state);
  const after = readPolicy(staged.effects.contextExtensions?.after ?? contextExtensions(state)) ?? before;
  const facts = staged.effects.proposals.map((sent) => factOf(state, sent));
  const committer = userAt(state, staged.committer);
  const factsBefore = memberFacts(members(state));
  const factsAfter = memberFacts(membersAfter(state, staged));
  const usersBefore = new Set(factsBefore.map(({ userId }) => userId));
  const usersAfter = new Set(factsAfter.map(({ userId }) => userId));
  const replaced = usersUnderAnotherRoot(state, staged);
  const lines: CommitLine[] = [];
  for (const userId of usersBefore) {
    if (usersAfter.has(userId) && !replaced.has(userId)) continue;
    const author = facts.find((fact) => fact.kind === "remove" && fact.userId === userId)?.by ?? committer;
    const type = author === userId ? "left" : "removed";
    lines.push({ author, event: { type, userId } });
  }
  for (const userId of usersAfter) {
    // In a 1:1 chat the other side is no news.
    if ((usersBefore.has(userId) && !replaced.has(userId)) || before.kind === "direct") continue;
    const author = facts.find((fact) => fact.kind === "add" && fact.userId === userId)?.by ?? committer;
    lines.push({ author, event: { type: "added", userId } });
  }
  if (after.title !== before.title) {
    lines.push({ author: committer, event: { type: "renamed", title: after.title } });
  }
  const adminsBefore = effectiveAdmins(before, factsBefore);
  const adminsAfter = effectiveAdmins(after, factsAfter);
  for (const userId of usersAfter) {
    const admin = adminsAfter.includes(userId);
    if (!usersBefore.has(userId) || admin === adminsBefore.includes(userId)) continue;
    lines.push({ author: committer, event: { type: "adminChanged", userId, admin } });
  }
  return lines;
}

/** Who was taken out and put back under another root key: that counts as another person (`identity.md`). */
function usersUnderAnotherRoot(state: GroupState, { effects }: StagedCommit): Set<AccountId> {
  const added = effects.added.map(({ leafNode }) => memberOfLeaf(leafNode));
  const before = added.length === 0 ? [] : members(state).map(({ leafNode }) => memberOfLeaf(leafNode));
  const roots = new Map(before.map(({ userId, rootKey }) => [userId, rootKey]));
  const another = added.filter(({ userId, rootKey }) => {
    const root = roots.get(userId);
    return root !== undefined && !equalBytes(root, rootKey);
  });
  return new Set(another.map(({ userId }) => userId));
}
