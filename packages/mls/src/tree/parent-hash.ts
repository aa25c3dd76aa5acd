import { encode, opaque, struct } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { ParentNode } from "../leaf-node.ts";
import type { FilteredPathNode } from "./resolution.ts";
import type { RatchetTree } from "./ratchet-tree.ts";
import { treeHash, treeHashWithout } from "./tree-hash.ts";

const parentHashInput = struct<{
  encryptionKey: Uint8Array;
  parentHash: Uint8Array;
  originalSiblingTreeHash: Uint8Array;
}>({
  encryptionKey: opaque,
  parentHash: opaque,
  originalSiblingTreeHash: opaque,
});

/** Parent hash of a node with this copath child (RFC 9420 §7.9). */
export function parentHash(suite: CipherSuite, node: ParentNode, sibling: RatchetTree): Uint8Array {
  return suite.hash(
    encode(parentHashInput, {
      encryptionKey: node.encryptionKey,
      parentHash: node.parentHash,
      originalSiblingTreeHash: treeHashWithout(suite, sibling, node.unmergedLeaves),
    }),
  );
}

/**
 * Nodes that an update path puts on a filtered direct path (leaf upwards, one public key each), with the parent
 * hash chain computed from the root down, and the parent hash that the leaf must carry (RFC 9420 §7.5, §7.9).
 */
export function chainParentHashes(
  suite: CipherSuite,
  path: readonly FilteredPathNode[],
  publicKeys: readonly Uint8Array[],
): { nodes: Map<number, ParentNode>; leafParentHash: Uint8Array } {
  const nodes = new Map<number, ParentNode>();
  let above: Uint8Array = new Uint8Array();
  for (let i = path.length - 1; i >= 0; i--) {
    const step = path[i];
    const encryptionKey = publicKeys[i];
    if (step === undefined || encryptionKey === undefined)
      throw new RangeError("one public key per path node");
    const node: ParentNode = { encryptionKey, parentHash: above, unmergedLeaves: [] };
    nodes.set(step.slot.index, node);
    above = suite.hash(
      encode(parentHashInput, {
        encryptionKey,
        parentHash: above,
        // §7.9: the commit itself resets the node, so its sibling's hash is the current one.
        originalSiblingTreeHash: treeHash(suite, step.copath),
      }),
    );
  }
  return { nodes, leafParentHash: above };
}
