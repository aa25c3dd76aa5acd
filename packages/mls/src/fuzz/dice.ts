import { seededRandom } from "../testing/seeded-random.ts";

/** Choices that are the same for the same seed. */
export interface Dice {
  /** An integer from 0 up to, but without, `count`. */
  below(count: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in `count` times. */
  oneIn(count: number): boolean;
  bytes(length: number): Uint8Array;
}

export function diceOf(seed: string): Dice {
  const source = seededRandom(seed);
  let block = source.bytes(256);
  let at = 0;
  const below = (count: number): number => {
    if (at + 4 > block.length) {
      block = source.bytes(1024);
      at = 0;
    }
    const value = new DataView(block.buffer, block.byteOffset + at, 4).getUint32(0);
    at += 4;
    return value % count;
  };
  return {
    below,
    pick<T>(list: readonly T[]): T {
      const chosen = list[below(list.length)];
      if (chosen === undefined) throw new RangeError("nothing to pick from");
      return chosen;
    },
    oneIn: (count) => below(count) === 0,
    bytes: (length) => source.bytes(length),
  };
}
