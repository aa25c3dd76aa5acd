import { cipherSuite } from "../crypto/cipher-suite.ts";
import { verifyLeafNode } from "../leaf-node.ts";
import { membersOf, slotAt, treeWidth } from "../tree/ratchet-tree.ts";
import { resolution } from "../tree/resolution.ts";
import { decodeTree, encodeTree } from "../tree/tree-extension.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { nodeWidth } from "../tree/tree-math.ts";
import { validateTree } from "../tree/validate-tree.ts";
import { hex, holds, same, sameBytes } from "./compare.ts";

export interface TreeValidationVector {
  cipher_suite: number;
  tree: string;
  group_id: string;
  resolutions: number[][];
  tree_hashes: string[];
}

export async function checkTreeValidation(vector: TreeValidationVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const tree = decodeTree(hex(vector.tree));
  sameBytes("tree encoded again", encodeTree(tree), vector.tree);
  const nodes = nodeWidth(treeWidth(tree));
  same("the number of tree_hashes", vector.tree_hashes.length, nodes);
  same("the number of resolutions", vector.resolutions.length, nodes);
  for (let index = 0; index < nodes; index++) {
    const slot = slotAt(tree, index);
    const covering = slot && resolution(slot);
    same(`resolutions[${index}]`, covering?.join(), vector.resolutions[index]?.join());
    sameBytes(`tree_hashes[${index}]`, slot && treeHash(suite, slot), vector.tree_hashes[index] ?? "");
  }
  // The parent hashes, among all that a joiner checks.
  validateTree(suite, tree);
  const groupId = hex(vector.group_id);
  for (const { leaf, leafNode } of membersOf(tree)) {
    const genuine = await verifyLeafNode(suite, leafNode, { groupId, leafIndex: leaf });
    holds(`the signature of leaf ${leaf} verifies`, genuine);
  }
}
