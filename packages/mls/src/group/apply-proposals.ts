import { decode } from "../codec/codec.ts";
import { checkBeforeCredential } from "../check-key-package.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import {
  EXTENSION_EXTERNAL_SENDERS,
  EXTENSION_REQUIRED_CAPABILITIES,
  type Extension,
  findExtension,
  requiredCapabilitiesCodec,
} from "../extension.ts";
import type { KeyPackage } from "../key-package.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId, ReInit } from "../proposal.ts";
import { remember } from "../remember.ts";
import {
  addLeaf,
  type Member,
  memberLeaf,
  type RatchetTree,
  removeLeaf,
  updateLeaf,
} from "../tree/ratchet-tree.ts";
import {
  authenticateExternalSenders,
  authenticateLeaf,
  authenticateSuccessor,
  type EngineDeps,
} from "./authentication.ts";
import { checkLeaf, inChunks } from "./leaf-rules.ts";
import { checkProposalList, type GroupBefore, type SentProposal } from "./proposal-rules.ts";

export interface AppliedProposals {
  readonly tree: RatchetTree;
  readonly extensions: readonly Extension[];
  readonly added: readonly { readonly leaf: number; readonly keyPackage: KeyPackage }[];
  readonly removed: readonly Member[];
  readonly updated: readonly { readonly leaf: number; readonly before: LeafNode; readonly after: LeafNode }[];
  readonly psks: readonly PreSharedKeyId[];
  readonly reinit: ReInit | undefined;
}

/**
 * What came of judging something by itself, in this group or, where it is a credential, under these extensions. So
 * nothing is verified twice and the application not asked twice, in however many lists the same proposal is tried.
 */
export type Verdicts = (under: object) => (judged: object) => { verdict?: Promise<void> };

export function noVerdicts(): Verdicts {
  return remember(() => remember(() => ({})));
}

/** How lists of proposals are judged of which most are only tried. */
export interface Judge {
  readonly verdicts: Verdicts;
  /** Throws where the tree that the proposals lead to can't be, before the application is asked about credentials. */
  readonly tree?: (tree: RatchetTree, extensions: readonly Extension[]) => void;
}

/**
 * Validates a commit's proposals (RFC 9420 §12.1, §12.2) and applies them in the order of §12.3. What can only be
 * judged on the resulting tree, the path included, is checkResultingTree's.
 */
export async function applyProposals(
  group: GroupBefore,
  proposals: readonly SentProposal[],
  committer: number | undefined,
  deps: EngineDeps,
  judge: Judge = { verdicts: noVerdicts() },
): Promise<AppliedProposals> {
  const list = checkProposalList(group, proposals, committer);
  // §12.3: the new extensions are the ones under which all other proposals are judged.
  const extensions = list.contextExtensions ?? group.context.extensions;
  const { id } = group.suite;
  const alone = judge.verdicts(group);
  const credentials = judge.verdicts(extensions);
  if (list.contextExtensions !== undefined) {
    await (alone(extensions).verdict ??= checkContextExtensions(group, extensions, deps));
  }
  await inChunks(list.updates, ({ sender, leafNode }) => {
    return (alone(leafNode).verdict ??= checkUpdate(group, sender, leafNode));
  });
  await inChunks(list.adds, (keyPackage) => {
    // §12.1.1, §10.1
    return (alone(keyPackage).verdict ??= checkBeforeCredential(keyPackage, { suite: id }));
  });

  let { tree } = group;
  const updated = list.updates.map(({ sender, leafNode }) => {
    const before = memberLeaf(tree, sender);
    tree = updateLeaf(tree, sender, leafNode);
    return { leaf: sender, before, after: leafNode };
  });
  const removed = list.removes.map((leaf) => ({ leaf, leafNode: memberLeaf(group.tree, leaf) }));
  for (const { leaf } of removed) tree = removeLeaf(tree, leaf);
  const added = list.adds.map((keyPackage) => {
    const result = addLeaf(tree, keyPackage.leafNode);
    tree = result.tree;
    return { leaf: result.leaf, keyPackage };
  });
  judge.tree?.(tree, extensions);

  await inChunks(updated, ({ before, after }) => {
    return (credentials(after).verdict ??= authenticateSuccessor(deps, before, after, id, extensions));
  });
  await inChunks(list.adds, ({ leafNode }) => {
    return (credentials(leafNode).verdict ??= authenticateLeaf(deps, leafNode, id, extensions));
  });
  return { tree, extensions, added, removed, updated, psks: list.psks, reinit: list.reinit };
}

/** §12.1.2, §7.3: but for its credential. */
async function checkUpdate(group: GroupBefore, leaf: number, leafNode: LeafNode): Promise<void> {
  const before = memberLeaf(group.tree, leaf);
  await checkLeaf(group.suite, leafNode, { groupId: group.context.groupId, leafIndex: leaf }, "update");
  // §7.3: an Update must bring a new encryption key.
  if (equalBytes(before.encryptionKey, leafNode.encryptionKey)) {
    throw new MlsError("PROPOSAL_INVALID", "an Update keeps the old encryption key", { section: "§7.3" });
  }
}

/** §12.1.7, §5.3.1; whether all members support them is judged on the resulting tree. */
async function checkContextExtensions(
  group: GroupBefore,
  extensions: readonly Extension[],
  deps: EngineDeps,
): Promise<void> {
  const required = findExtension(extensions, EXTENSION_REQUIRED_CAPABILITIES);
  if (required !== undefined) decode(requiredCapabilitiesCodec, required);
  const senders = findExtension(extensions, EXTENSION_EXTERNAL_SENDERS);
  const before = findExtension(group.context.extensions, EXTENSION_EXTERNAL_SENDERS);
  if (senders !== undefined && (before === undefined || !equalBytes(senders, before))) {
    await authenticateExternalSenders(deps, group.suite.id, extensions);
  }
}
