/**
 * A repeatable source: the same seed gives the same bytes and choices (sfc32 of PractRand; not for keys of anybody real).
 * Its 128 bits of state keep many of them apart that draw for hours: with 32 bits two came upon the same place, and one
 * person's random ids were another's.
 */
export function seededRandom(seed: number) {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, 0x7415_1ce7, 1];
  const next = (): number => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  };
  for (let round = 0; round < 16; round++) next();
  const below = (limit: number): number => next() % limit;
  return {
    bytes: (length: number) => Uint8Array.from({ length }, () => next() >>> 24),
    below,
    pick<T>(items: readonly [T, ...T[]]): T {
      return items[below(items.length)] ?? items[0];
    },
  };
}

export type SeededRandom = ReturnType<typeof seededRandom>;
