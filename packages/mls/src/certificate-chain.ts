import { bytesToHex } from "@noble/hashes/utils.js";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import { equalBytes } from "./crypto/equal-bytes.ts";
import { MlsError } from "./errors.ts";

/** AlgorithmIdentifiers of public keys in DER (RFC 8410 §3, RFC 5480 §2.1.1), by the cipher suites that sign with them. */
const ED25519 = "300506032b6570";
const ED448 = "300506032b6571";
const P256 = "301306072a8648ce3d020106082a8648ce3d030107";
const P384 = "301006072a8648ce3d020106052b81040022";
const P521 = "301006072a8648ce3d020106052b81040023";
const KEY_ALGORITHMS: ReadonlyMap<number, string> = new Map([
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
  const chain = certificates.map(readCertificate);
  const [endEntity] = chain;
  if (endEntity === undefined) throw invalid("there is no certificate");
  // §5.3: the key in the end-entity certificate is the leaf's, as a key of the group's signature scheme.
  if (endEntity.keyAlgorithm !== KEY_ALGORITHMS.get(cipherSuite)) {
    throw invalid("the certificate's key is of another signature scheme");
  }
  if (!equalBytes(endEntity.publicKey, signatureKey)) {
    throw invalid("the certificate is for another signature key");
  }
  // §5.3: the end entity comes first, and then who certified it. An issuer may be left out, but never comes before.
  const issuersSeen = new Set<string>();
  for (const { subject, issuer } of chain) {
    if (issuer !== subject && issuersSeen.has(issuer)) throw invalid("the certificates are out of order");
    issuersSeen.add(subject);
  }
}

interface ReadCertificate {
  readonly keyAlgorithm: string;
  readonly publicKey: Uint8Array;
  /** The names' DER in hexadecimal. */
  readonly subject: string;
  readonly issuer: string;
}

function readCertificate(bytes: Uint8Array): ReadCertificate {
  try {
    checkLength(bytes);
    const { tbsCertificate } = AsnConvert.parse(bytes, Certificate);
    const { algorithm, subjectPublicKey } = tbsCertificate.subjectPublicKeyInfo;
    const hexOf = (part: unknown): string => bytesToHex(new Uint8Array(AsnConvert.serialize(part)));
    return {
      keyAlgorithm: hexOf(algorithm),
      publicKey: new Uint8Array(subjectPublicKey),
      subject: hexOf(tbsCertificate.subject),
      issuer: hexOf(tbsCertificate.issuer),
    };
  } catch (cause) {
    throw cause instanceof MlsError ? cause : invalid("a certificate is malformed", cause);
  }
}

/** The parser reads the first value and looks no further: a certificate is one DER sequence with nothing after it. */
function checkLength(bytes: Uint8Array): void {
  const [tag, first = 0] = bytes;
  // Of 128 to 65,535 bytes, as certificates are: 0x81 or 0x82, and the length in so many bytes.
  const count = first - 0x80;
  const length = bytes.subarray(2, 2 + count).reduce((so, byte) => so * 256 + byte, 0);
  if (tag !== 0x30 || count < 1 || count > 2 || bytes.length !== 2 + count + length) {
    throw invalid("a certificate is not one DER sequence");
  }
}

function invalid(message: string, cause?: unknown): MlsError {
  return new MlsError("CERTIFICATE_INVALID", message, { section: "§5.3", cause });
}
