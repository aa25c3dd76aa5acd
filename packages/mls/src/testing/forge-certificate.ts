import { DER } from "@noble/curves/abstract/der.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { KEY_ALGORITHMS } from "../certificate-chain.ts";

/** A value of DER in hexadecimal, of values in hexadecimal. */
export const der = (tag: number, ...parts: string[]): string => DER._tlv.encode(tag, parts.join(""));

const SEQUENCE = 0x30;
const EXTENSIONS = 0xa3;
const COMMON_NAME = "0603550403";
const algorithmOf = (suite: number): string => der(SEQUENCE, KEY_ALGORITHMS.get(suite) ?? "");

export const commonName = (name: string): string =>
  der(0x31, der(SEQUENCE, COMMON_NAME, der(0x0c, bytesToHex(utf8ToBytes(name)))));

const time = (digits: string): string => der(0x17, bytesToHex(utf8ToBytes(`${digits}Z`)));

/** In hexadecimal; of what is named as a value of its own, the whole value. */
export interface CertificateParts {
  readonly publicKey: Uint8Array;
  readonly suite?: number;
  /** What the names' sequences hold. */
  readonly subject?: string;
  readonly issuer?: string;
  /** What follows the identifier of the signature's algorithm. */
  readonly parameters?: string;
  /** What the sequence of the extensions holds. */
  readonly extensions?: string;
  readonly version?: string;
  readonly serial?: string;
  readonly notAfter?: string;
  readonly uniqueIds?: string;
  readonly signature?: string;
}

/** A certificate of RFC 5280 §4.1 whose signature is nobody's. */
export function forgeCertificate(parts: CertificateParts): Uint8Array {
  const { publicKey, suite = 1, extensions } = parts;
  const algorithm = der(SEQUENCE, "06032b6570", parts.parameters ?? "");
  const signed = der(
    SEQUENCE,
    parts.version ?? der(0xa0, "020102"),
    parts.serial ?? der(0x02, "01"),
    algorithm,
    der(SEQUENCE, parts.issuer ?? ""),
    der(SEQUENCE, time("250101000000"), parts.notAfter ?? time("350101000000")),
    der(SEQUENCE, parts.subject ?? ""),
    der(SEQUENCE, algorithmOf(suite), der(0x03, "00", bytesToHex(publicKey))),
    parts.uniqueIds ?? "",
    extensions === undefined ? "" : der(EXTENSIONS, der(SEQUENCE, extensions)),
  );
  const signature = parts.signature ?? der(0x03, "00", "5a".repeat(64));
  return hexToBytes(der(SEQUENCE, signed, algorithm, signature));
}
