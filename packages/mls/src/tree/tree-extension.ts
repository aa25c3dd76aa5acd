import { decode, encode } from "../codec/codec.ts";
import { MlsError } from "../errors.ts";
import { type LeafNode, type Node, type ParentNode, ratchetTreeCodec } from "../leaf-node.ts";
import { isLeafSlot, type RatchetTree, treeFromNodes } from "./ratchet-tree.ts";

/** The tree as the data of a `ratchet_tree` extension (RFC 9420 §12.4.3.3). */
export function encodeTree(tree: RatchetTree): Uint8Array {
  const nodes: (Node | undefined)[] = [];
  collectNodes(tree, nodes);
  while (nodes.length > 0 && nodes.at(-1) === undefined) nodes.pop();
  return encode(ratchetTreeCodec, nodes);
}

/** The tree of a `ratchet_tree` extension. Throws MlsError DECODE_... or TREE_INVALID. */
export function decodeTree(bytes: Uint8Array): RatchetTree {
  const nodes = decode(ratchetTreeCodec, bytes);
  // §12.4.3.3: the last node is not blank. A last parent would have no leaf at its right, so it is a leaf.
  if (nodes.at(-1)?.kind !== "leaf") throw invalid("the last node of the tree is not a leaf");
  const leafNodes = new Map<number, LeafNode>();
  const parentNodes = new Map<number, ParentNode>();
  nodes.forEach((node, index) => {
    if (node === undefined) return;
    // §12.4.3.3: leaves stand in the even entries.
    if ((node.kind === "leaf") !== (index % 2 === 0)) throw invalid(`node ${index} is of the wrong type`);
    if (node.kind === "leaf") leafNodes.set(index / 2, node.leafNode);
    else parentNodes.set(index, node.parentNode);
  });
  return treeFromNodes(leafNodes, parentNodes, (nodes.length + 1) / 2);
}

function collectNodes(tree: RatchetTree, nodes: (Node | undefined)[]): void {
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
