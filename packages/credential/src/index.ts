export {
  type AsKey,
  type Attestation,
  type AttestationContent,
  encodeAttestation,
  readAttestation,
  signAttestation,
  verifyAttestation,
} from "./attestation.ts";
export {
  type Chain,
  type ChainFailure,
  chainFailure,
  checkCredential,
  type CredentialFailure,
  type CredentialPolicy,
  type CredentialVerdict,
} from "./check-credential.ts";
export { isSuccessor, sameClient, userWithTwoRoots } from "./compare-credentials.ts";
export {
  assembleCredential,
  CREDENTIAL_TYPE,
  type DeviceCredential,
  encodeCredential,
  fromMlsCredential,
  readCredential,
  toMlsCredential,
} from "./credential.ts";
export { describe, type Description } from "./describe-credential.ts";
export {
  type DeviceCertificate,
  type DeviceCertificateContent,
  encodeDeviceCertificate,
  readDeviceCertificate,
  signDeviceCertificate,
  verifyDeviceCertificate,
} from "./device-certificate.ts";
export {
  type LeafBinding,
  type LeafBindingContent,
  signLeafBinding,
  verifyLeafBinding,
} from "./leaf-binding.ts";
export { ATTESTATION_MAX_SECONDS, DEVICE_CERTIFICATE_MAX_SECONDS, type Lifetime } from "./lifetime.ts";
export {
  checkLogin,
  type LoginChallenge,
  type LoginFailure,
  type LoginPolicy,
  type LoginProof,
  type LoginVerdict,
  signLogin,
} from "./login.ts";
export type { Read } from "./read.ts";
export { type Registration, signRegistration, verifyRegistration } from "./registration.ts";
export type { Signer, Verify } from "./signed-content.ts";
export { createVerifiedCache, type VerifiedCache } from "./verified-cache.ts";
