/** Longer byte strings are outside the script's heap from the start. */
const SHORT = 64;

/** The same bytes in a room of their own, good until the call to the platform returns. */
type Hold = (input: Uint8Array) => Uint8Array;

/** Rooms for the inputs of one call to the platform; see `withShortInputs`. */
export interface ShortInputs {
  readonly data: Hold;
  readonly nonce: Hold;
  readonly aad: Hold;
  /** Wipes them: they may be secret. */
  readonly clear: () => void;
}

export function shortInputs(): ShortInputs {
  const rooms = new Uint8Array(new ArrayBuffer(3 * SHORT));
  const roomAt = (start: number): Hold => {
    const views = Array.from({ length: SHORT + 1 }, (_, length) => rooms.subarray(start, start + length));
    return (input) => {
      const view = views[input.length];
      view?.set(input);
      return view ?? input;
    };
  };
  return { data: roomAt(0), nonce: roomAt(SHORT), aad: roomAt(2 * SHORT), clear: () => rooms.fill(0) };
}
