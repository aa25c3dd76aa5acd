import { decode, encode } from "../codec/codec.ts";
import { MlsError } from "../errors.ts";
import { type Node, ratchetTreeCodec } from "../leaf-node.ts";
import { isLeafSlot, type RatchetTree, treeWidth } from "./ratchet-tree.ts";
import { changeTree, type NodeChange } from "./tree-changes.ts";
import { fullWidth, nodeWidth } from "./tree-math.ts";

/** The tree as the data of a `ratchet_tree` extension (RFC 9420 §12.4.3.3). */
export function encodeTree(tree: RatchetTree): Uint8Array {
  const nodes: (Node | undefined)[] = [];
  collectNodes(tree, nodes);
  while (nodes.length > 0 && nodes.at(-1) === undefined) nodes.pop();
  return encode(ratchetTreeCodec, nodes);
}

/**
 * Leaf places of the widest tree that is taken from somebody else. A blank one is two bytes to send and two hashes to
 * check, so that without a bound a message of some megabytes would keep the receiver busy for a minute.
 */
export const MAX_LEAVES = 2 ** 17;

/** The tree of a `ratchet_tree` extension. Throws MlsError DECODE_... or TREE_INVALID. */
export function decodeTree(bytes: Uint8Array): RatchetTree {
  const nodes = decode(ratchetTreeCodec, bytes);
  // §12.4.3.3: the last node is not blank. A last parent would have no leaf at its right, so it is a leaf.
  if (nodes.at(-1)?.kind !== "leaf") throw invalid("the last node of the tree is not a leaf");
  const leaves = (nodes.length + 1) / 2;
  if (leaves > MAX_LEAVES) throw invalid(`a tree of ${leaves} leaves`);
  const filled: NodeChange[] = [];
  nodes.forEach((node, index) => {
    if (node === undefined) return;
    // §12.4.3.3: leaves stand in the even entries.
    if ((node.kind === "leaf") !== (index % 2 === 0)) throw invalid(`node ${index} is of the wrong type`);
    filled.push([index, node]);
  });
  return changeTree(undefined, Math.log2(fullWidth(leaves)), filled);
}

function collectNodes(tree: RatchetTree, nodes: (Node | undefined)[]): void {
  if (tree.vacant) {
    for (let i = nodeWidth(treeWidth(tree)); i > 0; i--) nodes.push(undefined);
    return;
  }
  if (isLeafSlot(tree)) {
    nodes.push(tree.leaf && { kind: "leaf", leafNode: tree.leaf });
    return;
  }
  collectNodes(tree.left, nodes);
  nodes.push(tree.node && { kind: "parent", parentNode: tree.node });
  collectNodes(tree.right, nodes);
}

function invalid(message: string): MlsError {
  return new MlsError("TREE_INVALID", message, { section: "§12.4.3.3" });
}
