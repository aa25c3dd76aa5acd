/** Longer byte strings are outside the script's heap from the start. */
const SHORT = 64;

/** Room for one input of a call to the platform; see `withShortInputs`. */
export interface ShortInput {
  /** The same bytes, good until the call returns. */
  hold(input: Uint8Array): Uint8Array;
  /** Wipes them: they may be secret. */
  clear(): void;
}

export function shortInput(): ShortInput {
  const room = new Uint8Array(new ArrayBuffer(SHORT));
  const views: Uint8Array[] = [];
  let used = 0;
  return {
    hold(input) {
      used = input.length <= SHORT ? input.length : 0;
      if (used === 0) return input;
      const view = (views[used] ??= room.subarray(0, used));
      view.set(input);
      return view;
    },
    clear() {
      if (used > 0) room.fill(0, 0, used);
    },
  };
}
