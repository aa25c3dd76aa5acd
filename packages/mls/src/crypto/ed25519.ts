import { bytesToHex } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import type { SignatureScheme } from "./compose-suite.ts";
import { curve25519Pkcs8, isCanonicalCoordinate } from "./curve25519.ts";
import { remember } from "../remember.ts";
import { rememberPublic } from "./imported-keys.ts";
import { publicCoordinates } from "./jwk.ts";
import type { Random } from "./random.ts";
import { type CryptoKey, type SignaturePrivateKey, subtle } from "./web-crypto.ts";

const ED25519 = "Ed25519";

/** Ed25519 (RFC 8032): public keys of 32 bytes, signatures of 64. */
export const ed25519: SignatureScheme = {
  keyPair: ed25519KeyPair,
  importPrivate: importEd25519Seed,
  sign: ed25519Sign,
  verify: ed25519Verify,
};

/** A fresh key pair from 32 bytes of the random source. */
export async function ed25519KeyPair(
  random: Random,
): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }> {
  const privateKey = random.bytes(32);
  const key = await subtle().importKey("pkcs8", curve25519Pkcs8(ED25519, privateKey), ED25519, true, [
    "sign",
  ]);
  return { publicKey: (await publicCoordinates(key)).x, privateKey };
}

/** A 32-byte seed as a CryptoKey that cannot be read back. Throws KEY_INVALID. */
export async function importEd25519Seed(seed: Uint8Array): Promise<CryptoKey> {
  if (seed.length !== 32) throw new MlsError("KEY_INVALID", "an Ed25519 seed has 32 bytes");
  return subtle().importKey("pkcs8", curve25519Pkcs8(ED25519, seed), ED25519, false, ["sign"]);
}

/** Signs `content` (RFC 8032 §5.1.6): 64 bytes, R and S. Throws KEY_INVALID. */
export async function ed25519Sign(privateKey: SignaturePrivateKey, content: Uint8Array): Promise<Uint8Array> {
  const key = privateKey instanceof Uint8Array ? await signingKeyOf(privateKey) : privateKey;
  return new Uint8Array(await subtle().sign(ED25519, key, content));
}

/** Whether the signature is valid. A public key that is not a canonical point of the prime-order kind never is. */
export async function ed25519Verify(
  publicKey: Uint8Array,
  content: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 64) return false;
  const key = verifyingKeys.met(publicKey) ?? (await verifyingKeys.find(publicKey));
  return key !== undefined && subtle().verify(ED25519, key, signature, content);
}

// By identity: bytes in memory already are the key.
const signingKeyOf = remember(importEd25519Seed);
const verifyingKeys = rememberPublic(async (publicKey) => {
  if (!isStrongPublicKey(publicKey)) throw new MlsError("KEY_INVALID", "no strong Ed25519 key");
  return subtle().importKey("raw", publicKey, ED25519, true, ["verify"]);
});

/**
 * Whether the bytes are a canonical y below p and not a point of small order. With a small-order key one signature
 * fits many messages, and a second spelling of a key would defeat the rule that keys in a group are unique (§7.3);
 * WebCrypto implementations differ in what they refuse.
 */
export function isStrongPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const y = publicKey.slice();
  y[31] = (y[31] ?? 0) & 0x7f; // the top bit is the sign of x
  return isCanonicalCoordinate(y) && !SMALL_ORDER_Y.has(bytesToHex(y));
}

/** The y coordinates of the eight points whose order divides 8: two share y = 0, and the others come as ±x. */
const SMALL_ORDER_Y = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);
