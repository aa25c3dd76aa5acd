import type { Extension } from "../extension.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import type { AppliedProposals } from "./apply-proposals.ts";
import { checkClientsDiffer, type EngineDeps } from "./authentication.ts";
import { checkGroupSupport, checkKeysDiffer } from "./leaf-rules.ts";

/**
 * What RFC 9420 §12.2 asks of the tree after a commit (§7.3): no key twice, no client twice, everybody supports
 * what the group and its members use. `committer` is given where the commit has a path. Costs one pass over the
 * leaves, and nothing per pair. Throws KEY_REPEATED, CLIENT_REPEATED, CAPABILITY_MISSING.
 */
export function checkResultingTree(
  tree: RatchetTree,
  extensions: readonly Extension[],
  applied: Pick<AppliedProposals, "added" | "updated">,
  committer: number | undefined,
  deps: EngineDeps,
): void {
  const changed = new Set([...applied.added, ...applied.updated].map(({ leaf }) => leaf));
  if (committer !== undefined) changed.add(committer);
  checkKeysDiffer(tree, changed);
  checkClientsDiffer(deps.authentication, tree, changed);
  checkGroupSupport(tree, extensions);
}
