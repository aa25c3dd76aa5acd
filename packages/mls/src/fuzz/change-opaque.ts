import { concatBytes } from "@noble/hashes/utils.js";
import type { Dice } from "./dice.ts";

/** Bytes of no known structure, with one change: emptied, zeroed, cut, lengthened or a bit of them flipped. */
export function changeOpaque(value: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(value.length + 1);
  switch (dice.below(6)) {
    case 0:
      return new Uint8Array();
    case 1:
      return new Uint8Array(value.length);
    case 2:
      return value.slice(0, at);
    case 3:
      return concatBytes(value, dice.bytes(1 + dice.below(40)));
    default:
      return value.map((byte, i) => (i === at ? byte ^ (1 << dice.below(8)) : byte));
  }
}
