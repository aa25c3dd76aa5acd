import { MlsError } from "../errors.ts";
import { aes128Gcm, chaCha20Poly1305 } from "./aead.ts";
import { type CipherSuite, composeSuite, type SignatureKeyPair } from "./compose-suite.ts";
import { ecdsa } from "./ecdsa.ts";
import { ed25519 } from "./ed25519.ts";
import type { HpkeCiphertext } from "./hpke.ts";
import type { HpkeKeyPair } from "./kem.ts";
import { hkdfSha256 } from "./key-derivation.ts";
import { dhkemNist } from "./nist-kem.ts";
import { p256 } from "./p256.ts";
import type { Random } from "./random.ts";
import type { CryptoKey, SignaturePrivateKey } from "./web-crypto.ts";
import { dhkemX25519 } from "./x25519.ts";

export type {
  CipherSuite,
  CryptoKey,
  HpkeCiphertext,
  HpkeKeyPair,
  Random,
  SignatureKeyPair,
  SignaturePrivateKey,
};

/** Numbers of the MLS Cipher Suites registry (RFC 9420 §17.1); those after 3 load when they are first used. */
export const SUITE_X25519_AES128GCM_SHA256_ED25519 = 0x0001;
export const SUITE_P256_AES128GCM_SHA256_P256 = 0x0002;
export const SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 = 0x0003;
export const SUITE_X448_AES256GCM_SHA512_ED448 = 0x0004;
export const SUITE_P521_AES256GCM_SHA512_P521 = 0x0005;
export const SUITE_X448_CHACHA20POLY1305_SHA512_ED448 = 0x0006;
export const SUITE_P384_AES256GCM_SHA384_P384 = 0x0007;
/** Of the range for private use (RFC 9420 §17.1), until draft-ietf-mls-pq-ciphersuites has numbers. */
export const SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519 = 0xf001;

/**
 * The suite with this number of the IANA registry (RFC 9420 §17.1). Suites 1 to 3 are there at once; throws
 * SUITE_NOT_LOADED for another one that loadCipherSuite has not brought, and SUITE_UNSUPPORTED for unknown ones.
 */
export function cipherSuite(id: number): CipherSuite {
  const suite = loaded.get(id);
  if (suite !== undefined) return suite;
  if (loaders.has(id)) {
    throw new MlsError("SUITE_NOT_LOADED", `cipher suite ${id} is not loaded yet: await loadCipherSuite`);
  }
  throw new MlsError("SUITE_UNSUPPORTED", `cipher suite ${id} is not supported`);
}

/**
 * The same, loaded where it isn't yet. Throws SUITE_UNSUPPORTED, and what the platform throws where it can't fetch the
 * code.
 */
export async function loadCipherSuite(id: number): Promise<CipherSuite> {
  const load = loaded.has(id) ? undefined : loaders.get(id);
  if (load === undefined) return cipherSuite(id);
  const suite = await load();
  // Of two that were loaded at the same time, the first stays the one.
  if (!loaded.has(id)) loaded.set(id, suite);
  return cipherSuite(id);
}

/** The numbers of the suites that loadCipherSuite gives. */
export function supportedCipherSuites(): number[] {
  return [...new Set([...loaded.keys(), ...loaders.keys()])].toSorted((a, b) => a - b);
}

const kemX25519 = dhkemX25519(hkdfSha256);

const loaded = new Map<number, CipherSuite>(
  [
    {
      id: SUITE_X25519_AES128GCM_SHA256_ED25519,
      name: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
      kem: kemX25519,
      kdf: hkdfSha256,
      aead: aes128Gcm,
      signature: ed25519,
    },
    {
      id: SUITE_P256_AES128GCM_SHA256_P256,
      name: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
      kem: dhkemNist(p256, 0x0010, hkdfSha256),
      kdf: hkdfSha256,
      aead: aes128Gcm,
      signature: ecdsa(p256, "SHA-256"),
    },
    {
      id: SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
      name: "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
      kem: kemX25519,
      kdf: hkdfSha256,
      aead: chaCha20Poly1305,
      signature: ed25519,
    },
  ].map((parts) => [parts.id, composeSuite(parts)]),
);

/** Suites that load when first used: what they need of curves and hashes stays out of the engine's bundle. */
const loaders = new Map<number, () => Promise<CipherSuite>>([
  [SUITE_X448_AES256GCM_SHA512_ED448, async () => (await import("./curve448-suites.ts")).suite4],
  [SUITE_P521_AES256GCM_SHA512_P521, async () => (await import("./nist-suites.ts")).suite5],
  [SUITE_X448_CHACHA20POLY1305_SHA512_ED448, async () => (await import("./curve448-suites.ts")).suite6],
  [SUITE_P384_AES256GCM_SHA384_P384, async () => (await import("./nist-suites.ts")).suite7],
  [SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519, loadPostQuantum],
]);

async function loadPostQuantum(): Promise<CipherSuite> {
  const { loadPostQuantumSuite } = await import("./post-quantum-suite.ts");
  return loadPostQuantumSuite(SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519);
}
