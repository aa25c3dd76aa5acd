import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import { publicCoordinates } from "./jwk.ts";
import type { Random } from "./random.ts";
import { type CryptoKey, subtle } from "./web-crypto.ts";

/** y² = x³ - 3x + b over the integers modulo p (NIST SP 800-186 §3.2.1); the group is of prime order. */
export interface NistCurve {
  readonly name: "P-256" | "P-384" | "P-521";
  /** Bytes of a coordinate and of a private key. */
  readonly length: number;
  /** The bits of a private key's first byte that may be set. */
  readonly firstByteMask: number;
  readonly p: bigint;
  readonly b: bigint;
  /** Big-endian, `length` bytes. */
  readonly order: Uint8Array;
  /** The curve's object identifier, in DER. */
  readonly oid: readonly number[];
}

type Use = "ECDSA" | "ECDH";

/**
 * Whether the bytes are an uncompressed point of the curve (RFC 9420 §5.1.1, RFC 8446 §4.2.8.2): the only spelling of
 * a key. The neutral point has no such spelling, and there are no points of small order.
 */
export function isNistPublicKey(curve: NistCurve, publicKey: Uint8Array): boolean {
  if (publicKey.length !== 1 + 2 * curve.length || publicKey[0] !== 0x04) return false;
  const x = numberOf(publicKey.subarray(1, 1 + curve.length));
  const y = numberOf(publicKey.subarray(1 + curve.length));
  if (x >= curve.p || y >= curve.p) return false;
  return (y * y - (x * x - 3n) * x - curve.b) % curve.p === 0n;
}

/** A fresh private key: random bytes until they're in range (FIPS 186-5 §A.2.2). */
export function drawPrivateKey(curve: NistCurve, random: Random): Uint8Array {
  return firstPrivateKey(curve, () => random.bytes(curve.length));
}

/** The first of at most 256 candidates that is in range, its surplus bits cut off. Throws KEY_INVALID. */
export function firstPrivateKey(curve: NistCurve, candidate: (counter: number) => Uint8Array): Uint8Array {
  for (let counter = 0; counter < 256; counter++) {
    const bytes = candidate(counter).slice();
    bytes[0] = (bytes[0] ?? 0) & curve.firstByteMask;
    if (isPrivateKey(curve, bytes)) return bytes;
  }
  throw new MlsError("KEY_INVALID", `256 times no ${curve.name} key in range`);
}

/** Whether 0 < bytes < order, in a time that doesn't depend on them. */
function isPrivateKey(curve: NistCurve, bytes: Uint8Array): boolean {
  if (bytes.length !== curve.length) return false;
  let borrow = 0;
  let any = 0;
  for (let i = curve.length - 1; i >= 0; i--) {
    borrow = ((bytes[i] ?? 0) - (curve.order[i] ?? 0) - borrow) >>> 31;
    any |= bytes[i] ?? 0;
  }
  return borrow === 1 && any !== 0;
}

/** Throws KEY_INVALID. */
export async function importNistPublic(
  curve: NistCurve,
  use: Use,
  publicKey: Uint8Array,
): Promise<CryptoKey> {
  if (!isNistPublicKey(curve, publicKey)) {
    throw new MlsError("KEY_INVALID", `not an uncompressed point of ${curve.name}`);
  }
  const algorithm = { name: use, namedCurve: curve.name };
  return subtle().importKey("raw", publicKey, algorithm, true, use === "ECDSA" ? ["verify"] : []);
}

/** Throws KEY_INVALID. */
export async function importNistPrivate(
  curve: NistCurve,
  use: Use,
  privateKey: Uint8Array,
  extractable = false,
): Promise<CryptoKey> {
  if (!isPrivateKey(curve, privateKey)) {
    throw new MlsError("KEY_INVALID", `not a private key of ${curve.name}`);
  }
  const algorithm = { name: use, namedCurve: curve.name };
  const usages = [use === "ECDSA" ? "sign" : "deriveBits"];
  return subtle().importKey("pkcs8", pkcs8(curve, privateKey), algorithm, extractable, usages);
}

let exportsPublicHalf = true;

/** The public key of a private key. Throws KEY_INVALID. */
export async function nistPublicKey(curve: NistCurve, privateKey: Uint8Array): Promise<Uint8Array> {
  const key = await importNistPrivate(curve, "ECDH", privateKey, true);
  if (exportsPublicHalf) {
    try {
      const { x, y } = await publicCoordinates(key);
      return concatBytes(Uint8Array.of(0x04), x, y);
    } catch {
      exportsPublicHalf = false; // once is enough to know the platform
    }
  }
  return nistPublicKeyInScript(curve, privateKey);
}

/** The same without WebCrypto. Not in constant time: only where the platform can't do it (Firefox). */
export async function nistPublicKeyInScript(curve: NistCurve, privateKey: Uint8Array): Promise<Uint8Array> {
  const { p256, p384, p521 } = await import("@noble/curves/nist.js");
  const script = { "P-256": p256, "P-384": p384, "P-521": p521 }[curve.name];
  return script.getPublicKey(privateKey, false);
}

/** PrivateKeyInfo (RFC 5958) with an ECPrivateKey (RFC 5915) that has no public key in it. Always below 128 bytes. */
function pkcs8(curve: NistCurve, privateKey: Uint8Array): Uint8Array {
  const version = [0x02, 0x01, 0x00];
  const idEcPublicKey = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
  const ecPrivateKey = tagged(0x30, [0x02, 0x01, 0x01, ...tagged(0x04, privateKey)]);
  return Uint8Array.from(
    tagged(0x30, [
      ...version,
      ...tagged(0x30, [...idEcPublicKey, ...curve.oid]),
      ...tagged(0x04, ecPrivateKey),
    ]),
  );
}

function tagged(tag: number, content: ArrayLike<number> & Iterable<number>): number[] {
  return [tag, content.length, ...content];
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes)}`);
}
