import type { Credential } from "./credential.ts";

/**
 * RFC 9420 §5.3: of an x509 credential, that it is a chain of certificates in order and that the signature key is the
 * one in the first. Whether the chain leads to somebody to trust, its dates and revocations are the application's to
 * judge (§5.3.1). The code that reads certificates is loaded with the first that is met. What is cheaper to tell comes
 * before, the leaf's signature too: nobody makes others read certificates in another's name. Throws
 * CERTIFICATE_INVALID.
 */
export async function checkCertificates(
  credential: Credential,
  signatureKey: Uint8Array,
  cipherSuite: number,
): Promise<void> {
  if (credential.kind !== "x509") return;
  const { checkChain } = await import("./certificate-chain.ts");
  checkChain(credential.certificates, signatureKey, cipherSuite);
}
