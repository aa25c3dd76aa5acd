import type { Node } from "../leaf-node.ts";
import { isLeafSlot, leafSlot, parentSlot, type RatchetTree, vacantSubtree } from "./ratchet-tree.ts";

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
  const sorted = changes.toSorted(([a], [b]) => a - b);
  return rebuild(base, 0, level, { sorted, from: 0, to: sorted.length });
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

/** Changes in the order of their indexes, from one position up to another. */
interface ChangeRange {
  readonly sorted: readonly NodeChange[];
  readonly from: number;
  readonly to: number;
}

/** Deep as the tree, and costs what changes: parts without a change are taken as they are, or are vacant. */
function rebuild(
  base: RatchetTree | undefined,
  firstLeaf: number,
  level: number,
  range: ChangeRange,
): RatchetTree {
  const { sorted, from, to } = range;
  if (from === to) {
    if (base === undefined) return vacantSubtree(firstLeaf, level);
    if (base.level === level) return base;
  }
  const same = base?.level === level ? partsAt(base, level) : undefined;
  const index = 2 * firstLeaf + 2 ** level - 1;
  const at = positionOf(range, index);
  const change = at < to && sorted[at]?.[0] === index ? sorted[at] : undefined;
  const node = change === undefined ? same?.node : change[1];
  if (level === 0) return leafSlot(firstLeaf, node?.kind === "leaf" ? node.leafNode : undefined);
  const half = 2 ** (level - 1);
  const after = change === undefined ? at : at + 1;
  return parentSlot(
    rebuild(same === undefined ? base : same.left, firstLeaf, level - 1, { sorted, from, to: at }),
    rebuild(same?.right, firstLeaf + half, level - 1, { sorted, from: after, to }),
    node?.kind === "parent" ? node.parentNode : undefined,
  );
}

/** Where in the range the first change stands that isn't before this index. */
function positionOf({ sorted, from, to }: ChangeRange, index: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.[0] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
