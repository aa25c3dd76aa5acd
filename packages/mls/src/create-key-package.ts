import { encode } from "./codec/codec.ts";
import { loadCipherSuite, type SignatureKeyPair } from "./crypto/cipher-suite.ts";
import type { Random } from "./crypto/random.ts";
import type { Credential } from "./credential.ts";
import { checkDecodedKeyPackage } from "./check-key-package.ts";
import type { Extension } from "./extension.ts";
import { mlsMessageCodec } from "./framing/message.ts";
import { type KeyPackage, keyPackageRef, signKeyPackage } from "./key-package.ts";
import { type Capabilities, type Lifetime, signLeafNode } from "./leaf-node.ts";
import { checkOwnCapabilities } from "./own-capabilities.ts";
import { MLS10 } from "./version.ts";

export interface KeyPackageOptions {
  /** Number of the cipher suite. */
  readonly suite: number;
  readonly credential: Credential;
  readonly signatureKey: SignatureKeyPair;
  readonly capabilities: Capabilities;
  readonly lifetime: Lifetime;
  readonly leafExtensions?: readonly Extension[];
  readonly extensions?: readonly Extension[];
  readonly random: Random;
}

export interface CreatedKeyPackage {
  readonly keyPackage: KeyPackage;
  /** The key package as an encoded MLSMessage. */
  readonly message: Uint8Array;
  readonly ref: Uint8Array;
  readonly initPrivateKey: Uint8Array;
  readonly encryptionPrivateKey: Uint8Array;
}

/**
 * Makes a key package with fresh HPKE keys (RFC 9420 §10). What checkKeyPackage would refuse is not made: throws
 * LEAF_NODE_INVALID, KEY_PACKAGE_INVALID, CERTIFICATE_INVALID, EXTENSION_DUPLICATE, SUITE_UNSUPPORTED, and
 * SIGNATURE_INVALID where the halves of the signature key don't belong together.
 */
export async function createKeyPackage(options: KeyPackageOptions): Promise<CreatedKeyPackage> {
  const { signatureKey, random } = options;
  checkOwnCapabilities(options.capabilities);
  const suite = await loadCipherSuite(options.suite);
  const init = await suite.deriveKeyPair(random.bytes(suite.hashLength));
  const encryption = await suite.deriveKeyPair(random.bytes(suite.hashLength));
  const leafNode = await signLeafNode(
    suite,
    {
      encryptionKey: encryption.publicKey,
      signatureKey: signatureKey.publicKey,
      credential: options.credential,
      capabilities: options.capabilities,
      source: { kind: "keyPackage", lifetime: options.lifetime },
      extensions: options.leafExtensions ?? [],
    },
    signatureKey.privateKey,
  );
  const keyPackage = await signKeyPackage(
    suite,
    {
      version: MLS10,
      cipherSuite: suite.id,
      initKey: init.publicKey,
      leafNode,
      extensions: options.extensions ?? [],
    },
    signatureKey.privateKey,
  );
  await checkDecodedKeyPackage(keyPackage, { suite: suite.id });
  return {
    keyPackage,
    message: encode(mlsMessageCodec, { kind: "keyPackage", keyPackage }),
    ref: keyPackageRef(suite, keyPackage),
    initPrivateKey: init.privateKey,
    encryptionPrivateKey: encryption.privateKey,
  };
}
