import { decode, encode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { type Proposal, proposalCodec } from "../proposal.ts";
import { addLeaf, type RatchetTree, removeLeaf, updateLeaf } from "../tree/ratchet-tree.ts";
import { decodeTree, encodeTree } from "../tree/tree-extension.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { hex, sameBytes, VectorMismatch } from "./compare.ts";

export interface TreeOperationsVector {
  cipher_suite: number;
  tree_before: string;
  proposal: string;
  proposal_sender: number;
  tree_hash_before: string;
  tree_after: string;
  tree_hash_after: string;
}

export async function checkTreeOperations(vector: TreeOperationsVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const before = decodeTree(hex(vector.tree_before));
  sameBytes("tree_before encoded again", encodeTree(before), vector.tree_before);
  sameBytes("tree_hash_before", treeHash(suite, before), vector.tree_hash_before);
  const proposal = decode(proposalCodec, hex(vector.proposal));
  sameBytes("proposal encoded again", encode(proposalCodec, proposal), vector.proposal);
  const after = apply(before, proposal, vector.proposal_sender);
  sameBytes("tree_after", encodeTree(after), vector.tree_after);
  sameBytes("tree_hash_after", treeHash(suite, after), vector.tree_hash_after);
}

function apply(tree: RatchetTree, proposal: Proposal, sender: number): RatchetTree {
  if (proposal.kind === "add") return addLeaf(tree, proposal.keyPackage.leafNode).tree;
  if (proposal.kind === "remove") return removeLeaf(tree, proposal.removed);
  if (proposal.kind === "update") return updateLeaf(tree, sender, proposal.leafNode);
  throw new VectorMismatch(`proposal: ${proposal.kind} is no tree operation`);
}
