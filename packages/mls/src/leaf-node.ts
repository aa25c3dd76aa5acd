import {
  checked,
  empty,
  encode,
  opaque,
  optional,
  select,
  struct,
  u16,
  u32,
  u64,
  u8,
  vector,
} from "./codec/codec.ts";
import { appComponentsIn } from "./app-components.ts";
import { mediaTypeKey, mediaTypesIn } from "./content-advertisement.ts";
import type { CipherSuite, SignaturePrivateKey } from "./crypto/cipher-suite.ts";
import { type Credential, credentialCodec, credentialType } from "./credential.ts";
import { MlsError } from "./errors.ts";
import { type Extension, extensionsCodec, isDefaultExtension } from "./extension.ts";
import { lookupIn } from "./lookup.ts";
import { MLS10 } from "./version.ts";

/** What a client can do, as numbers of the IANA registries; unknown ones are carried through (RFC 9420 §7.2). */
export interface Capabilities {
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  readonly extensions: readonly number[];
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

/** Seconds since the Unix epoch. */
export interface Lifetime {
  readonly notBefore: bigint;
  readonly notAfter: bigint;
}

export type LeafNodeSource =
  | { readonly kind: "keyPackage"; readonly lifetime: Lifetime }
  | { readonly kind: "update" }
  | { readonly kind: "commit"; readonly parentHash: Uint8Array };

/** A LeafNode before it is signed. */
export interface UnsignedLeafNode {
  readonly encryptionKey: Uint8Array;
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
  readonly capabilities: Capabilities;
  readonly source: LeafNodeSource;
  readonly extensions: readonly Extension[];
}

/** RFC 9420 §7.2 */
export interface LeafNode extends UnsignedLeafNode {
  readonly signature: Uint8Array;
}

/** RFC 9420 §7.1 */
export interface ParentNode {
  readonly encryptionKey: Uint8Array;
  readonly parentHash: Uint8Array;
  /** Leaf indexes in increasing order. */
  readonly unmergedLeaves: readonly number[];
}

/** RFC 9420 §12.4.3.3 */
export type Node =
  | { readonly kind: "leaf"; readonly leafNode: LeafNode }
  | { readonly kind: "parent"; readonly parentNode: ParentNode };

const capabilitiesCodec = struct<Capabilities>({
  versions: vector(u16),
  cipherSuites: vector(u16),
  extensions: vector(u16),
  proposals: vector(u16),
  credentials: vector(u16),
});

const lifetimeCodec = struct<Lifetime>({ notBefore: u64, notAfter: u64 });

const unsignedFields = {
  encryptionKey: opaque,
  signatureKey: opaque,
  credential: credentialCodec,
  capabilities: capabilitiesCodec,
  source: select<LeafNodeSource>(u8, {
    keyPackage: [1, struct({ lifetime: lifetimeCodec })],
    update: [2, empty],
    commit: [3, struct({ parentHash: opaque })],
  }),
  extensions: extensionsCodec,
};

const unsignedLeafNodeCodec = struct<UnsignedLeafNode>(unsignedFields);
/** LeafNode of RFC 9420 §7.2. */
export const leafNodeCodec = struct<LeafNode>({ ...unsignedFields, signature: opaque });

export const parentNodeCodec = struct<ParentNode>({
  encryptionKey: opaque,
  parentHash: opaque,
  unmergedLeaves: checked(vector(u32), (leaves) => {
    // §7.1: sorted in increasing order (and so without repetition)
    if (leaves.some((leaf, i) => i > 0 && leaf <= (leaves[i - 1] ?? 0))) {
      throw new MlsError("DECODE_VALUE", "unmerged leaves out of order", { section: "§7.1" });
    }
  }),
});

export const nodeCodec = select<Node>(u8, {
  leaf: [1, struct({ leafNode: leafNodeCodec })],
  parent: [2, struct({ parentNode: parentNodeCodec })],
});

/** `optional<Node> ratchet_tree<V>`, in the order of node indexes (§12.4.3.3). */
export const ratchetTreeCodec = vector(optional(nodeCodec));

/** Where a leaf of source update or commit belongs: signed with it (LeafNodeTBS, §7.2). */
export interface LeafPlace {
  readonly groupId: Uint8Array;
  readonly leafIndex: number;
}

/** Signs a leaf. A leaf of a key package has no place; the other sources need one. */
export async function signLeafNode(
  suite: CipherSuite,
  leaf: UnsignedLeafNode,
  privateKey: SignaturePrivateKey,
  place?: LeafPlace,
): Promise<LeafNode> {
  const signature = await suite.signWithLabel(privateKey, "LeafNodeTBS", leafNodeTbs(leaf, place));
  return { ...leaf, signature };
}

/** Whether the leaf's signature is valid under its own signature key (§7.3). */
export function verifyLeafNode(suite: CipherSuite, leaf: LeafNode, place?: LeafPlace): Promise<boolean> {
  const tbs = leafNodeTbs(leaf, place);
  return suite.verifyWithLabel(leaf.signatureKey, "LeafNodeTBS", tbs, leaf.signature);
}

function leafNodeTbs(leaf: UnsignedLeafNode, place: LeafPlace | undefined): Uint8Array {
  if (leaf.source.kind === "keyPackage") return encode(unsignedLeafNodeCodec, leaf);
  if (place === undefined) {
    throw new MlsError("LEAF_NODE_INVALID", "this leaf belongs to a place in a group", { section: "§7.2" });
  }
  return encode(leafWithPlaceCodec, { ...leaf, ...place });
}

const leafWithPlaceCodec = struct<UnsignedLeafNode & LeafPlace>({
  ...unsignedFields,
  groupId: opaque,
  leafIndex: u32,
});

/** Whether a leaf's lifetime ends before it begins (RFC 9420 §7.2), which none may: no clock is asked. */
export function isLifetimeReversed({ source }: Pick<UnsignedLeafNode, "source">): boolean {
  return source.kind === "keyPackage" && source.lifetime.notBefore > source.lifetime.notAfter;
}

/**
 * The rules of §7.2 and §7.3 that a leaf must keep by itself, whatever the group: its lifetime, where it has one,
 * does not end before it begins, its capabilities list the version, the suite, its own credential type and its own
 * extensions, and what it advertises can be read. Throws LEAF_NODE_INVALID.
 */
export function checkLeafItself(leaf: UnsignedLeafNode, suiteId: number): void {
  const { capabilities } = leaf;
  if (isLifetimeReversed(leaf)) fail("its lifetime ends before it begins", "§7.2");
  if (!capabilities.versions.includes(MLS10)) fail("version mls10 is not in the capabilities");
  if (!capabilities.cipherSuites.includes(suiteId)) fail("its cipher suite is not in the capabilities");
  if (!capabilities.credentials.includes(credentialType(leaf.credential))) {
    fail("its credential type is not in the capabilities");
  }
  const missing = unsupportedExtension(capabilities, leaf.extensions);
  if (missing !== undefined) fail(`its extension ${missing} is not in the capabilities`);
  advertisedBy(leaf);
}

/**
 * What a leaf says in its app_data_dictionary (draft-ietf-mls-extensions): the components that it supports, and the
 * media types that it accepts, as mediaTypeKey names them. Throws LEAF_NODE_INVALID where that can't be read.
 */
export function advertisedBy(leaf: UnsignedLeafNode): {
  readonly components: readonly number[];
  readonly mediaTypes: readonly string[];
} {
  try {
    return {
      components: appComponentsIn(leaf.extensions),
      mediaTypes: mediaTypesIn(leaf.extensions).map(mediaTypeKey),
    };
  } catch (cause) {
    throw new MlsError("LEAF_NODE_INVALID", "its app_data_dictionary can't be read", { cause });
  }
}

/** The type of an extension that these capabilities don't cover: neither listed nor one of the defaults (§7.2). */
export function unsupportedExtension(
  capabilities: Capabilities,
  extensions: readonly Extension[],
): number | undefined {
  if (extensions.length === 0) return undefined;
  const isListed = lookupIn(capabilities.extensions);
  return extensions.find(({ type }) => !isDefaultExtension(type) && !isListed(type))?.type;
}

function fail(what: string, section = "§7.3"): never {
  throw new MlsError("LEAF_NODE_INVALID", what, { section });
}
