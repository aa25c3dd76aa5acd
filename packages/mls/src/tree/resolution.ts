import { isLeafSlot, pathFromRoot, type ParentSlot, type RatchetTree } from "./ratchet-tree.ts";

/**
 * Node indexes that cover all non-blank nodes of a subtree, left first (RFC 9420 §4.1.1). Leaves in `without`
 * (by leaf number) are left out: those that the current commit adds (§7.5).
 */
export function resolution(tree: RatchetTree, without?: ReadonlySet<number>): number[] {
  const found: number[] = [];
  collect(tree, without, found);
  return found;
}

export interface FilteredPathNode {
  readonly slot: ParentSlot;
  /** The child that is not on the direct path. */
  readonly copath: RatchetTree;
}

/** Filtered direct path of a leaf (RFC 9420 §4.1.2), from the leaf upwards. */
export function filteredDirectPath(tree: RatchetTree, leaf: number): FilteredPathNode[] {
  const filtered: FilteredPathNode[] = [];
  for (const slot of pathFromRoot(tree, leaf)) {
    if (isLeafSlot(slot)) continue;
    const copath = 2 * leaf < slot.index ? slot.right : slot.left;
    if (!copath.vacant) filtered.unshift({ slot, copath });
  }
  return filtered;
}

function collect(tree: RatchetTree, without: ReadonlySet<number> | undefined, found: number[]): void {
  if (tree.vacant) return;
  if (isLeafSlot(tree)) {
    if (without?.has(tree.index / 2) !== true) found.push(tree.index);
    return;
  }
  if (tree.node === undefined) {
    collect(tree.left, without, found);
    collect(tree.right, without, found);
    return;
  }
  found.push(tree.index);
  for (const leaf of tree.node.unmergedLeaves) {
    if (without?.has(leaf) !== true) found.push(2 * leaf);
  }
}
