import { bytesToHex } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import { curve25519Pkcs8, isCanonicalCoordinate } from "./curve25519.ts";
import { type DhGroup, dhkem, type Kem, kemLabels } from "./kem.ts";
import { publicCoordinates } from "./jwk.ts";
import type { KeyDerivation } from "./key-derivation.ts";
import { type CryptoKey, subtle } from "./web-crypto.ts";

const X25519 = "X25519";
const KEM_ID = 0x0020;

/** DHKEM(X25519, HKDF-SHA256). Throws KEY_INVALID on keys of a wrong length or of small order (RFC 9180 §7.1.4). */
export function dhkemX25519(kdf: KeyDerivation): Kem {
  const labels = kemLabels(kdf, KEM_ID);
  const group: DhGroup = {
    kemId: KEM_ID,
    derivePrivateKey: (ikm) => labels.expand(labels.extract("dkp_prk", ikm), "sk", new Uint8Array(), 32),
    // Any 32 bytes are an X25519 private key, so an ephemeral one need not go through DeriveKeyPair.
    ephemeralKey: (random) => random.bytes(32),
    publicKeyOf: x25519PublicKey,
    isPublicKey: isX25519PublicKey,
    exchange: x25519Exchange,
    diffieHellman: async (privateKey, publicKey) =>
      diffieHellman(await importPrivate(privateKey), await importPublic(publicKey)),
  };
  return dhkem(group, kdf);
}

export async function x25519PublicKey(privateKey: Uint8Array): Promise<Uint8Array> {
  return publicHalfOf(await importPrivate(privateKey));
}

/** The platform has computed it with the import; where it doesn't tell, the base point gives it, at twice the cost. */
async function publicHalfOf(key: CryptoKey): Promise<Uint8Array> {
  const told = await publicCoordinates(key).catch(() => undefined);
  return told?.x.length === 32 ? told.x : diffieHellman(key, await basePoint());
}

/** The shared value with another's public key, and the own public key. Throws KEY_INVALID. */
export async function x25519Exchange(
  privateKey: Uint8Array,
  publicKey: Uint8Array,
): Promise<{ own: Uint8Array; shared: Uint8Array }> {
  const other = await importPublic(publicKey);
  const key = await importPrivate(privateKey);
  const [own, shared] = await Promise.all([publicHalfOf(key), diffieHellman(key, other)]);
  return { own, shared };
}

/**
 * Whether the bytes are a canonical u below p and not a point of small order. RFC 7748 lets a receiver take other
 * spellings; here a second spelling of a key would defeat the rule that keys in a group are unique (RFC 9420 §7.3).
 */
export function isX25519PublicKey(publicKey: Uint8Array): boolean {
  return isCanonicalCoordinate(publicKey) && !SMALL_ORDER_U.has(bytesToHex(publicKey));
}

/** The u coordinates of the points whose order divides 8, on the curve and on its twist. */
export const SMALL_ORDER_U: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

let basePointKey: Promise<CryptoKey> | undefined;

function basePoint(): Promise<CryptoKey> {
  const u = new Uint8Array(32);
  u[0] = 9;
  basePointKey ??= importPublic(u);
  return basePointKey;
}

async function importPublic(publicKey: Uint8Array): Promise<CryptoKey> {
  if (publicKey.length !== 32) throw new MlsError("KEY_INVALID", "an X25519 public key has 32 bytes");
  return subtle().importKey("raw", publicKey, X25519, true, []);
}

async function importPrivate(privateKey: Uint8Array): Promise<CryptoKey> {
  if (privateKey.length !== 32) throw new MlsError("KEY_INVALID", "an X25519 private key has 32 bytes");
  return subtle().importKey("pkcs8", curve25519Pkcs8(X25519, privateKey), X25519, true, ["deriveBits"]);
}

async function diffieHellman(privateKey: CryptoKey, publicKey: CryptoKey): Promise<Uint8Array> {
  let shared: Uint8Array;
  try {
    shared = new Uint8Array(await subtle().deriveBits({ name: X25519, public: publicKey }, privateKey, 256));
  } catch (error) {
    throw new MlsError("KEY_INVALID", "no X25519 secret with this public key", { cause: error });
  }
  // RFC 9180 §7.1.4; not every WebCrypto refuses it itself.
  let any = 0;
  for (const byte of shared) any |= byte;
  if (any === 0) throw new MlsError("KEY_INVALID", "X25519 public key of small order");
  return shared;
}
