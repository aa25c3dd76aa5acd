import { MlsError } from "../errors.ts";
import type { LeafNode, ParentNode } from "../leaf-node.ts";
import type { TreeSummary } from "./tree-summary.ts";
import { covers } from "./tree-math.ts";

/**
 * The ratchet tree (RFC 9420 §4, §7) as an immutable, always perfect binary tree. A change copies the nodes on
 * one path and shares all others, so old and new epochs can stand side by side and a difference is found by
 * identity. Hashes and summaries are remembered in the node that they describe (`memo`): a node never changes.
 */
export type RatchetTree = LeafSlot | ParentSlot;

interface SlotBase {
  /** Node index of the array representation (Appendix C); a leaf's own number is half of it. */
  readonly index: number;
  readonly level: number;
  /** Number of non-blank leaves at or below. */
  readonly members: number;
  /** Whether the resolution (§4.1.1) is empty: nothing but blank nodes at and below. */
  readonly vacant: boolean;
  readonly memo: Memo;
}

export interface LeafSlot extends SlotBase {
  readonly level: 0;
  readonly leaf: LeafNode | undefined;
}

export interface ParentSlot extends SlotBase {
  readonly node: ParentNode | undefined;
  readonly left: RatchetTree;
  readonly right: RatchetTree;
}

export interface FilledParentSlot extends ParentSlot {
  readonly node: ParentNode;
}

interface Memo {
  hash?: Uint8Array;
  summary?: TreeSummary | null;
  members?: readonly Member[];
  /** Of leaves that were asked for: a walk down a large tree costs several misses of the cache. */
  found?: Map<number, LeafNode>;
}

export interface Member {
  readonly leaf: number;
  readonly leafNode: LeafNode;
}

export function isLeafSlot(slot: RatchetTree): slot is LeafSlot {
  return slot.level === 0;
}

export function leafSlot(leaf: number, leafNode: LeafNode | undefined): LeafSlot {
  const members = leafNode === undefined ? 0 : 1;
  return { index: 2 * leaf, level: 0, members, vacant: members === 0, leaf: leafNode, memo: {} };
}

export function parentSlot(left: RatchetTree, right: RatchetTree, node: ParentNode | undefined): ParentSlot {
  if (node === undefined && left.vacant && right.vacant) {
    return new VacantSlot(firstLeafOf(left), left.level + 1, left, right);
  }
  return {
    index: (left.index + right.index) / 2,
    level: left.level + 1,
    members: left.members + right.members,
    vacant: false,
    node,
    left,
    right,
    memo: {},
  };
}

/** A subtree of `2^level` blank leaves, the first of which has the number `firstLeaf`. */
export function vacantSubtree(firstLeaf: number, level: number): RatchetTree {
  return level === 0 ? leafSlot(firstLeaf, undefined) : new VacantSlot(firstLeaf, level);
}

function firstLeafOf({ index, level }: RatchetTree): number {
  return (index - (2 ** level - 1)) / 2;
}

/** Vacant subtrees up to this level are one value without halves: their hash is quickly computed again. */
export const SMALL_VACANT_LEVEL = 7;

/**
 * A parent above nothing but blanks. Its halves come to be when somebody asks for them: in a received tree a blank
 * node is one byte, and must not become two objects and a hash.
 */
class VacantSlot implements ParentSlot {
  readonly index: number;
  readonly level: number;
  readonly members = 0;
  readonly vacant = true;
  readonly node = undefined;
  readonly memo: Memo = {};
  readonly #firstLeaf: number;
  #left: RatchetTree | undefined;
  #right: RatchetTree | undefined;

  constructor(firstLeaf: number, level: number, left?: RatchetTree, right?: RatchetTree) {
    this.index = 2 * firstLeaf + 2 ** level - 1;
    this.level = level;
    this.#firstLeaf = firstLeaf;
    if (level <= SMALL_VACANT_LEVEL) return;
    this.#left = left;
    this.#right = right;
  }

