import type { Extension } from "../extension.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
import type { Member } from "../tree/ratchet-tree.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { AppliedProposals } from "./apply-proposals.ts";
import type { GroupState } from "./group-state.ts";
import type { SentProposal } from "./proposal-rules.ts";

/** What a commit does, for the application to judge and to show. Leaf indexes are those of the new epoch. */
export interface CommitEffects {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  /** Members whose leaf was replaced: by an Update, or by the path of the commit. */
  readonly updated: readonly { readonly leaf: number; readonly before: LeafNode; readonly after: LeafNode }[];
  readonly contextExtensions?: {
    readonly before: readonly Extension[];
    readonly after: readonly Extension[];
  };
  readonly selfRemoved: boolean;
  readonly proposals: readonly SentProposal[];
}

/** A commit that is worked out in full and changes nothing until it is merged. */
export interface StagedCommit {
  /** The commit as an encoded MLSMessage. */
  readonly message: Uint8Array;
  /** One Welcome for all who were added, as an encoded MLSMessage; only from the committer. */
  readonly welcome?: Uint8Array;
  /** Leaf index; in the new epoch, where somebody joins by this very commit. */
  readonly committer: number;
  /** The group in the new epoch; undefined where the commit removes this member. */
  readonly next: GroupState | undefined;
  readonly effects: CommitEffects;
  /**
   * Path secret of the topmost node of the commit's path: whoever has it can follow the commit. A secret of the new
   * epoch; the application may hand it to members that can't open the path. Undefined without a path.
   */
  readonly rootPathSecret: Uint8Array | undefined;
}

/** The epoch that a staged commit leads to. Throws RangeError if it removes this member. */
export function mergeCommit(staged: StagedCommit): GroupState {
  if (staged.next === undefined)
    throw new RangeError("the commit removed this member: there is no next epoch");
  return staged.next;
}

/** Of an external commit (RFC 9420 §12.4.3.2), which changes nothing but who is in the group. */
export function externalEffects(
  state: GroupState | undefined,
  joiner: Member,
  removed: Member | undefined,
  proposals: readonly Proposal[],
): CommitEffects {
  return {
    added: [joiner],
    removed: removed === undefined ? [] : [removed],
    updated: [],
    selfRemoved: state !== undefined && removed?.leaf === state.ownLeaf,
    proposals: proposals.map((proposal) => ({
      proposal,
      sender: { kind: "newMemberCommit" },
      byReference: false,
    })),
  };
}

export function effectsOf(
  state: GroupState,
  applied: AppliedProposals,
  proposals: readonly SentProposal[],
  committer: number,
  committerLeaf: LeafNode | undefined,
): CommitEffects {
  const before = leafAt(state.tree, committer);
  const byPath =
    before === undefined || committerLeaf === undefined
      ? []
      : [{ leaf: committer, before, after: committerLeaf }];
  const replaced = proposals.some(({ proposal }) => proposal.kind === "groupContextExtensions");
  return {
    added: applied.added.map(({ leaf, keyPackage }) => ({ leaf, leafNode: keyPackage.leafNode })),
    removed: applied.removed,
    updated: [...applied.updated, ...byPath],
    ...(replaced && { contextExtensions: { before: state.context.extensions, after: applied.extensions } }),
    selfRemoved: applied.removed.some(({ leaf }) => leaf === state.ownLeaf),
    proposals,
  };
}
