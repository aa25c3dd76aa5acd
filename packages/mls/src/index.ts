export * from "./public.ts";
export {
  cipherSuite,
  type CipherSuite,
  type CryptoKey,
  type HpkeCiphertext,
  type HpkeKeyPair,
  type Random,
  type SignatureKeyPair,
  type SignaturePrivateKey,
  SUITE_X25519_AES128GCM_SHA256_ED25519,
  SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
  supportedCipherSuites,
} from "./crypto/cipher-suite.ts";
export { type CreatedKeyPackage, createKeyPackage, type KeyPackageOptions } from "./create-key-package.ts";
export { type RequiredCapabilities, requiredCapabilitiesCodec } from "./extension.ts";
export { type GroupContext, groupContextCodec } from "./group-context.ts";
export { isDefaultProposal, type PreSharedKeyId, type Proposal, PROPOSAL_TYPES } from "./proposal.ts";
