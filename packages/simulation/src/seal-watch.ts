import { bytesToHex } from "@noble/hashes/utils.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { watchSealing } from "./settle.ts";

const TAG = 16;

/**
 * Watches that no key encrypts twice. In MLS every AEAD key has one use: a (leaf, generation) has its own, and so
 * have a Welcome and every HPKE ciphertext. So two different ciphertexts under one key that both left the device
 * are a reused generation, whatever the ratchets' records say. What was encrypted but never sent doesn't count:
 * a program that dies between the two may use the generation again.
 */
export interface SealWatch {
  /** An MLS message that left a device: its last field is a ciphertext (PrivateMessage and Welcome alike). */
  sent(what: string, message: Uint8Array): void;
  /** Keys that encrypted two different messages that were sent. */
  reuses(): string[];
  /** Messages that were told apart. */
  messages(): number;
}

/** One watch a thread at a time: the latest created. */
export function createSealWatch(): SealWatch {
  const keyByTag = new Map<string, string>();
  const sentByKey = new Map<string, { what: string; hash: string }>();
  const reuses: string[] = [];
  watchSealing((key, sealed) => keyByTag.set(bytesToHex(sealed.subarray(-TAG)), key));
  return {
    sent(what, message) {
      const key = keyByTag.get(bytesToHex(message.subarray(-TAG)));
      if (key === undefined) throw new Error(`a ciphertext that WebCrypto didn't make: ${what}`);
      const hash = bytesToHex(sha256(message));
      const before = sentByKey.get(key);
      if (before === undefined) sentByKey.set(key, { what, hash });
      else if (before.hash !== hash) reuses.push(`${before.what}, then ${what}`);
    },
    reuses: () => reuses,
    messages: () => sentByKey.size,
  };
}
