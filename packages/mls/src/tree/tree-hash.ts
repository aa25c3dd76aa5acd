import { encode, opaque, optional, struct, u32, u8 } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { type LeafNode, leafNodeCodec, type ParentNode, parentNodeCodec } from "../leaf-node.ts";
import { isLeafSlot, leafSlot, type RatchetTree, SMALL_VACANT_LEVEL } from "./ratchet-tree.ts";

// TreeHashInput (RFC 9420 §7.8), its node type written as a constant first field.
const leafInput = struct<{ nodeType: number; leafIndex: number; leafNode: LeafNode | undefined }>({
  nodeType: u8,
  leafIndex: u32,
  leafNode: optional(leafNodeCodec),
});
const parentInput = struct<{
  nodeType: number;
  parentNode: ParentNode | undefined;
  leftHash: Uint8Array;
  rightHash: Uint8Array;
}>({
  nodeType: u8,
  parentNode: optional(parentNodeCodec),
  leftHash: opaque,
  rightHash: opaque,
});

/** Tree hash of a subtree (RFC 9420 §7.8). Remembered in the node, so a change costs one path. */
export function treeHash(suite: CipherSuite, tree: RatchetTree): Uint8Array {
  tree.memo.hash ??= computeHash(suite, tree);
  return tree.memo.hash;
}

/**
 * Tree hash with some leaves blanked and taken out of every `unmerged_leaves` (RFC 9420 §7.9,
 * `original_sibling_tree_hash`). Subtrees without any of these leaves keep their remembered hash.
 */
export function treeHashWithout(
  suite: CipherSuite,
  tree: RatchetTree,
  leaves: readonly number[],
): Uint8Array {
  const first = tree.index - (2 ** tree.level - 1);
  const last = tree.index + (2 ** tree.level - 1);
  const below = leaves.filter((leaf) => 2 * leaf >= first && 2 * leaf <= last);
  if (below.length === 0) return treeHash(suite, tree);
  if (isLeafSlot(tree)) return computeHash(suite, leafSlot(tree.index / 2, undefined));
  const blanked = new Set(below);
  const { node } = tree;
  return hashParent(
    suite,
    node && { ...node, unmergedLeaves: node.unmergedLeaves.filter((leaf) => !blanked.has(leaf)) },
    treeHashWithout(suite, tree.left, below),
    treeHashWithout(suite, tree.right, below),
  );
}

function computeHash(suite: CipherSuite, tree: RatchetTree): Uint8Array {
  if (tree.vacant && tree.level <= SMALL_VACANT_LEVEL) {
    return vacantHash(suite, (tree.index - (2 ** tree.level - 1)) / 2, tree.level);
  }
  if (isLeafSlot(tree)) {
    return suite.hash(encode(leafInput, { nodeType: 1, leafIndex: tree.index / 2, leafNode: tree.leaf }));
  }
  return hashParent(suite, tree.node, treeHash(suite, tree.left), treeHash(suite, tree.right));
}

/** Of blank nodes only, without a slot or a remembered hash for each. Deep as the tree is high. */
function vacantHash(suite: CipherSuite, firstLeaf: number, level: number): Uint8Array {
  if (level === 0) {
    return suite.hash(encode(leafInput, { nodeType: 1, leafIndex: firstLeaf, leafNode: undefined }));
  }
  const left = vacantHash(suite, firstLeaf, level - 1);
  return hashParent(suite, undefined, left, vacantHash(suite, firstLeaf + 2 ** (level - 1), level - 1));
}

function hashParent(
  suite: CipherSuite,
  parentNode: ParentNode | undefined,
  leftHash: Uint8Array,
  rightHash: Uint8Array,
): Uint8Array {
  return suite.hash(encode(parentInput, { nodeType: 2, parentNode, leftHash, rightHash }));
}
