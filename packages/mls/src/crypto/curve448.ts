import { ed448 as script, x448 } from "@noble/curves/ed448.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { MlsError } from "../errors.ts";
import type { SignatureScheme } from "./compose-suite.ts";
import { type DhGroup, dhkem, type Kem, kemLabels } from "./kem.ts";
import type { KeyDerivation } from "./key-derivation.ts";

// No browser's WebCrypto has the curves of 448 bits: all of this is in script, and not in constant time.

const KEM_ID = 0x0021;
const P = 2n ** 448n - 2n ** 224n - 1n;
/** The coordinates of the points of small order: u of X448, on the curve and on its twist, as y of Ed448. */
const SMALL_ORDER = new Set([0n, 1n, P - 1n]);

/** DHKEM(X448, HKDF-SHA512). Throws KEY_INVALID on keys of a wrong length or of small order (RFC 9180 §7.1.4). */
export function dhkemX448(kdf: KeyDerivation): Kem {
  const labels = kemLabels(kdf, KEM_ID);
  const group: DhGroup = {
    kemId: KEM_ID,
    derivePrivateKey: (ikm) => labels.expand(labels.extract("dkp_prk", ikm), "sk", new Uint8Array(), 56),
    ephemeralKey: (random) => random.bytes(56),
    publicKeyOf: async (privateKey) => publicKeyOf(privateKey),
    isPublicKey: isX448PublicKey,
    exchange: async (privateKey, publicKey) => ({
      shared: diffieHellman(privateKey, publicKey),
      own: publicKeyOf(privateKey),
    }),
    diffieHellman: async (privateKey, publicKey) => diffieHellman(privateKey, publicKey),
  };
  return dhkem(group, kdf);
}

/** Ed448 (RFC 8032): public keys of 57 bytes, signatures of 114. Private keys are seeds, never CryptoKeys. */
export const ed448: SignatureScheme = {
  async keyPair(random) {
    const privateKey = random.bytes(57);
    return { publicKey: script.getPublicKey(privateKey), privateKey };
  },
  async importPrivate(privateKey) {
    if (privateKey.length !== 57) throw new MlsError("KEY_INVALID", "an Ed448 seed has 57 bytes");
    throw new MlsError("CRYPTO_UNAVAILABLE", "WebCrypto has no Ed448: the seed is the key");
  },
  async sign(privateKey, content) {
    if (!(privateKey instanceof Uint8Array) || privateKey.length !== 57) {
      throw new MlsError("KEY_INVALID", "an Ed448 seed has 57 bytes");
    }
    return script.sign(content, privateKey);
  },
  async verify(publicKey, content, signature) {
    if (signature.length !== 114 || !isEd448PublicKey(publicKey)) return false;
    return script.verify(signature, content, publicKey, { zip215: false });
  },
};

/** Whether the bytes are a canonical u and not of small order: a key has one spelling (RFC 9420 §7.3). */
function isX448PublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 56 && isStrong(bytesToNumberLE(publicKey));
}

/** The same for y; in the last byte stands the sign of x and nothing else. */
function isEd448PublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 57 || ((publicKey[56] ?? 0) & 0x7f) !== 0) return false;
  return isStrong(bytesToNumberLE(publicKey.subarray(0, 56)));
}

function isStrong(coordinate: bigint): boolean {
  return coordinate < P && !SMALL_ORDER.has(coordinate);
}

function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== 56) throw new MlsError("KEY_INVALID", "an X448 private key has 56 bytes");
  return x448.getPublicKey(privateKey);
}

function diffieHellman(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return x448.getSharedSecret(privateKey, publicKey); // throws where the result is zero
  } catch (cause) {
    throw new MlsError("KEY_INVALID", "no X448 secret of these keys", { cause });
  }
}
