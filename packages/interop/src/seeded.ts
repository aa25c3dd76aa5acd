import { createHash } from "node:crypto";
import type { Random } from "@thicket/mls";

/** A random source that gives the same bytes for the same seed: SHA-256 over the seed and a counter. */
export function seededRandom(seed: string): Random {
  let next = 0;
  return {
    bytes(length) {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < length; have += 32) {
        blocks.push(createHash("sha256").update(`${seed}\n${next++}`).digest());
      }
      return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
    },
  };
}

/** What a schedule is drawn with. Apart from the clients' random bytes, so that neither shifts the other. */
export interface Dice {
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number;
  chance(probability: number): boolean;
  /** Throws on an empty list: a bug of the caller. */
  pick<T>(list: readonly T[]): T;
}

export function createDice(seed: string): Dice {
  const random = seededRandom(`dice ${seed}`);
  const fraction = () => {
    const [a = 0, b = 0, c = 0] = random.bytes(3);
    return (a * 65_536 + b * 256 + c) / 16_777_216;
  };
  const int = (below: number) => Math.floor(fraction() * below);
  return {
    int,
    chance: (probability) => fraction() < probability,
    pick(list) {
      const chosen = list[int(list.length)];
      if (chosen === undefined) throw new Error("picked from an empty list");
      return chosen;
    },
  };
}
