import { concatBytes } from "@noble/hashes/utils.js";
import { type Codec, encode } from "../codec/codec.ts";
import { changeOpaque } from "./change-opaque.ts";
import type { Dice } from "./dice.ts";
import { mutateDer } from "./mutate-der.ts";

/** One to three changes to bytes that know nothing of their structure. `others` are messages to splice in. */
export function mutateBytes(sample: Uint8Array, others: readonly Uint8Array[], dice: Dice): Uint8Array {
  let bytes: Uint8Array = sample.slice();
  for (let n = dice.below(3); n >= 0; n--) bytes = changeBytes(bytes, others, dice);
  return bytes;
}

const TELLING = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xff];

function changeBytes(bytes: Uint8Array, others: readonly Uint8Array[], dice: Dice): Uint8Array {
  const at = dice.below(bytes.length + 1);
  switch (dice.below(6)) {
    case 0: // a bit
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << dice.below(8)) : byte));
    case 1: // a byte with which lengths and enums change their meaning
      return bytes.map((byte, i) => (i === at ? dice.pick(TELLING) : byte));
    case 2: // cut
      return bytes.slice(0, at);
    case 3: // insert
      return concatBytes(bytes.subarray(0, at), dice.bytes(1), bytes.subarray(at));
    case 4: // remove
      return concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1 + dice.below(4)));
    default: {
      // splice
      const other = dice.pick(others);
      const from = dice.below(other.length + 1);
      return concatBytes(bytes.subarray(0, at), other.subarray(from, from + dice.below(64)));
    }
  }
}

/** A field somewhere inside a decoded value. */
interface Site {
  readonly path: readonly (string | number)[];
  readonly name: string;
  readonly value: unknown;
}

/**
 * A decoded value with one to three of its fields changed: numbers to their limits, bits of keys flipped, entries
 * dropped, doubled and swapped, and parts replaced by those of the same name in `donors`.
 */
export function mutateValue<T>(value: T, donors: readonly unknown[], dice: Dice): T {
  let changed: unknown = value;
  for (let n = dice.below(3); n >= 0; n--) {
    const sites = sitesIn(changed);
    if (sites.length === 0) break;
    const site = dice.pick(sites);
    changed = replaceAt(changed, site.path, changeValue(site, donors, dice));
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its shape is the same, or it won't be encoded
  return changed as T;
}

/** The bytes of a mutated value; undefined where no bytes can say it. */
export function encodeMutant<T>(codec: Codec<T>, value: T): Uint8Array | undefined {
  try {
    return encode(codec, value);
  } catch {
    return undefined; // a graft that doesn't fit its place: nobody could send it
  }
}

function changeValue({ name, value }: Site, donors: readonly unknown[], dice: Dice): unknown {
  if (dice.oneIn(4)) {
    const alike = donors.flatMap(sitesIn).filter((site) => site.name === name);
    if (alike.length > 0) return dice.pick(alike).value;
  }
  if (typeof value === "number") {
    return dice.pick([
      0,
      1,
      value + 1,
      Math.max(0, value - 1),
      0xff,
      0xffff,
      0xffff_ffff,
      dice.below(2 ** 16),
    ]);
  }
  if (typeof value === "bigint") {
    return dice.pick([0n, 1n, value + 1n, value === 0n ? 0n : value - 1n, 2n ** 64n - 1n]);
  }
  if (value instanceof Uint8Array) {
    return name === "certificates[]" && dice.oneIn(2) ? mutateDer(value, dice) : changeOpaque(value, dice);
  }
  if (Array.isArray(value)) return changeList(value, dice);
  return value;
}

function changeList(list: readonly unknown[], dice: Dice): unknown[] {
  const at = dice.below(list.length + 1);
  const other = dice.below(list.length + 1);
  switch (dice.below(6)) {
    case 0:
      return [];
    case 1: // drop one
      return list.filter((_, i) => i !== at);
    case 2: // one twice
      return [...list.slice(0, at), ...list.slice(at, at + 1), ...list.slice(at)];
    case 3: // two change places
      return list.map((entry, i) =>
        i === at ? (list[other] ?? entry) : i === other ? (list[at] ?? entry) : entry,
      );
    case 4:
      return list.toReversed();
    default: // one many times
      return [
        ...list,
        ...Array.from({ length: dice.below(200) }, () => list[at]).filter((x) => x !== undefined),
      ];
  }
}

function sitesIn(value: unknown): Site[] {
  const sites: Site[] = [];
  const walk = (inner: unknown, path: (string | number)[], name: string): void => {
    if (path.length > 0) sites.push({ path, name, value: inner });
    if (inner instanceof Uint8Array || typeof inner !== "object" || inner === null) return;
    if (Array.isArray(inner)) {
      inner.slice(0, 50).forEach((entry, i) => walk(entry, [...path, i], `${name}[]`));
      return;
    }
    // The kind of a union goes with its fields: it changes only as a whole.
    for (const [key, entry] of Object.entries(inner)) if (key !== "kind") walk(entry, [...path, key], key);
  };
  walk(value, [], "");
  return sites;
}

function replaceAt(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((entry: unknown, i) => (i === key ? replaceAt(entry, rest, by) : entry));
  if (typeof value !== "object" || value === null) return value;
  return { ...value, [key]: replaceAt(Reflect.get(value, key), rest, by) };
}
