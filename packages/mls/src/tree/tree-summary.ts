import { credentialType } from "../credential.ts";
import { withoutGrease } from "../extension.ts";
import { advertisedBy, type LeafNode } from "../leaf-node.ts";
import { lookupIn } from "../lookup.ts";
import { isLeafSlot, type RatchetTree } from "./ratchet-tree.ts";

/**
 * What all members of a subtree support, and which credential types they use. Remembered per subtree, so the
 * group-wide rules of RFC 9420 §7.3 and §12.2 cost one path per commit and not one pass over all leaves.
 */
export interface TreeSummary {
  readonly credentialTypesInUse: readonly number[];
  readonly supported: {
    readonly extensions: readonly number[];
    readonly proposals: readonly number[];
    readonly credentials: readonly number[];
    /** Of the app_data_dictionary (draft-ietf-mls-extensions). */
    readonly components: readonly number[];
    /** The same, as mediaTypeKey names them. */
    readonly mediaTypes: readonly string[];
  };
}

/** Summary of all members below; null where there are none. */
export function summaryOf(tree: RatchetTree): TreeSummary | null {
  if (tree.memo.summary === undefined) tree.memo.summary = computeSummary(tree);
  return tree.memo.summary;
}

function computeSummary(tree: RatchetTree): TreeSummary | null {
  if (tree.members === 0) return null;
  if (isLeafSlot(tree)) return tree.leaf === undefined ? null : leafSummary(tree.leaf);
  const left = summaryOf(tree.left);
  const right = summaryOf(tree.right);
  if (left === null || right === null) return left ?? right;
  return {
    credentialTypesInUse: unite(left.credentialTypesInUse, right.credentialTypesInUse),
    supported: {
      extensions: intersect(left.supported.extensions, right.supported.extensions),
      proposals: intersect(left.supported.proposals, right.supported.proposals),
      credentials: intersect(left.supported.credentials, right.supported.credentials),
      components: intersect(left.supported.components, right.supported.components),
      mediaTypes: intersect(left.supported.mediaTypes, right.supported.mediaTypes),
    },
  };
}

function leafSummary(leafNode: LeafNode): TreeSummary {
  const { extensions, proposals, credentials } = leafNode.capabilities;
  return {
    credentialTypesInUse: [credentialType(leafNode.credential)],
    supported: {
      extensions: withoutGrease(extensions),
      proposals: withoutGrease(proposals),
      credentials: withoutGrease(credentials),
      ...advertisedBy(leafNode),
    },
  };
}

function unite(a: readonly number[], b: readonly number[]): readonly number[] {
  const known = lookupIn(a);
  return b.every(known) ? a : [...new Set([...a, ...b])];
}

function intersect<T extends number | string>(a: readonly T[], b: readonly T[]): readonly T[] {
  const known = lookupIn(b);
  return a.every(known) ? a : a.filter(known);
}
