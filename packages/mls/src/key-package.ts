import { encode, opaque, struct, u16 } from "./codec/codec.ts";
import type { CipherSuite, SignaturePrivateKey } from "./crypto/cipher-suite.ts";
import { type Extension, extensionsCodec } from "./extension.ts";
import { type LeafNode, leafNodeCodec } from "./leaf-node.ts";

/** A KeyPackage before it is signed. */
export interface UnsignedKeyPackage {
  readonly version: number;
  readonly cipherSuite: number;
  readonly initKey: Uint8Array;
  readonly leafNode: LeafNode;
  readonly extensions: readonly Extension[];
}

/** RFC 9420 §10 */
export interface KeyPackage extends UnsignedKeyPackage {
  readonly signature: Uint8Array;
}

const unsignedFields = {
  version: u16,
  cipherSuite: u16,
  initKey: opaque,
  leafNode: leafNodeCodec,
  extensions: extensionsCodec,
};

const unsignedKeyPackageCodec = struct<UnsignedKeyPackage>(unsignedFields);
/** KeyPackage of RFC 9420 §10. */
export const keyPackageCodec = struct<KeyPackage>({ ...unsignedFields, signature: opaque });

/** KeyPackageRef of §5.2: what a Welcome names its receivers by. */
export function keyPackageRef(suite: CipherSuite, keyPackage: KeyPackage): Uint8Array {
  return suite.refHash("MLS 1.0 KeyPackage Reference", encode(keyPackageCodec, keyPackage));
}

export async function signKeyPackage(
  suite: CipherSuite,
  keyPackage: UnsignedKeyPackage,
  privateKey: SignaturePrivateKey,
): Promise<KeyPackage> {
  const tbs = encode(unsignedKeyPackageCodec, keyPackage);
  return { ...keyPackage, signature: await suite.signWithLabel(privateKey, "KeyPackageTBS", tbs) };
}

/** Whether the signature is valid under the leaf's signature key (§10.1). */
export function verifyKeyPackageSignature(suite: CipherSuite, keyPackage: KeyPackage): Promise<boolean> {
  const tbs = encode(unsignedKeyPackageCodec, keyPackage);
  return suite.verifyWithLabel(keyPackage.leafNode.signatureKey, "KeyPackageTBS", tbs, keyPackage.signature);
}
