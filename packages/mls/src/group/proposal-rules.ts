import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { isFromMember, type Sender } from "../framing/message.ts";
import type { GroupContext } from "../group-context.ts";
import type { KeyPackage } from "../key-package.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId, Proposal, ReInit } from "../proposal.ts";
import { leafAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { isPskRepeated } from "./pre-shared-keys.ts";
import { checkReinit } from "./reinit.ts";
import type { Succession } from "./successor-rules.ts";

/** The group as it stands before a commit. */
export interface GroupBefore {
  readonly suite: CipherSuite;
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  /** Of a group that is being founded in place of or beside another one: how it comes from that (§11.2, §11.3). */
  readonly succession?: Succession;
}

/**
 * A proposal of a commit and who made it: the committer where it stands in the commit by value, else a member by its
 * leaf index or somebody outside the group (RFC 9420 §12.1.8).
 */
export interface SentProposal {
  readonly proposal: Proposal;
  readonly sender: Sender;
  readonly byReference: boolean;
}

/** A commit's proposals, sorted by what they do; each list in the commit's order. */
export interface ProposalList {
  readonly contextExtensions: readonly Extension[] | undefined;
  readonly updates: readonly { readonly sender: number; readonly leafNode: LeafNode }[];
  readonly removes: readonly number[];
  readonly adds: readonly KeyPackage[];
  readonly psks: readonly PreSharedKeyId[];
  readonly reinit: ReInit | undefined;
}

/**
 * The rules of RFC 9420 §12.2 for a member's commit that need no signature and no application; without a committer
 * for proposals that nobody has committed yet. Throws PROPOSAL_INVALID for a proposal that is wrong by itself,
 * PROPOSAL_LIST_INVALID for those that don't go together.
 */
export function checkProposalList(
  group: GroupBefore,
  proposals: readonly SentProposal[],
  committer: number | undefined,
): ProposalList {
  const updates: { sender: number; leafNode: LeafNode }[] = [];
  const removes: number[] = [];
  const adds: KeyPackage[] = [];
  const psks: PreSharedKeyId[] = [];
  const contextExtensions: (readonly Extension[])[] = [];
  let reinit: ReInit | undefined;
  // §12.2 has no kind of which the same may come twice; said here, before anybody verifies each of them.
  if (new Set(proposals.map(({ proposal }) => proposal)).size !== proposals.length) {
    throw badList("a proposal twice");
  }
  for (const { proposal, sender } of proposals) {
    switch (proposal.kind) {
      case "add":
        adds.push(proposal.keyPackage);
        break;
      case "update":
        // §12.2: no Update by the committer, who brings a path instead.
        if (committer !== undefined && isFromMember(sender, committer))
          throw badList("the committer's own Update");
        // §12.1.8: nobody else has a leaf to update.
        if (sender.kind !== "member") throw badProposal(`an Update by a ${sender.kind} sender`, "§12.1.8");
        updates.push({ sender: sender.leafIndex, leafNode: proposal.leafNode });
        break;
      case "remove":
        // §12.1.3: the target is a member; §12.2: and not the committer.
        if (leafAt(group.tree, proposal.removed) === undefined) {
          throw badProposal(`a Remove of leaf ${proposal.removed}, which is blank`, "§12.1.3");
        }
        if (proposal.removed === committer) throw badList("a Remove of the committer");
        removes.push(proposal.removed);
        break;
      case "psk":
        checkPsk(group, proposal.psk);
        psks.push(proposal.psk);
        break;
      case "groupContextExtensions":
        contextExtensions.push(proposal.extensions);
        break;
      case "reinit":
        // §12.2: a ReInit stands alone.
        if (proposals.length > 1) throw badList("a ReInit together with other proposals");
        checkReinit(proposal);
        reinit = proposal;
        break;
      case "externalInit":
        // §12.2: only in an external commit.
        throw badList("an ExternalInit in a member's commit");
    }
  }
  // §12.2: one Update or Remove for a leaf.
  const targets = [...updates.map(({ sender }) => sender), ...removes];
  if (new Set(targets).size !== targets.length) throw badList("two Updates or Removes for one leaf");
  // §12.2: a PSK once.
  if (isPskRepeated(psks)) throw badList("a pre-shared key twice");
  if (contextExtensions.length > 1) throw badList("two GroupContextExtensions");
  return { contextExtensions: contextExtensions[0], updates, removes, adds, psks, reinit };
}

/** §12.4: Update, Remove and GroupContextExtensions require a path, and so does a commit without proposals. */
export function isPathRequired(proposals: readonly SentProposal[]): boolean {
  const optional: readonly Proposal["kind"][] = ["add", "psk", "reinit"];
  return proposals.length === 0 || proposals.some(({ proposal }) => !optional.includes(proposal.kind));
}

/** §12.1.4 */
export function checkPsk(group: GroupBefore, psk: PreSharedKeyId): void {
  if (psk.nonce.length !== group.suite.hashLength)
    throw badProposal("a PSK nonce of the wrong length", "§12.1.4");
  // §11.2, §11.3: the other usages link a new group to an old one, and are for its first commit alone.
  if (psk.kind === "resumption" && psk.usage !== "application" && psk.usage !== group.succession) {
    throw badProposal(`a resumption PSK for ${psk.usage} in a running group`, "§12.1.4");
  }
}

function badProposal(message: string, section: string): MlsError {
  return new MlsError("PROPOSAL_INVALID", message, { section });
}

function badList(message: string): MlsError {
  return new MlsError("PROPOSAL_LIST_INVALID", message, { section: "§12.2" });
}
