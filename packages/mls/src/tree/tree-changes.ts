import type { Node } from "../leaf-node.ts";
import { isLeafSlot, leafSlot, parentSlot, type RatchetTree } from "./ratchet-tree.ts";

/** The new value of one node; undefined for blank or outside the tree. */
export type NodeChange = readonly [index: number, node: Node | undefined];

/** The nodes that differ between two trees: shared subtrees are skipped by identity. */
export function treeChanges(before: RatchetTree | undefined, after: RatchetTree | undefined): NodeChange[] {
  const changes: NodeChange[] = [];
  compare(before, after, changes);
  return changes;
}

/** The tree of `2^level` leaves that results from these changes to another tree, of any width, or to nothing. */
export function changeTree(
  tree: RatchetTree | undefined,
  level: number,
  changes: readonly NodeChange[],
): RatchetTree {
  let base = tree;
  while (base !== undefined && base.level > level && !isLeafSlot(base)) base = base.left;
  return rebuild(base, 0, level, changes);
}

function compare(
  before: RatchetTree | undefined,
  after: RatchetTree | undefined,
  changes: NodeChange[],
): void {
  if (before === after) return;
  if ((before?.vacant ?? true) && (after?.vacant ?? true)) return;
  const level = Math.max(before?.level ?? 0, after?.level ?? 0);
  const old = partsAt(before, level);
  const now = partsAt(after, level);
  if (old.value !== now.value) {
    const index = now.index ?? old.index;
    if (index !== undefined) changes.push([index, now.node]);
  }
  if (level === 0) return;
  compare(old.left, now.left, changes);
  compare(old.right, now.right, changes);
}

interface Parts {
  readonly index?: number;
  /** What tells whether the node changed. */
  readonly value?: object | undefined;
  readonly node?: Node | undefined;
  readonly left?: RatchetTree | undefined;
  readonly right?: RatchetTree | undefined;
}

/** A lower tree counts as the left half of a higher one: trees grow and shrink at their right edge. */
function partsAt(tree: RatchetTree | undefined, level: number): Parts {
  if (tree === undefined) return {};
  if (tree.level < level) return { left: tree };
  if (isLeafSlot(tree)) {
    const { index, leaf } = tree;
    return { index, value: leaf, node: leaf && { kind: "leaf", leafNode: leaf } };
  }
  const { index, node, left, right } = tree;
  return { index, value: node, node: node && { kind: "parent", parentNode: node }, left, right };
}

function rebuild(
  base: RatchetTree | undefined,
  firstLeaf: number,
  level: number,
  changes: readonly NodeChange[],
): RatchetTree {
  if (changes.length === 0 && base?.level === level) return base;
  const same = base?.level === level ? partsAt(base, level) : undefined;
  const index = 2 * firstLeaf + 2 ** level - 1;
  const change = changes.find(([at]) => at === index);
  const node = change === undefined ? same?.node : change[1];
  if (level === 0) return leafSlot(firstLeaf, node?.kind === "leaf" ? node.leafNode : undefined);
  const left = same === undefined ? base : same.left;
  return parentSlot(
    rebuild(
      left,
      firstLeaf,
      level - 1,
      changes.filter(([at]) => at < index),
    ),
    rebuild(
      same?.right,
      firstLeaf + 2 ** (level - 1),
      level - 1,
      changes.filter(([at]) => at > index),
    ),
    node?.kind === "parent" ? node.parentNode : undefined,
  );
}
