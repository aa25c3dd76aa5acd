import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Random } from "../crypto/random.ts";

/** A random source that gives the same bytes for the same seed: SHA-256 of the seed and a counter. */
export function seededRandom(seed: string): Random {
  const prefix = sha256(utf8ToBytes(seed));
  let counter = 0;
  return {
    bytes(length) {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < length; have += 32) {
        const block = Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter);
        blocks.push(sha256(concatBytes(prefix, block)));
        counter++;
      }
      return concatBytes(...blocks).slice(0, length);
    },
  };
}
