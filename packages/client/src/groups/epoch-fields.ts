import {
  contextExtensions,
  epoch,
  epochAuthenticator,
  type GroupState,
  isFromMember,
  type LeafNode,
  type Member,
  members,
  pendingProposals,
} from "@thicket/mls";
import { type AccountId, type SeatId, toHex } from "@thicket/protocol";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import type { GroupRow, RosterEntry } from "../tables.ts";
import { effectiveAdmins, type MemberFact } from "./authorize.ts";
import { type GroupPolicy, readPolicy } from "./policy.ts";
import { epochTokenOf, seatIdOf } from "./seats.ts";

type EpochFields = Pick<
  GroupRow,
  | "epoch"
  | "epochAuthenticator"
  | "epochToken"
  | "kind"
  | "host"
  | "title"
  | "admins"
  | "mayAdd"
  | "roster"
  | "leaving"
>;

/** The policy of a group that this client takes part in: one without is never entered. */
export function policyOf(state: GroupState): GroupPolicy {
  const policy = readPolicy(contextExtensions(state));
  if (policy === undefined) throw new TypeError("a group without a policy");
  return policy;
}

export function memberFacts(list: readonly Member[]): MemberFact[] {
  return list.map(({ leaf, leafNode }) => ({ leaf, userId: memberOfLeaf(leafNode).userId }));
}

/**
 * What a group's row says of its epoch. `since` is the seq of the commit that led here: who wasn't in `before` was
 * added by it and counts as invited until something of theirs is seen.
 */
export function epochFields(state: GroupState, before: readonly RosterEntry[], since: number): EpochFields {
  const policy = policyOf(state);
  const list = members(state);
  return {
    epoch: Number(epoch(state)),
    epochAuthenticator: toHex(epochAuthenticator(state)),
    epochToken: epochTokenOf(state),
    kind: policy.kind,
    host: policy.host,
    title: policy.title === "" ? undefined : policy.title,
    admins: [...effectiveAdmins(policy, memberFacts(list))],
    mayAdd: policy.mayAdd,
    roster: rosterOf(policy, list, before, since),
    leaving: leavingUsers(state),
  };
}

/** Who has asked in this epoch to be removed, and is still there. */
export function leavingUsers(state: GroupState): AccountId[] {
  const leaves = new Map(members(state).map(({ leaf, leafNode }) => [leaf, leafNode]));
  const users = pendingProposals(state).flatMap(({ proposal, sender }) => {
    const leaving = proposal.kind === "remove" && isFromMember(sender, proposal.removed);
    const leafNode = leaving ? leaves.get(proposal.removed) : undefined;
    return leafNode === undefined ? [] : [memberOfLeaf(leafNode).userId];
  });
  return [...new Set(users)];
}

function rosterOf(
  policy: GroupPolicy,
  list: readonly Member[],
  before: readonly RosterEntry[],
  since: number,
): RosterEntry[] {
  const known = new Map(before.map((entry) => [entry.leaf, entry]));
  return list.map(({ leaf, leafNode }) => {
    const seatId = seatOfLeaf(policy.seatKey, leafNode);
    const same = known.get(leaf);
    if (same?.seatId === seatId) return same;
    const { userId, deviceId, handle } = memberOfLeaf(leafNode);
    return { leaf, userId, deviceId, handle, seatId, since, invited: true };
  });
}

const seats = new WeakMap<LeafNode, SeatId>();

/** A leaf belongs to one group and so has one seat: computed once per object. */
export function seatOfLeaf(seatKey: Uint8Array, leafNode: LeafNode): SeatId {
  const known = seats.get(leafNode);
  if (known !== undefined) return known;
  const seatId = seatIdOf(seatKey, leafNode.signatureKey);
  seats.set(leafNode, seatId);
  return seatId;
}

/** The roster with this leaf no longer counted as invited; the same one where it wasn't. */
export function seen(roster: RosterEntry[], leaf: number): RosterEntry[] {
  if (!roster.some((entry) => entry.leaf === leaf && entry.invited)) return roster;
  return roster.map((entry) => (entry.leaf === leaf ? { ...entry, invited: false } : entry));
}
