import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import type { KeyDerivation } from "./key-derivation.ts";
import type { Random } from "./random.ts";
import { curve25519Pkcs8, isCanonicalCoordinate } from "./curve25519.ts";
import { type CryptoKey, subtle } from "./web-crypto.ts";

const X25519 = "X25519";

/** DHKEM of RFC 9180 §4.1 over one curve. */
export interface Kem {
  /** The KEM's number in the HPKE registry. */
  readonly id: number;
  readonly deriveKeyPair: (ikm: Uint8Array) => Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }>;
  readonly publicKeyOf: (privateKey: Uint8Array) => Promise<Uint8Array>;
  readonly isPublicKey: (publicKey: Uint8Array) => boolean;
  encapsulate(
    publicKey: Uint8Array,
    random: Random,
  ): Promise<{ sharedSecret: Uint8Array; output: Uint8Array }>;
  readonly decapsulate: (
    output: Uint8Array,
    privateKey: Uint8Array,
    publicKey?: Uint8Array,
  ) => Promise<Uint8Array>;
}

const suiteId = concatBytes(utf8ToBytes("KEM"), Uint8Array.of(0x00, 0x20));

/** DHKEM(X25519, HKDF-SHA256). Throws KEY_INVALID on keys of a wrong length or of small order (RFC 9180 §7.1.4). */
export function dhkemX25519(kdf: KeyDerivation): Kem {
  const labels = hpkeLabels(kdf, suiteId);

  async function deriveKeyPair(ikm: Uint8Array): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }> {
    const privateKey = labels.expand(labels.extract("dkp_prk", ikm), "sk", new Uint8Array(), 32);
    return { privateKey, publicKey: await publicKeyOf(privateKey) };
  }

  function sharedSecretOf(dh: Uint8Array, output: Uint8Array, publicKey: Uint8Array): Uint8Array {
    return labels.expand(labels.extract("eae_prk", dh), "shared_secret", concatBytes(output, publicKey), 32);
  }

  return {
    id: 0x0020,
    deriveKeyPair,
    publicKeyOf,
    isPublicKey,
    async encapsulate(publicKey, random) {
      // Drawn before the first await: callers seal concurrently, and a seeded run must replay to the byte.
      // Any 32 bytes are an X25519 private key, so an ephemeral one need not go through DeriveKeyPair.
      const ephemeralBytes = random.bytes(32);
      const recipient = await importPublic(publicKey);
      const ephemeral = await importPrivate(ephemeralBytes);
      const base = await basePoint();
      const [output, dh] = await Promise.all([
        diffieHellman(ephemeral, base),
        diffieHellman(ephemeral, recipient),
      ]);
      return { sharedSecret: sharedSecretOf(dh, output, publicKey), output };
    },
    async decapsulate(output, privateKey, publicKey) {
      const own = await importPrivate(privateKey);
      const dh = await diffieHellman(own, await importPublic(output));
      const ownPublic = publicKey ?? (await diffieHellman(own, await basePoint()));
      return sharedSecretOf(dh, output, ownPublic);
    },
  };
}

async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
  return diffieHellman(await importPrivate(privateKey), await basePoint());
}

/**
 * Whether the bytes are a canonical u below p and not a point of small order. RFC 7748 lets a receiver take other
 * spellings; here a second spelling of a key would defeat the rule that keys in a group are unique (RFC 9420 §7.3).
 */
function isPublicKey(publicKey: Uint8Array): boolean {
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
  return subtle().importKey("pkcs8", curve25519Pkcs8(X25519, privateKey), X25519, false, ["deriveBits"]);
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

/** LabeledExtract (with no salt) and LabeledExpand of RFC 9180 §4, for the KEM and for HPKE itself. */
export function hpkeLabels(
  kdf: KeyDerivation,
  id: Uint8Array,
): {
  extract(label: string, ikm: Uint8Array, salt?: Uint8Array): Uint8Array;
  expand(secret: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array;
} {
  const version = utf8ToBytes("HPKE-v1");
  return {
    extract: (label, ikm, salt = new Uint8Array()) =>
      kdf.extract(salt, concatBytes(version, id, utf8ToBytes(label), ikm)),
    expand: (secret, label, info, length) =>
      kdf.expand(
        secret,
        concatBytes(Uint8Array.of(length >> 8, length & 0xff), version, id, utf8ToBytes(label), info),
        length,
      ),
  };
}
