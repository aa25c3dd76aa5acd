/** A repeatable source: the same seed gives the same bytes and choices (xorshift32; not for keys of anybody real). */
export function seededRandom(seed: number) {
  let state = (seed * 2654435761 + 88172645) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
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