  get left(): RatchetTree {
    this.#left ??= vacantSubtree(this.#firstLeaf, this.level - 1);
    return this.#left;
  }

  get right(): RatchetTree {
    this.#right ??= vacantSubtree(this.#firstLeaf + 2 ** (this.level - 1), this.level - 1);
    return this.#right;
  }
}

/** Number of leaves, blank ones included: a power of two. */
export function treeWidth(tree: RatchetTree): number {
  return 2 ** tree.level;
}

/** The slot with this node index; undefined outside the tree. */
export function slotAt(tree: RatchetTree, index: number): RatchetTree | undefined {
  if (!Number.isInteger(index) || !covers(tree.index, index)) return undefined;
  let slot = tree;
  while (slot.index !== index) {
    if (isLeafSlot(slot)) return undefined;
    slot = index < slot.index ? slot.left : slot.right;
  }
  return slot;
}

/** The leaf node of member `leaf`; undefined where the leaf is blank or outside the tree. */
export function leafAt(tree: RatchetTree, leaf: number): LeafNode | undefined {
  const found = (tree.memo.found ??= new Map<number, LeafNode>());
  let leafNode = found.get(leaf);
  if (leafNode === undefined) {
    const slot = occupiedSlotAt(tree, 2 * leaf);
    leafNode = slot !== undefined && isLeafSlot(slot) ? slot.leaf : undefined;
    if (leafNode !== undefined) found.set(leaf, leafNode);
  }
  return leafNode;
}

/** The same where there has to be a member. Throws MEMBER_UNKNOWN. */
export function memberLeaf(tree: RatchetTree, leaf: number): LeafNode {
  const leafNode = leafAt(tree, leaf);
  if (leafNode === undefined) throw new MlsError("MEMBER_UNKNOWN", `leaf ${leaf} has no member`);
  return leafNode;
}

/** As slotAt, but undefined also where there are only blanks: looking there brings no slots into being. */
function occupiedSlotAt(tree: RatchetTree, index: number): RatchetTree | undefined {
  if (!Number.isInteger(index) || !covers(tree.index, index)) return undefined;
  let slot = tree;
  while (slot.index !== index && !slot.vacant) {
    if (isLeafSlot(slot)) return undefined;
    slot = index < slot.index ? slot.left : slot.right;
  }
  return slot.vacant ? undefined : slot;
}

/** HPKE public key at a node index; undefined where it is blank. */
export function encryptionKeyAt(tree: RatchetTree, index: number): Uint8Array | undefined {
  const slot = occupiedSlotAt(tree, index);
  if (slot === undefined) return undefined;
  return isLeafSlot(slot) ? slot.leaf?.encryptionKey : slot.node?.encryptionKey;
}

/** Non-blank leaves in order. Computed once per tree value. */
export function membersOf(tree: RatchetTree): readonly Member[] {
  if (tree.memo.members === undefined) {
    const found: Member[] = [];
    for (const slot of leafSlots(tree)) {
      if (slot.leaf !== undefined) found.push({ leaf: slot.index / 2, leafNode: slot.leaf });
    }
    tree.memo.members = found;
  }
  return tree.memo.members;
}

/** All non-blank leaf slots in order. */
export function* leafSlots(tree: RatchetTree): Generator<LeafSlot> {
  if (tree.members === 0) return;
  if (isLeafSlot(tree)) {
    yield tree;
    return;
  }
  yield* leafSlots(tree.left);
  yield* leafSlots(tree.right);
}

/** All non-blank parent slots, children before their parent. */
export function* parentSlots(tree: RatchetTree): Generator<FilledParentSlot> {
  if (tree.vacant || isLeafSlot(tree)) return;
  yield* parentSlots(tree.left);
  yield* parentSlots(tree.right);
  if (isFilled(tree)) yield tree;
}

