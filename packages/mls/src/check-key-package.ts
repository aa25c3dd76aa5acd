import { checkCertificates } from "./check-certificates.ts";
import { decode } from "./codec/codec.ts";
import { loadCipherSuite } from "./crypto/cipher-suite.ts";
import { equalBytes } from "./crypto/equal-bytes.ts";
import { MlsError } from "./errors.ts";
import { mlsMessageCodec } from "./framing/message.ts";
import { type KeyPackage, verifyKeyPackageSignature } from "./key-package.ts";
import { checkLeafItself, isLifetimeReversed, unsupportedExtension, verifyLeafNode } from "./leaf-node.ts";
import { checkLastResort } from "./last-resort.ts";
import { checkLifetime, type LifetimeBounds } from "./lifetime.ts";
import { MLS10 } from "./version.ts";

/**
 * Decodes an MLSMessage that must hold a key package, and checks it. Throws MlsError DECODE_, WIRE_FORMAT_UNEXPECTED,
 * and what checkDecodedKeyPackage throws.
 */
export async function checkKeyPackage(
  message: Uint8Array,
  expected: { suite: number } & LifetimeBounds,
): Promise<KeyPackage> {
  const decoded = decode(mlsMessageCodec, message);
  if (decoded.kind !== "keyPackage") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", `${decoded.kind} where a key package belongs`);
  }
  await checkDecodedKeyPackage(decoded.keyPackage, expected);
  return decoded.keyPackage;
}

/**
 * Every rule of RFC 9420 §10.1 and §7.3 that needs neither the group nor the credential's meaning: those are for the
 * caller. The lifetime is held to the bounds that are given. Throws KEY_PACKAGE_INVALID, LEAF_NODE_INVALID,
 * LIFETIME_INVALID, CERTIFICATE_INVALID, SIGNATURE_INVALID, SUITE_UNSUPPORTED.
 */
export async function checkDecodedKeyPackage(
  keyPackage: KeyPackage,
  expected: { suite: number } & LifetimeBounds,
): Promise<void> {
  await checkBeforeCredential(keyPackage, expected);
  const { credential, signatureKey } = keyPackage.leafNode;
  await checkCertificates(credential, signatureKey, expected.suite);
}

/** The same but for the credential's certificates, which authenticateLeaf checks: they are read once, and last. */
export async function checkBeforeCredential(
  keyPackage: KeyPackage,
  expected: { suite: number } & LifetimeBounds,
): Promise<void> {
  const { leafNode } = keyPackage;
  if (keyPackage.version !== MLS10) fail("its version is not mls10");
  if (keyPackage.cipherSuite !== expected.suite) fail("another cipher suite than wanted");
  const suite = await loadCipherSuite(keyPackage.cipherSuite);

  // §7.3: in a key package the source is key_package
  if (leafNode.source.kind !== "keyPackage") fail("its leaf is not of source key_package", "§7.3");
  if (isLifetimeReversed(leafNode)) fail("its lifetime ends before it begins", "§7.2");
  checkLifetime(leafNode, expected);
  // §10.1: a key seen by whoever sends a Welcome must not be the leaf's key
  if (equalBytes(keyPackage.initKey, leafNode.encryptionKey))
    fail("init key and encryption key are the same");
  checkLeafItself(leafNode, keyPackage.cipherSuite);
  const missing = unsupportedExtension(leafNode.capabilities, keyPackage.extensions);
  if (missing !== undefined) fail(`its extension ${missing} is not in the capabilities`, "§10");
  checkLastResort(keyPackage.extensions);
  // §10: init key and encryption key are valid for the suite
  if (!suite.isHpkePublicKey(keyPackage.initKey)) fail("its init key is no key of the suite", "§10");
  if (!suite.isHpkePublicKey(leafNode.encryptionKey))
    fail("its encryption key is no key of the suite", "§10");
  const [leafValid, packageValid] = await Promise.all([
    verifyLeafNode(suite, leafNode),
    verifyKeyPackageSignature(suite, keyPackage),
  ]);
  if (!leafValid)
    throw new MlsError("SIGNATURE_INVALID", "the leaf's signature is not valid", { section: "§7.3" });
  if (!packageValid) {
    throw new MlsError("SIGNATURE_INVALID", "the key package's signature is not valid", { section: "§10.1" });
  }
}

function fail(what: string, section = "§10.1"): never {
  throw new MlsError("KEY_PACKAGE_INVALID", what, { section });
}
