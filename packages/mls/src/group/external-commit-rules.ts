import type { Commit, UpdatePath } from "../commit.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import type { PreSharedKeyId, Proposal } from "../proposal.ts";
import { leafAt, type Member, type RatchetTree, removeLeaf, vacantLeaf } from "../tree/ratchet-tree.ts";
import { authenticateJoiner, type EngineDeps } from "./authentication.ts";
import { checkLeaf } from "./leaf-rules.ts";
import { isPskRepeated } from "./pre-shared-keys.ts";
import { checkPsk, type GroupBefore } from "./proposal-rules.ts";
import { checkResultingTree } from "./resulting-tree.ts";

/** What the proposals of an external commit do. */
export interface ExternalCommitParts {
  readonly kemOutput: Uint8Array;
  readonly removed: Member | undefined;
  readonly psks: readonly PreSharedKeyId[];
}

/**
 * RFC 9420 §12.2 for external commits: one ExternalInit, at most one Remove, PSKs, and nothing else. Throws
 * PROPOSAL_INVALID, PROPOSAL_LIST_INVALID.
 */
export function checkExternalProposals(
  group: GroupBefore,
  proposals: readonly Proposal[],
): ExternalCommitParts {
  const inits: Uint8Array[] = [];
  const removed: Member[] = [];
  const psks: PreSharedKeyId[] = [];
  for (const proposal of proposals) {
    switch (proposal.kind) {
      case "externalInit":
        inits.push(proposal.kemOutput);
        break;
      case "remove": {
        const leafNode = leafAt(group.tree, proposal.removed);
        if (leafNode === undefined) {
          throw new MlsError("PROPOSAL_INVALID", `a Remove of leaf ${proposal.removed}, which is blank`, {
            section: "§12.1.3",
          });
        }
        removed.push({ leaf: proposal.removed, leafNode });
        break;
      }
      case "psk":
        checkPsk(group, proposal.psk);
        psks.push(proposal.psk);
        break;
      case "add":
      case "update":
      case "reinit":
      case "groupContextExtensions":
        throw badList(`an external commit with a proposal of kind ${proposal.kind}`);
    }
  }
  const [kemOutput] = inits;
  if (kemOutput === undefined || inits.length > 1) throw badList("an external commit has one ExternalInit");
  if (removed.length > 1) throw badList("an external commit with two Removes");
  if (isPskRepeated(psks)) throw badList("a pre-shared key twice");
  return { kemOutput, removed: removed[0], psks };
}

/** §12.4.3.2: by value only, since the joiner can't judge what was proposed in the group. */
export function proposalsByValue(commit: Commit): Proposal[] {
  return commit.proposals.map((entry) => {
    if (entry.kind === "reference") {
      throw new MlsError("PROPOSAL_LIST_INVALID", "an external commit with a proposal by reference", {
        section: "§12.4.3.2",
      });
    }
    return entry.proposal;
  });
}

/** §12.4.3.2: an external commit has a path: that is how the joiner comes into the tree. */
export function requirePath(commit: Commit): UpdatePath {
  if (commit.path === undefined) {
    throw new MlsError("COMMIT_INVALID", "an external commit without a path", { section: "§12.4.3.2" });
  }
  return commit.path;
}

/** §12.4.1, §12.4.2: the leftmost blank leaf after the Remove is the joiner's, in a tree extended where there is none. */
export function placeOfJoiner(
  tree: RatchetTree,
  removed: Member | undefined,
): { tree: RatchetTree; leaf: number } {
  return vacantLeaf(removed === undefined ? tree : removeLeaf(tree, removed.leaf));
}

/**
 * The joiner's leaf, before its path is merged: valid for its place (§7.3), of a credential that the application
 * takes (§5.3.1), and where it removes a member, fit to be an Update of that member's leaf (§12.2).
 */
export async function checkJoinerLeaf(
  group: GroupBefore,
  leaf: number,
  { leafNode }: Pick<UpdatePath, "leafNode">,
  removed: Member | undefined,
  deps: EngineDeps,
): Promise<void> {
  const { suite, context } = group;
  await checkLeaf(suite, leafNode, { groupId: context.groupId, leafIndex: leaf }, "commit");
  // §12.2, §7.3: an Update brings a new encryption key.
  if (removed !== undefined && equalBytes(removed.leafNode.encryptionKey, leafNode.encryptionKey)) {
    throw new MlsError("PROPOSAL_INVALID", "the joiner keeps the encryption key of its former leaf", {
      section: "§7.3",
    });
  }
  await authenticateJoiner(deps, removed?.leafNode, leafNode, suite.id, context.extensions);
}

/** §7.3: no key and no client twice, and everybody supports what is in use, the joiner included. */
export function checkJoinedTree(group: GroupBefore, tree: RatchetTree, leaf: number, deps: EngineDeps): void {
  const before = { added: [], updated: [], tree: group.tree };
  checkResultingTree(tree, group.context.extensions, before, leaf, deps);
}

function badList(message: string): MlsError {
  return new MlsError("PROPOSAL_LIST_INVALID", message, { section: "§12.2" });
}
