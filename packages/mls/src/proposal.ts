import { type Codec, enumeration, opaque, select, struct, u16, u32, u64, u8 } from "./codec/codec.ts";
import { type Extension, extensionsCodec } from "./extension.ts";
import { type KeyPackage, keyPackageCodec } from "./key-package.ts";
import { type LeafNode, leafNodeCodec } from "./leaf-node.ts";

/** PreSharedKeyID (RFC 9420 §8.4), with its nonce moved into the cases: it is always the last field. */
export type PreSharedKeyId =
  | { readonly kind: "external"; readonly pskId: Uint8Array; readonly nonce: Uint8Array }
  | {
      readonly kind: "resumption";
      readonly usage: "application" | "reinit" | "branch";
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly nonce: Uint8Array;
    };

/** RFC 9420 §12.1.5 */
export interface ReInit {
  readonly groupId: Uint8Array;
  readonly version: number;
  readonly cipherSuite: number;
  readonly extensions: readonly Extension[];
}

/** RFC 9420 §12.1. Proposal types that this build does not know have no length on the wire and are refused. */
export type Proposal =
  | { readonly kind: "add"; readonly keyPackage: KeyPackage }
  | { readonly kind: "update"; readonly leafNode: LeafNode }
  | { readonly kind: "remove"; readonly removed: number }
  | { readonly kind: "psk"; readonly psk: PreSharedKeyId }
  | ({ readonly kind: "reinit" } & ReInit)
  | { readonly kind: "externalInit"; readonly kemOutput: Uint8Array }
  | { readonly kind: "groupContextExtensions"; readonly extensions: readonly Extension[] };

export const preSharedKeyIdCodec: Codec<PreSharedKeyId> = select<PreSharedKeyId>(u8, {
  external: [1, struct({ pskId: opaque, nonce: opaque })],
  resumption: [
    2,
    struct({
      usage: enumeration(u8, { application: 1, reinit: 2, branch: 3 }),
      groupId: opaque,
      epoch: u64,
      nonce: opaque,
    }),
  ],
});

/** The bodies of the proposals, each as the RFC's struct of its own name. */
export const proposalBodies = {
  add: struct<{ readonly keyPackage: KeyPackage }>({ keyPackage: keyPackageCodec }),
  update: struct<{ readonly leafNode: LeafNode }>({ leafNode: leafNodeCodec }),
  remove: struct<{ readonly removed: number }>({ removed: u32 }),
  psk: struct<{ readonly psk: PreSharedKeyId }>({ psk: preSharedKeyIdCodec }),
  reinit: struct<ReInit>({ groupId: opaque, version: u16, cipherSuite: u16, extensions: extensionsCodec }),
  externalInit: struct<{ readonly kemOutput: Uint8Array }>({ kemOutput: opaque }),
  groupContextExtensions: struct<{ readonly extensions: readonly Extension[] }>({
    extensions: extensionsCodec,
  }),
};

/** Numbers of the MLS Proposal Types registry (§17.4). */
export const PROPOSAL_TYPES = {
  add: 0x0001,
  update: 0x0002,
  remove: 0x0003,
  psk: 0x0004,
  reinit: 0x0005,
  externalInit: 0x0006,
  groupContextExtensions: 0x0007,
} as const satisfies Record<Proposal["kind"], number>;

/** Proposal types that every client has and that capabilities must not list (§7.2). */
export function isDefaultProposal(type: number): boolean {
  return type >= PROPOSAL_TYPES.add && type <= PROPOSAL_TYPES.groupContextExtensions;
}

export const proposalCodec: Codec<Proposal> = select<Proposal>(u16, {
  add: [PROPOSAL_TYPES.add, proposalBodies.add],
  update: [PROPOSAL_TYPES.update, proposalBodies.update],
  remove: [PROPOSAL_TYPES.remove, proposalBodies.remove],
  psk: [PROPOSAL_TYPES.psk, proposalBodies.psk],
  reinit: [PROPOSAL_TYPES.reinit, proposalBodies.reinit],
  externalInit: [PROPOSAL_TYPES.externalInit, proposalBodies.externalInit],
  groupContextExtensions: [PROPOSAL_TYPES.groupContextExtensions, proposalBodies.groupContextExtensions],
});
