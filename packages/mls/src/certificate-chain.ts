import { bytesToHex } from "@noble/hashes/utils.js";
import { equalBytes } from "./crypto/equal-bytes.ts";
import { MlsError } from "./errors.ts";
import { type ReadCertificate, readCertificate } from "./read-certificate.ts";

/**
 * Limits as those of TLS, whose chains these are: what its implementations follow goes up to some eight certificates,
 * and to 100 KiB. A certificate signed with ML-DSA-87 has 8 KiB, one with SLH-DSA 50 KiB. Between ten certificates,
 * names are compared each with each.
 */
const MAX_CERTIFICATES = 10;
const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_CHAIN_BYTES = 128 * 1024;

/** What AlgorithmIdentifiers of public keys hold (RFC 8410 §3, RFC 5480 §2.1.1), by the suites that sign with them. */
const ED25519 = "06032b6570";
const ED448 = "06032b6571";
const P256 = "06072a8648ce3d020106082a8648ce3d030107";
const P384 = "06072a8648ce3d020106052b81040022";
const P521 = "06072a8648ce3d020106052b81040023";
export const KEY_ALGORITHMS: ReadonlyMap<number, string> = new Map([
  [0x0001, ED25519],
  [0x0002, P256],
  [0x0003, ED25519],
  [0x0004, ED448],
  [0x0005, P521],
  [0x0006, ED448],
  [0x0007, P384],
  [0xf001, ED25519],
]);

/** See checkCertificates. Signatures and issuers that are left out (§5.3 allows that) are not looked for. */
export function checkChain(
  certificates: readonly Uint8Array[],
  signatureKey: Uint8Array,
  cipherSuite: number,
): void {
  checkSize(certificates);
  const chain = certificates.map(read);
  const [endEntity] = chain;
  if (endEntity === undefined) throw invalid("there is no certificate");
  // §5.3: the key in the end-entity certificate is the leaf's, as a key of the group's signature scheme.
  if (bytesToHex(endEntity.keyAlgorithm) !== KEY_ALGORITHMS.get(cipherSuite)) {
    throw invalid("the certificate's key is of another signature scheme");
  }
  if (!equalBytes(endEntity.publicKey, signatureKey)) {
    throw invalid("the certificate is for another signature key");
  }
  // §5.3: the end entity comes first, and then who certified it. An issuer may be left out, but never comes before.
  for (const [n, { subject, issuer }] of chain.entries()) {
    const isAfterIssuer = chain.slice(0, n).some((before) => equalBytes(before.subject, issuer));
    if (isAfterIssuer && !equalBytes(issuer, subject)) throw invalid("the certificates are out of order");
  }
}

function checkSize(certificates: readonly Uint8Array[]): void {
  if (certificates.length > MAX_CERTIFICATES) throw invalid("there are too many certificates");
  let total = 0;
  for (const { length } of certificates) {
    if (length > MAX_CERTIFICATE_BYTES) throw invalid("a certificate is too long");
    total += length;
  }
  if (total > MAX_CHAIN_BYTES) throw invalid("the certificates together are too long");
}

function read(bytes: Uint8Array): ReadCertificate {
  try {
    return readCertificate(bytes);
  } catch (cause) {
    throw invalid("a certificate is malformed", cause);
  }
}

function invalid(message: string, cause?: unknown): MlsError {
  return new MlsError("CERTIFICATE_INVALID", message, { section: "§5.3", cause });
}
