import { bytesToHex } from "@noble/hashes/utils.js";
import { expect } from "vitest";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { verifyLeafNode } from "../leaf-node.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { membersOf, slotAt, treeWidth } from "./ratchet-tree.ts";
import { resolution } from "./resolution.ts";
import { decodeTree, encodeTree } from "./tree-extension.ts";
import { treeHash } from "./tree-hash.ts";
import { nodeWidth } from "./tree-math.ts";
import { validateTree } from "./validate-tree.ts";

interface TreeValidationVector {
  cipher_suite: number;
  tree: string;
  group_id: string;
  resolutions: number[][];
  tree_hashes: string[];
}

describeVectors<TreeValidationVector>("tree-validation", async (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const tree = decodeTree(hex(vector.tree));
  expect(bytesToHex(encodeTree(tree))).toBe(vector.tree);
  expect(nodeWidth(treeWidth(tree))).toBe(vector.tree_hashes.length);
  vector.resolutions.forEach((expected, index) => {
    const slot = slotAt(tree, index);
    expect(slot && resolution(slot)).toEqual(expected);
    expect(slot && bytesToHex(treeHash(suite, slot))).toBe(vector.tree_hashes[index]);
  });
  expect(() => validateTree(suite, tree)).not.toThrow();
  for (const { leaf, leafNode } of membersOf(tree)) {
    const place = { groupId: hex(vector.group_id), leafIndex: leaf };
    expect(await verifyLeafNode(suite, leafNode, place)).toBe(true);
  }
});
