import type { UpdatePath } from "../commit.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import { type LeafNode, signLeafNode } from "../leaf-node.ts";
import { checkOwnCapabilities } from "../own-capabilities.ts";
import { zeroSecret } from "../schedule/key-schedule.ts";
import { memberLeaf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { createPath, encryptPath, type NewPath, type NodePrivateKeys } from "../tree/update-path.ts";
import type { AppliedProposals } from "./apply-proposals.ts";
import { authenticateSuccessor, type EngineDeps } from "./authentication.ts";
import type { CommitIntent, LeafChanges } from "./commit-intent.ts";
import type { GroupState } from "./group-state.ts";
import { checkLeaf } from "./leaf-rules.ts";
import { provisionalContext } from "./next-epoch.ts";
import { isPathRequired, type SentProposal } from "./proposal-rules.ts";
import { checkResultingTree } from "./resulting-tree.ts";

/** The committer's side of a commit: the new tree, and the path that leads there, if any (RFC 9420 §12.4.1). */
export interface OwnPath {
  readonly path: UpdatePath | undefined;
  readonly tree: RatchetTree;
  readonly provisional: GroupContext;
  readonly leafNode: LeafNode | undefined;
  readonly privateKeys: NodePrivateKeys;
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
  readonly commitSecret: Uint8Array;
  readonly rootPathSecret: Uint8Array | undefined;
}

/**
 * §12.4: whether an own commit goes without a path: where that is asked for, no proposal requires one, nothing changes
 * in the own leaf, and this member isn't one that lately couldn't open a path.
 */
export function goesWithoutPath(
  state: GroupState,
  intent: CommitIntent,
  proposals: readonly SentProposal[],
): boolean {
  return (
    intent.path === "whenRequired" &&
    intent.leaf === undefined &&
    !state.needsPath &&
    !isPathRequired(proposals)
  );
}

/** A commit without a path: the tree is what the proposals made of it, and the commit secret is zeros (§12.4.1). */
export function keepPath(state: GroupState, applied: AppliedProposals, deps: EngineDeps): OwnPath {
  const { tree, extensions } = applied;
  checkResultingTree(tree, extensions, applied, undefined, deps);
  return {
    path: undefined,
    tree,
    provisional: provisionalContext(state, tree, extensions),
    leafNode: undefined,
    // Without Updates and Removes no node has lost or changed its key.
    privateKeys: state.privateKeys,
    pathSecrets: new Map(),
    commitSecret: zeroSecret(state.suite),
    rootPathSecret: undefined,
  };
}

/** A fresh path from the own leaf to the root, encrypted to the members that stay (§7.5). */
export async function renewPath(
  state: GroupState,
  applied: AppliedProposals,
  changes: LeafChanges,
  deps: EngineDeps,
): Promise<OwnPath> {
  const { suite, ownLeaf } = state;
  const created = await createOwnPath(state, applied, changes, deps);
  checkResultingTree(created.tree, applied.extensions, applied, ownLeaf, deps);
  const provisional = provisionalContext(state, created.tree, applied.extensions);
  const added = new Set(applied.added.map(({ leaf }) => leaf));
  const path = await encryptPath(
    suite,
    created,
    ownLeaf,
    added,
    encodeGroupContext(provisional),
    deps.random,
  );
  return { ...created, path, provisional };
}

/** The own leaf with these changes, before a path brings it an encryption key and a signature. */
export function changedLeaf(before: LeafNode, changes: LeafChanges): LeafNode {
  return {
    ...before,
    signatureKey: changes.signatureKey?.publicKey ?? before.signatureKey,
    credential: changes.credential ?? before.credential,
    capabilities: changes.capabilities ?? before.capabilities,
    extensions: changes.extensions ?? before.extensions,
  };
}

/** A fresh path with the own new leaf, which keeps the rules that the receivers will check (§7.3, §7.5). */
async function createOwnPath(
  state: GroupState,
  applied: AppliedProposals,
  changes: LeafChanges,
  deps: EngineDeps,
): Promise<NewPath> {
  const { suite, ownLeaf } = state;
  if (changes.capabilities !== undefined) checkOwnCapabilities(changes.capabilities);
  const before = memberLeaf(state.tree, ownLeaf);
  const place = { groupId: state.context.groupId, leafIndex: ownLeaf };
  const created = await createPath(suite, applied.tree, ownLeaf, deps.random, (encryptionKey, parentHash) =>
    signLeafNode(
      suite,
      {
        ...changedLeaf(before, changes),
        encryptionKey,
        source: { kind: "commit", parentHash },
      },
      changes.signatureKey?.privateKey ?? state.signatureKey,
      place,
    ),
  );
  await checkLeaf(suite, created.leafNode, place, "commit");
  await authenticateSuccessor(deps, before, created.leafNode, suite.id, applied.extensions);
  return created;
}
