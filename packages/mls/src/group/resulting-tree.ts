import { encodeCredential } from "../credential.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import type { Extension } from "../extension.ts";
import type { LeafNode } from "../leaf-node.ts";
import { leafAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import type { AppliedProposals } from "./apply-proposals.ts";
import { checkClientsDiffer, type EngineDeps } from "./authentication.ts";
import { checkGroupSupport, checkKeysDiffer } from "./leaf-rules.ts";

/**
 * What RFC 9420 §12.2 asks of the tree after a commit (§7.3): no key twice, no client twice, everybody supports
 * what the group and its members use. `applied.tree` is the one before the path, and `committer` is given where the
 * commit has one. Only what changed is looked at: a commit that leaves all credentials as they were costs no pass over
 * the leaves. Throws KEY_REPEATED, CLIENT_REPEATED, CREDENTIAL_INVALID, CAPABILITY_MISSING.
 */
export function checkResultingTree(
  tree: RatchetTree,
  extensions: readonly Extension[],
  applied: Pick<AppliedProposals, "added" | "updated" | "tree">,
  committer: number | undefined,
  deps: EngineDeps,
): void {
  const added = applied.added.map(({ leaf }) => leaf);
  const replaced: { leaf: number; before: LeafNode | undefined }[] = [...applied.updated];
  if (committer !== undefined) {
    replaced.push({ leaf: committer, before: leafAt(applied.tree, committer) });
  }
  checkKeysDiffer(tree, [...added, ...replaced.map(({ leaf }) => leaf)]);
  const renamed = replaced.filter(({ leaf, before }) => !sameCredential(before, leafAt(tree, leaf)));
  checkClientsDiffer(deps.authentication, tree, new Set([...added, ...renamed.map(({ leaf }) => leaf)]));
  checkGroupSupport(tree, extensions);
}

function sameCredential(a: LeafNode | undefined, b: LeafNode | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return (
    a.credential === b.credential ||
    equalBytes(encodeCredential(a.credential), encodeCredential(b.credential))
  );
}
