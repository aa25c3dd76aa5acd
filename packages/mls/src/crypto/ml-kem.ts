import type { Random } from "./random.ts";
import { type CryptoKey, platformSubtle } from "./web-crypto.ts";

/** ML-KEM-768 (FIPS 203). A private key is its seed, d and z of 32 bytes each. Lengths are the caller's to check. */
export interface MlKem768 {
  publicKeyOf(seed: Uint8Array): Promise<Uint8Array>;
  /** Draws what it draws from the random source before it returns. */
  encapsulate(
    publicKey: Uint8Array,
    random: Random,
  ): Promise<{ ciphertext: Uint8Array; sharedSecret: Uint8Array }>;
  /** A ciphertext made for another key gives another secret, never an error (§6.3). */
  decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array>;
}

export const ML_KEM_PUBLIC_KEY_LENGTH = 1184;
export const ML_KEM_CIPHERTEXT_LENGTH = 1088;

/** The platform's where it has one, else noble's. */
export async function mlKem768(): Promise<MlKem768> {
  return (await nativeMlKem768()) ?? scriptMlKem768();
}

/** The check of FIPS 203 §7.2: the length, and 768 numbers of 12 bits each below q. */
export function isMlKemPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== ML_KEM_PUBLIC_KEY_LENGTH) return false;
  for (let i = 0; i < ML_KEM_PUBLIC_KEY_LENGTH - 32; i += 3) {
    const [low = 0, middle = 0, high = 0] = publicKey.subarray(i, i + 3);
    if ((low | ((middle & 0x0f) << 8)) >= Q || ((middle >> 4) | (high << 4)) >= Q) return false;
  }
  return true;
}

const Q = 3329;
const ML_KEM = "ML-KEM-768";

/** What WebCrypto adds for it, where it does (WICG "Modern Algorithms in the Web Cryptography API"). */
interface MlKemCrypto {
  importKey(
    format: "raw-seed" | "raw-public",
    data: Uint8Array,
    algorithm: string,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw-public", key: CryptoKey): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: readonly string[]): Promise<CryptoKey>;
  encapsulateBits(
    algorithm: string,
    key: CryptoKey,
  ): Promise<{ readonly sharedKey: ArrayBuffer; readonly ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Uint8Array): Promise<ArrayBuffer>;
}

/** Undefined where the platform has none. It draws the randomness of an encapsulation itself. */
export async function nativeMlKem768(): Promise<MlKem768 | undefined> {
  const platform: object = platformSubtle();
  if (!hasMlKem(platform)) return undefined;
  const importSeed = (seed: Uint8Array): Promise<CryptoKey> =>
    platform.importKey("raw-seed", seed, ML_KEM, true, ["decapsulateBits"]);
  const native: MlKem768 = {
    async publicKeyOf(seed) {
      const key = await platform.getPublicKey(await importSeed(seed), ["encapsulateBits"]);
      return new Uint8Array(await platform.exportKey("raw-public", key));
    },
    async encapsulate(publicKey) {
      const key = await platform.importKey("raw-public", publicKey, ML_KEM, true, ["encapsulateBits"]);
      const { ciphertext, sharedKey } = await platform.encapsulateBits(ML_KEM, key);
      return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
    },
    async decapsulate(seed, ciphertext) {
      const key = await importSeed(seed);
      return new Uint8Array(await platform.decapsulateBits(ML_KEM, key, ciphertext));
    },
  };
  try {
    await native.publicKeyOf(new Uint8Array(64));
    return native;
  } catch {
    return undefined; // the methods are there, for other algorithms
  }
}

function hasMlKem(platform: object): platform is MlKemCrypto {
  return ["getPublicKey", "encapsulateBits", "decapsulateBits"].every(
    (method) => typeof Reflect.get(platform, method) === "function",
  );
}

export async function scriptMlKem768(): Promise<MlKem768> {
  const { ml_kem768: script } = await import("@noble/post-quantum/ml-kem.js");
  return {
    publicKeyOf: async (seed) => script.keygen(seed).publicKey,
    async encapsulate(publicKey, random) {
      const { cipherText, sharedSecret } = script.encapsulate(publicKey, random.bytes(32));
      return { ciphertext: cipherText, sharedSecret };
    },
    decapsulate: async (seed, ciphertext) => script.decapsulate(ciphertext, script.keygen(seed).secretKey),
  };
}
