import { DER } from "@noble/curves/abstract/der.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import { changeOpaque } from "./change-opaque.ts";
import type { Dice } from "./dice.ts";

/** A value of DER: of other values, or of bytes. */
interface Value {
  readonly tag: number;
  readonly content: readonly Value[] | Uint8Array;
}

const CONSTRUCTED = 0x20;

/** DER in which one to three values are changed, with lengths that fit again. What isn't DER is changed blindly. */
export function mutateDer(bytes: Uint8Array, dice: Dice): Uint8Array {
  let values = valuesIn(bytes);
  if (values === undefined) return changeOpaque(bytes, dice);
  for (let n = dice.below(3); n >= 0; n--) values = changeOne(values, dice);
  return concatBytes(...values.map(encodeValue));
}

/** One of the values changed, or one of those in it. */
function changeOne(values: readonly Value[], dice: Dice): readonly Value[] {
  const at = dice.below(values.length);
  const chosen = values[at];
  if (chosen === undefined) return [{ tag: dice.below(256), content: dice.bytes(dice.below(4)) }];
  const { tag, content } = chosen;
  const replaceBy = (...by: Value[]): readonly Value[] => values.toSpliced(at, 1, ...by);
  if (!(content instanceof Uint8Array) && !dice.oneIn(4)) {
    return replaceBy({ tag, content: changeOne(content, dice) });
  }
  switch (dice.below(6)) {
    case 0:
      return replaceBy();
    case 1:
      return replaceBy(chosen, chosen);
    case 2: // of another type
      return replaceBy({
        tag: dice.pick([dice.below(256), tag ^ CONSTRUCTED, tag ^ (1 << dice.below(8))]),
        content,
      });
    case 3: // where another stands
      return replaceBy(values[dice.below(values.length)] ?? chosen);
    case 4: // within another
      return replaceBy({ tag: 0x30, content: [chosen] });
    default:
      return replaceBy({ tag, content: content instanceof Uint8Array ? changeOpaque(content, dice) : [] });
  }
}

function valuesIn(bytes: Uint8Array): readonly Value[] | undefined {
  const values: Value[] = [];
  try {
    for (let left = bytes; left.length > 0;) {
      const [tag = 0] = left;
      const { v, l } = DER._tlv.decode(tag, left);
      values.push({ tag, content: ((tag & CONSTRUCTED) !== 0 && valuesIn(v)) || v });
      left = l;
    }
  } catch {
    return undefined;
  }
  return values;
}

function encodeValue({ tag, content }: Value): Uint8Array {
  const bytes = content instanceof Uint8Array ? content : concatBytes(...content.map(encodeValue));
  return hexToBytes(DER._tlv.encode(tag, bytesToHex(bytes)));
}
