import {
  codec,
  type Credential,
  diffGroup,
  encode,
  decode,
  type GroupState,
  leafNodeCodec,
  type LeafNode,
} from "@thicket/mls";
import type { Name } from "./schedule.ts";

/** A node as its bytes. */
const rawNode: codec.Codec<Uint8Array> = {
  write: (w, bytes) => w.raw(bytes),
  read: () => {
    throw new Error("written only");
  },
};

/** The tree of a state as the data of a `ratchet_tree` extension (RFC 9420 §12.4.3.3), put together from its records. */
export function treeOf(state: GroupState): Uint8Array {
  const nodes: (Uint8Array | undefined)[] = [];
  for (const [key, bytes] of diffGroup(undefined, state).put) {
    const [, index] = /^public\/node\/(\d+)$/.exec(key) ?? [];
    if (index !== undefined) nodes[Number(index)] = bytes;
  }
  return encode(codec.vector(codec.optional(rawNode)), Array.from(nodes));
}

type TreeNode =
  | { readonly kind: "leaf"; readonly leafNode: LeafNode }
  | {
      readonly kind: "parent";
      readonly key: Uint8Array;
      readonly hash: Uint8Array;
      readonly leaves: readonly number[];
    };

const treeCodec = codec.vector(
  codec.optional(
    codec.select<TreeNode>(codec.u8, {
      leaf: [1, codec.struct({ leafNode: leafNodeCodec })],
      parent: [2, codec.struct({ key: codec.opaque, hash: codec.opaque, leaves: codec.vector(codec.u32) })],
    }),
  ),
);

/** The names in an encoded tree, in the order of its leaves. */
export function rosterOf(tree: Uint8Array): Name[] {
  return decode(treeCodec, tree).flatMap((node) =>
    node?.kind === "leaf" ? [nameOf(node.leafNode.credential)] : [],
  );
}

export function nameOf(credential: Credential): Name {
  if (credential.kind !== "basic") throw new Error("a member without a basic credential");
  return new TextDecoder().decode(credential.identity);
}
