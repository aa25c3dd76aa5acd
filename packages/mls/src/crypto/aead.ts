import { MlsError } from "../errors.ts";
import { type CryptoKey, subtle } from "./web-crypto.ts";

/** An AEAD with a 16-byte tag at the end of its ciphertext. */
export interface Aead {
  /** Its number in the HPKE registry (RFC 9180 §7.3). */
  readonly hpkeAeadId: number;
  readonly keyLength: number;
  readonly nonceLength: number;
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
  /** Throws AEAD_OPEN_FAILED if the ciphertext is not what was sealed. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array>;
}

export const aes128Gcm: Aead = aesGcm(0x0001, 16);

export function aesGcm(hpkeAeadId: number, keyLength: number): Aead {
  return {
    hpkeAeadId,
    keyLength,
    nonceLength: 12,
    seal: (key, nonce, aad, plaintext) =>
      sealWith(
        "AES-GCM",
        subtle().importKey("raw", key, "AES-GCM", false, ["encrypt"]),
        nonce,
        aad,
        plaintext,
      ),
    open: (key, nonce, aad, ciphertext) =>
      openWith(
        "AES-GCM",
        subtle().importKey("raw", key, "AES-GCM", false, ["decrypt"]),
        nonce,
        aad,
        ciphertext,
      ),
  };
}

export const chaCha20Poly1305: Aead = {
  hpkeAeadId: 0x0003,
  keyLength: 32,
  nonceLength: 12,
  async seal(key, nonce, aad, plaintext) {
    const imported = await importChaCha(key);
    if (imported === undefined) return sealChaChaInScript(key, nonce, aad, plaintext);
    return sealWith(CHACHA, imported, nonce, aad, plaintext);
  },
  async open(key, nonce, aad, ciphertext) {
    const imported = await importChaCha(key);
    if (imported === undefined) return openChaChaInScript(key, nonce, aad, ciphertext);
    return openWith(CHACHA, imported, nonce, aad, ciphertext);
  },
};

const CHACHA = "ChaCha20-Poly1305";
let chaChaIsBuiltIn: boolean | undefined;

/** Undefined where the platform's WebCrypto has no ChaCha20-Poly1305; found out once. */
async function importChaCha(key: Uint8Array): Promise<CryptoKey | undefined> {
  if (chaChaIsBuiltIn === false) return undefined;
  try {
    const imported = await subtle().importKey("raw-secret", key, CHACHA, false, ["encrypt", "decrypt"]);
    chaChaIsBuiltIn = true;
    return imported;
  } catch (error) {
    if (chaChaIsBuiltIn === true) throw new MlsError("KEY_INVALID", "AEAD key refused", { cause: error });
    chaChaIsBuiltIn = false;
    return undefined;
  }
}

async function sealWith(
  name: string,
  key: CryptoKey | Promise<CryptoKey>,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const imported = await key;
  return new Uint8Array(
    await subtle().encrypt({ name, iv: nonce, additionalData: aad }, imported, plaintext),
  );
}

async function openWith(
  name: string,
  key: CryptoKey | Promise<CryptoKey>,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  const imported = await key;
  try {
    const parameters = { name, iv: nonce, additionalData: aad };
    return new Uint8Array(await subtle().decrypt(parameters, imported, ciphertext));
  } catch (error) {
    throw new MlsError("AEAD_OPEN_FAILED", "the ciphertext does not open", { cause: error });
  }
}

/** ChaCha20-Poly1305 without WebCrypto. */
export async function sealChaChaInScript(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const { chacha20poly1305 } = await loadScript();
  return chacha20poly1305(key, nonce, aad).encrypt(plaintext);
}

/** Throws AEAD_OPEN_FAILED. */
export async function openChaChaInScript(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  const { chacha20poly1305 } = await loadScript();
  try {
    return chacha20poly1305(key, nonce, aad).decrypt(ciphertext);
  } catch (error) {
    throw new MlsError("AEAD_OPEN_FAILED", "the ciphertext does not open", { cause: error });
  }
}

/** Fetched only where WebCrypto lacks the cipher: most never need it. */
function loadScript() {
  return import("@noble/ciphers/chacha.js");
}
