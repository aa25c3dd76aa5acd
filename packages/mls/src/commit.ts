import { opaque, optional, select, struct, u8, vector } from "./codec/codec.ts";
import { type HpkeCiphertext, hpkeCiphertextCodec } from "./crypto/hpke.ts";
import { type LeafNode, leafNodeCodec } from "./leaf-node.ts";
import { type Proposal, proposalCodec } from "./proposal.ts";

/** RFC 9420 §7.6 */
export interface UpdatePathNode {
  readonly encryptionKey: Uint8Array;
  readonly encryptedPathSecret: readonly HpkeCiphertext[];
}

/** RFC 9420 §7.6 */
export interface UpdatePath {
  readonly leafNode: LeafNode;
  readonly nodes: readonly UpdatePathNode[];
}

/** RFC 9420 §12.4 */
export type ProposalOrRef =
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "reference"; readonly reference: Uint8Array };

/** RFC 9420 §12.4 */
export interface Commit {
  readonly proposals: readonly ProposalOrRef[];
  readonly path: UpdatePath | undefined;
}

export const updatePathCodec = struct<UpdatePath>({
  leafNode: leafNodeCodec,
  nodes: vector(
    struct<UpdatePathNode>({ encryptionKey: opaque, encryptedPathSecret: vector(hpkeCiphertextCodec) }),
  ),
});

export const commitCodec = struct<Commit>({
  proposals: vector(
    select<ProposalOrRef>(u8, {
      proposal: [1, struct({ proposal: proposalCodec })],
      reference: [2, struct({ reference: opaque })],
    }),
  ),
  path: optional(updatePathCodec),
});