function isFilled(slot: ParentSlot): slot is FilledParentSlot {
  return slot.node !== undefined;
}

/** RFC 9420 §12.1.1: puts a leaf at the leftmost blank place, extending the tree where there is none. */
export function addLeaf(tree: RatchetTree, leafNode: LeafNode): { tree: RatchetTree; leaf: number } {
  const { tree: roomy, leaf } = vacantLeaf(tree);
  const added = rewritePath(roomy, leaf, leafNode, (slot) =>
    slot.node === undefined
      ? undefined
      : { ...slot.node, unmergedLeaves: insertSorted(slot.node.unmergedLeaves, leaf) },
  );
  return { tree: added, leaf };
}

/** The leftmost blank leaf, in the tree extended where there is none (RFC 9420 §12.1.1, §12.4.1). */
export function vacantLeaf(tree: RatchetTree): { tree: RatchetTree; leaf: number } {
  const roomy = tree.members === treeWidth(tree) ? extend(tree) : tree;
  return { tree: roomy, leaf: leftmostBlank(roomy) };
}

/** RFC 9420 §12.1.2: replaces a leaf and blanks the nodes above it. */
export function updateLeaf(tree: RatchetTree, leaf: number, leafNode: LeafNode): RatchetTree {
  return rewritePath(tree, leaf, leafNode, () => undefined);
}

/** RFC 9420 §12.1.3: blanks a leaf and the nodes above it, then truncates the tree. */
export function removeLeaf(tree: RatchetTree, leaf: number): RatchetTree {
  return truncate(rewritePath(tree, leaf, undefined, () => undefined));
}

/** Sets a leaf and every node above it: those in `nodes` (by node index) to their value, the others to blank. */
export function replacePath(
  tree: RatchetTree,
  leaf: number,
  leafNode: LeafNode | undefined,
  nodes: ReadonlyMap<number, ParentNode>,
): RatchetTree {
  return rewritePath(tree, leaf, leafNode, (slot) => nodes.get(slot.index));
}

/** The slots from the root down to the leaf, the leaf last. */
export function pathFromRoot(tree: RatchetTree, leaf: number): RatchetTree[] {
  const path: RatchetTree[] = [tree];
  let slot = tree;
  while (!isLeafSlot(slot)) {
    slot = 2 * leaf < slot.index ? slot.left : slot.right;
    path.push(slot);
  }
  return path;
}

/** RFC 9420 §7.7: a new blank root with a blank right half. */
function extend(tree: RatchetTree): RatchetTree {
  return parentSlot(tree, vacantSubtree(treeWidth(tree), tree.level), undefined);
}

/** RFC 9420 §7.7, §12.1.3: drops the right half for as long as it has no member. */
function truncate(tree: RatchetTree): RatchetTree {
  let rest = tree;
  while (!isLeafSlot(rest) && rest.right.members === 0) rest = rest.left;
  return rest;
}

function leftmostBlank(tree: RatchetTree): number {
  let slot = tree;
  while (!isLeafSlot(slot)) slot = slot.left.members < treeWidth(slot.left) ? slot.left : slot.right;
  return slot.index / 2;
}

function rewritePath(
  tree: RatchetTree,
  leaf: number,
  leafNode: LeafNode | undefined,
  rewrite: (slot: ParentSlot) => ParentNode | undefined,
): RatchetTree {
  if (isLeafSlot(tree)) return leafSlot(leaf, leafNode);
  const node = rewrite(tree);
  return 2 * leaf < tree.index
    ? parentSlot(rewritePath(tree.left, leaf, leafNode, rewrite), tree.right, node)
    : parentSlot(tree.left, rewritePath(tree.right, leaf, leafNode, rewrite), node);
}

function insertSorted(list: readonly number[], value: number): number[] {
  const at = list.findIndex((entry) => entry > value);
  return at === -1 ? [...list, value] : [...list.slice(0, at), value, ...list.slice(at)];
}
