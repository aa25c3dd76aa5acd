import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Random } from "@thicket/client";

/** A random source that gives the same bytes for the same seed: SHA-256 over the seed and a counter. */
export function seededRandom(seed: string): Random {
  const prefix = sha256(utf8ToBytes(seed));
  const block = new Uint8Array(prefix.length + 8);
  block.set(prefix);
  const counter = new DataView(block.buffer, prefix.length);
  let next = 0n;
  return {
    bytes(length) {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < length; have += 32) {
        counter.setBigUint64(0, next++);
        blocks.push(sha256(block));
      }
      return concatBytes(...blocks).slice(0, length);
    },
  };
}

/** What the schedule and the network decide by. Separate from the clients' random bytes, so that neither shifts the other. */
export interface Dice {
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number;
  chance(probability: number): boolean;
  /** Throws on an empty list: a bug of the caller. */
  pick<T>(list: readonly T[]): T;
  /** `length` bytes in lower-case hexadecimal. */
  hex(length: number): string;
}

/** xoshiro128** (Blackman and Vigna), started from SHA-256 of the seed. */
export function createDice(seed: string): Dice {
  const start = new DataView(sha256(utf8ToBytes(`dice ${seed}`)).buffer);
  let [a, b, c, d] = [start.getUint32(0), start.getUint32(4), start.getUint32(8), start.getUint32(12) | 1];
  const word = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  const int = (below: number) => Math.floor((word() / 0x1_0000_0000) * below);
  return {
    int,
    chance: (probability) => word() / 0x1_0000_0000 < probability,
    pick: (list) => {
      const chosen = list[int(list.length)];
      if (chosen === undefined) throw new Error("picked from an empty list");
      return chosen;
    },
    hex: (length) => {
      let text = "";
      for (let index = 0; index < length; index++) text += int(256).toString(16).padStart(2, "0");
      return text;
    },
  };
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
