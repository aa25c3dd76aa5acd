import { bytesToHex } from "@noble/hashes/utils.js";
import { expect } from "vitest";
import { decode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { type Proposal, proposalCodec } from "../proposal.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { addLeaf, type RatchetTree, removeLeaf, updateLeaf } from "./ratchet-tree.ts";
import { decodeTree, encodeTree } from "./tree-extension.ts";
import { treeHash } from "./tree-hash.ts";

interface TreeOperationsVector {
  cipher_suite: number;
  tree_before: string;
  proposal: string;
  proposal_sender: number;
  tree_hash_before: string;
  tree_after: string;
  tree_hash_after: string;
}

describeVectors<TreeOperationsVector>("tree-operations", (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const before = decodeTree(hex(vector.tree_before));
  expect(bytesToHex(treeHash(suite, before))).toBe(vector.tree_hash_before);
  const after = apply(before, decode(proposalCodec, hex(vector.proposal)), vector.proposal_sender);
  expect(bytesToHex(encodeTree(after))).toBe(vector.tree_after);
  expect(bytesToHex(treeHash(suite, after))).toBe(vector.tree_hash_after);
});

function apply(tree: RatchetTree, proposal: Proposal, sender: number): RatchetTree {
  if (proposal.kind === "add") return addLeaf(tree, proposal.keyPackage.leafNode).tree;
  if (proposal.kind === "remove") return removeLeaf(tree, proposal.removed);
  if (proposal.kind === "update") return updateLeaf(tree, sender, proposal.leafNode);
  throw new Error(`no tree operation: ${proposal.kind}`);
}
