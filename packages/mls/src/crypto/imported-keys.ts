import { bytesToHex } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import { equalBytes } from "./equal-bytes.ts";
import type { CryptoKey } from "./web-crypto.ts";

// An import costs as much as a signature, so what was imported is remembered.

const PUBLIC_KEYS_KEPT = 2048;

/** Public keys, by value: the same bytes are the same key, whichever array they are in. */
export interface PublicKeys {
  /** Undefined for what the platform takes for no key. */
  readonly find: (publicKey: Uint8Array) => Promise<CryptoKey | undefined>;
  /** The key, if this very array was found before and still says the same: without a promise. */
  readonly met: (publicKey: Uint8Array) => CryptoKey | undefined;
}

/**
 * Public keys that were imported, the oldest forgotten first. Where the platform lacks the algorithm, or WebCrypto,
 * nothing was said about the key: that is thrown and not remembered.
 */
export function rememberPublic(importKey: (publicKey: Uint8Array) => Promise<CryptoKey>): PublicKeys {
  const known = new Map<string, Promise<CryptoKey | undefined>>();
  const arrays = new WeakMap<Uint8Array, { readonly said: Uint8Array; readonly key: CryptoKey }>();

  function importOnce(publicKey: Uint8Array): Promise<CryptoKey | undefined> {
    const id = bytesToHex(publicKey);
    let key = known.get(id);
    if (key === undefined) {
      key = importKey(publicKey).catch((error: unknown) => {
        if (!isMissing(error)) return undefined;
        known.delete(id);
        throw error;
      });
      const [oldest] = known.size >= PUBLIC_KEYS_KEPT ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
      known.set(id, key);
    }
    return key;
  }

  return {
    find: async (publicKey) => {
      const said = publicKey.slice();
      const key = await importOnce(publicKey);
      if (key !== undefined) arrays.set(publicKey, { said, key });
      return key;
    },
    met: (publicKey) => {
      const found = arrays.get(publicKey);
      return found !== undefined && equalBytes(found.said, publicKey) ? found.key : undefined;
    },
  };
}

function isMissing(error: unknown): boolean {
  if (error instanceof MlsError) return error.code === "CRYPTO_UNAVAILABLE";
  return error instanceof Error && error.name === "NotSupportedError";
}
