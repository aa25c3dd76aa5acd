// @thicket/mls/public: what a server may use. No group state, no secrets.
export * as codec from "./codec/codec.ts";
export { type Codec, decode, encode } from "./codec/codec.ts";
export { checkDecodedKeyPackage, checkKeyPackage } from "./check-key-package.ts";
export {
  type Credential,
  CREDENTIAL_BASIC,
  CREDENTIAL_X509,
  credentialCodec,
  credentialType,
  decodeCredential,
  encodeCredential,
} from "./credential.ts";
export { isLastResort } from "./last-resort.ts";
export { MlsError, type MlsErrorCode } from "./errors.ts";
export {
  type Extension,
  EXTENSION_APPLICATION_ID,
  EXTENSION_EXTERNAL_PUB,
  EXTENSION_EXTERNAL_SENDERS,
  EXTENSION_LAST_RESORT,
  EXTENSION_RATCHET_TREE,
  EXTENSION_REQUIRED_CAPABILITIES,
  extensionsCodec,
  type ExternalSender,
  externalSendersCodec,
  findExtension,
  GREASE_VALUES,
  isDefaultExtension,
} from "./extension.ts";
export type { ContentType, GroupWireFormat } from "./framing/message.ts";
export { type KeyPackage, keyPackageCodec, keyPackageRef, type UnsignedKeyPackage } from "./key-package.ts";
export {
  type Capabilities,
  type LeafNode,
  leafNodeCodec,
  type LeafNodeSource,
  type Lifetime,
  type UnsignedLeafNode,
} from "./leaf-node.ts";
export type { LifetimeBounds } from "./lifetime.ts";
export { type MessageHeader, parseHeader } from "./parse-header.ts";
export { MLS10 } from "./version.ts";
export {
  ed25519KeyPair,
  ed25519Sign as signEd25519,
  ed25519Verify as verifyEd25519,
  importEd25519Seed,
} from "./crypto/ed25519.ts";
export type { Random } from "./crypto/random.ts";
export type { SignaturePrivateKey } from "./crypto/web-crypto.ts";
export { equalBytes } from "./crypto/equal-bytes.ts";
export { cipherSuite, loadCipherSuite } from "./crypto/cipher-suite.ts";
