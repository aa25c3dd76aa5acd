import { equalBytes } from "@thicket/mls";
import type { AccountId } from "@thicket/protocol";
import type { GroupPolicy } from "./policy.ts";

/** One proposal of a commit: who made it (the committer where it stands in the commit by value), and what it does. */
export type ProposalFact =
  | { kind: "add"; by: AccountId; userId: AccountId }
  | { kind: "remove"; by: AccountId; userId: AccountId }
  | { kind: "contextExtensions"; by: AccountId }
  /** Any other type of proposal, by its name. */
  | { kind: "other"; by: AccountId; name: string };

export interface MemberFact {
  leaf: number;
  userId: AccountId;
}

/** A commit as its signed and logged bytes tell it: no clock, no pins, no hints. */
export interface CommitFacts {
  before: GroupPolicy;
  /** Equal to `before` where the commit doesn't change it. */
  after: GroupPolicy;
  /** In the order of their leaves. */
  membersBefore: readonly MemberFact[];
  membersAfter: readonly MemberFact[];
  proposals: readonly ProposalFact[];
}

/** Why a commit is against the group's policy. Codes are stable: they stand in timelines and logs. */
export type Refusal =
  | "PROPOSAL_TYPE_FORBIDDEN"
  | "ADD_NOT_ALLOWED"
  | "REMOVE_NOT_ALLOWED"
  | "POLICY_CHANGE_NOT_ALLOWED"
  | "POLICY_FIXED_PART_CHANGED"
  | "ADMIN_NOT_MEMBER"
  | "ADMIN_DISPLACED"
  | "DIRECT_MEMBERS";

/**
 * Whether the group's policy allows a commit (D6): a pure function that gives every member the same verdict.
 * Undefined where it does.
 */
export function authorize(facts: CommitFacts): Refusal | undefined {
  for (const proposal of facts.proposals) {
    const refusal = refuseProposal(facts, proposal);
    if (refusal !== undefined) return refusal;
  }
  return refusePolicyChange(facts) ?? refuseDisplacement(facts) ?? refuseDirectMembers(facts);
}

/**
 * Who has the rights of an admin: the listed ones that are members. Where none of them is left, the member with the
 * lowest leaf has them, so that no group is ever without.
 */
export function effectiveAdmins(policy: GroupPolicy, members: readonly MemberFact[]): readonly AccountId[] {
  const present = new Set(members.map(({ userId }) => userId));
  const listed = policy.admins.filter((userId) => present.has(userId));
  if (listed.length > 0 || policy.kind === "direct") return listed;
  const eldest = members.reduce<MemberFact | undefined>(
    (lowest, member) => (lowest === undefined || member.leaf < lowest.leaf ? member : lowest),
    undefined,
  );
  return eldest === undefined ? [] : [eldest.userId];
}

/** Whether this member may add other people. */
export function mayAdd(policy: GroupPolicy, members: readonly MemberFact[], userId: AccountId): boolean {
  if (policy.kind === "direct") return new Set(members.map((member) => member.userId)).size < 2;
  return policy.mayAdd === "all" || effectiveAdmins(policy, members).includes(userId);
}

/** Whether this member has an admin's rights: removes people, names the group, makes admins. */
export function mayAdminister(
  policy: GroupPolicy,
  members: readonly MemberFact[],
  userId: AccountId,
): boolean {
  return policy.kind === "group" && effectiveAdmins(policy, members).includes(userId);
}

function refuseProposal(facts: CommitFacts, proposal: ProposalFact): Refusal | undefined {
  const { before, membersBefore } = facts;
  switch (proposal.kind) {
    case "add":
      // Whoever it is may add devices of their own.
      return proposal.by === proposal.userId || mayAdd(before, membersBefore, proposal.by)
        ? undefined
        : "ADD_NOT_ALLOWED";
    case "remove":
      return proposal.by === proposal.userId || mayAdminister(before, membersBefore, proposal.by)
        ? undefined
        : "REMOVE_NOT_ALLOWED";
    case "contextExtensions":
      return mayAdminister(before, membersBefore, proposal.by) ? undefined : "POLICY_CHANGE_NOT_ALLOWED";
    case "other":
      // POL-8: Update isn't used, since every commit carries a full path; the rest has no place here.
      return "PROPOSAL_TYPE_FORBIDDEN";
  }
}

function refusePolicyChange({ before, after, membersAfter }: CommitFacts): Refusal | undefined {
  const fixed =
    after.kind === before.kind &&
    after.host === before.host &&
    after.version >= before.version &&
    equalBytes(after.seatKey, before.seatKey) &&
    sameAsKeys(before, after);
  if (!fixed) return "POLICY_FIXED_PART_CHANGED";
  const present = new Set(membersAfter.map(({ userId }) => userId));
  const fresh = after.admins.filter((userId) => !before.admins.includes(userId));
  return fresh.every((userId) => present.has(userId)) ? undefined : "ADMIN_NOT_MEMBER";
}

function sameAsKeys(before: GroupPolicy, after: GroupPolicy): boolean {
  return (
    before.trustedAsKeys.length === after.trustedAsKeys.length &&
    before.trustedAsKeys.every((key, index) => {
      const other = after.trustedAsKeys[index];
      return (
        other !== undefined &&
        equalBytes(key.keyId, other.keyId) &&
        equalBytes(key.publicKey, other.publicKey)
      );
    })
  );
}

/**
 * An admin loses the rights by leaving or by a change of the policy. One who has them for the lowest leaf must not lose
 * them to whoever is added into a lower one: anybody may add devices of their own.
 */
function refuseDisplacement({
  before,
  after,
  membersBefore,
  membersAfter,
  proposals,
}: CommitFacts): Refusal | undefined {
  if (proposals.some(({ kind }) => kind === "contextExtensions")) return undefined;
  const present = new Set(membersAfter.map(({ userId }) => userId));
  const admins = effectiveAdmins(after, membersAfter);
  const displaced = effectiveAdmins(before, membersBefore).some(
    (userId) => present.has(userId) && !admins.includes(userId),
  );
  return displaced ? "ADMIN_DISPLACED" : undefined;
}

/** A 1:1 chat has two people at most. */
function refuseDirectMembers({ before, membersAfter }: CommitFacts): Refusal | undefined {
  if (before.kind !== "direct") return undefined;
  return new Set(membersAfter.map(({ userId }) => userId)).size <= 2 ? undefined : "DIRECT_MEMBERS";
}
