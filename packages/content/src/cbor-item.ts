import { Tokenizer, Type } from "cborg";
import { ContentError } from "./content-error.ts";
import { fromUtf8 } from "./utf8.ts";

/** One CBOR data item. `start` and `end` are its place in the input, heads included. */
export type Item = { start: number; end: number } & (
  | { kind: "int"; value: number | bigint }
  | { kind: "bytes"; value: Uint8Array }
  | { kind: "text"; value: string }
  | { kind: "array"; items: Item[] }
  | { kind: "map"; entries: [key: Item, value: Item][] }
  | { kind: "tag"; tag: number | bigint; item: Item }
  | { kind: "simple"; value: boolean | null | undefined }
  | { kind: "float"; value: number }
);

/**
 * The one item that `bytes` are, if they are in the deterministic encoding that the draft asks for ("CBOR Data Model
 * and Encoding Restrictions"; RFC 8949 §4.2.1). Depth counts arrays, maps and tags; deeper input is refused before it
 * is followed. Throws ContentError.
 */
export function readItem(bytes: Uint8Array, maxDepth: number): Item {
  const tokens = new Tokenizer(bytes, OPTIONS);
  const item = next({ bytes, tokens }, maxDepth);
  if (!tokens.done()) throw new ContentError("CBOR_MALFORMED", "bytes are left over");
  return item;
}

const OPTIONS = { strict: true, allowIndefinite: false, allowBigInt: true, retainStringBytes: true };

interface Input {
  bytes: Uint8Array;
  tokens: Tokenizer;
}

function next(input: Input, depth: number): Item {
  const start = input.tokens.pos();
  const token = nextToken(input);
  const value: unknown = token.value;
  const content = contentOf(input, depth, token.type, value, start);
  return { start, end: input.tokens.pos(), ...content };
}

type Content = Item extends infer T ? (T extends Item ? Omit<T, "start" | "end"> : never) : never;

function contentOf(input: Input, depth: number, type: Type, value: unknown, start: number): Content {
  if (type === Type.uint || type === Type.negint) return { kind: "int", value: integer(value) };
  if (type === Type.bytes) return { kind: "bytes", value: bytesOf(value) };
  if (type === Type.string) return { kind: "text", value: textOf(input, start) };
  if (type === Type.float) return { kind: "float", value: shortestFloat(value, input, start) };
  if (type === Type.true || type === Type.false) return { kind: "simple", value: type === Type.true };
  if (type === Type.null) return { kind: "simple", value: null };
  if (type === Type.undefined) return { kind: "simple", value: undefined };
  if (depth === 0) throw new ContentError("NESTED_TOO_DEEP", "arrays, maps or tags nested too deeply");
  if (type === Type.array)
    return { kind: "array", items: many(integer(value), () => next(input, depth - 1)) };
  if (type === Type.map) return { kind: "map", entries: readEntries(input, integer(value), depth - 1) };
  if (type === Type.tag) return { kind: "tag", tag: integer(value), item: next(input, depth - 1) };
  throw new ContentError("CBOR_MALFORMED", `a ${type.name} where an item belongs`);
}

// The count comes from the input: nothing is allocated for what the input doesn't hold.
function many<T>(count: number | bigint, one: () => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(one());
  return items;
}

function readEntries(input: Input, count: number | bigint, depth: number): [Item, Item][] {
  let previous: Item | undefined;
  return many(count, () => {
    const key = next(input, depth);
    checkKey(key);
    // Sorted strictly, so no key stands twice either (RFC 8949 §4.2.1, third bullet).
    if (previous !== undefined && compareBytes(encodingOf(input, previous), encodingOf(input, key)) >= 0) {
      throw new ContentError("CBOR_NOT_DETERMINISTIC", "map keys out of order");
    }
    previous = key;
    return [key, next(input, depth)];
  });
}

function checkKey(key: Item): void {
  if (key.kind === "int" ? !Number.isSafeInteger(key.value) : key.kind !== "text" && key.kind !== "bytes") {
    throw new ContentError("CBOR_VALUE", "a map key that is no safe integer, text or byte string");
  }
}

function encodingOf(input: Input, item: Item): Uint8Array {
  return input.bytes.subarray(item.start, item.end);
}

/** Bytewise; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function nextToken(input: Input) {
  if (input.tokens.done()) throw new ContentError("CBOR_MALFORMED", "the bytes end within an item");
  try {
    return input.tokens.next();
  } catch (cause) {
    throw new ContentError("CBOR_MALFORMED", "not a CBOR item in its shortest form", { cause });
  }
}

function integer(value: unknown): number | bigint {
  if (typeof value === "number" || typeof value === "bigint") return value;
  throw new ContentError("CBOR_MALFORMED", "no integer");
}

// A copy, so that what is kept doesn't hold on to the whole input.
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  throw new ContentError("CBOR_MALFORMED", "no bytes");
}

// cborg replaces what isn't UTF-8; here it is refused. The head of a text is as long as its length is large.
function textOf(input: Input, start: number): string {
  const end = input.tokens.pos();
  const head = [1, 2, 3, 5, 9][Math.max(0, ((input.bytes[start] ?? 0) & 0x1f) - 23)] ?? 1;
  const text = fromUtf8(input.bytes.subarray(start + head, end));
  if (text === undefined) throw new ContentError("TEXT_NOT_UTF8", "a text string that isn't UTF-8");
  return text;
}

function shortestFloat(value: unknown, input: Input, start: number): number {
  if (typeof value !== "number") throw new ContentError("CBOR_MALFORMED", "no number");
  const shortest = isHalf(value) ? 3 : Object.is(Math.fround(value), value) ? 5 : 9;
  // The one NaN that the draft permits is F97E00.
  const [, high, low] = input.bytes.subarray(start, start + 3);
  if (input.tokens.pos() - start !== shortest || (Number.isNaN(value) && (high !== 0x7e || low !== 0))) {
    throw new ContentError("CBOR_NOT_DETERMINISTIC", "a float that a shorter one could say, or an odd NaN");
  }
  return value;
}

/** Whether an IEEE 754 binary16 holds the value exactly: 11 significant bits, the smallest step 2^-24. */
function isHalf(value: number): boolean {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) return true;
  if (size > 65_504) return false;
  const step = size < 2 ** -14 ? 2 ** -24 : 2 ** (Math.floor(Math.log2(size)) - 10);
  return Number.isInteger(size / step);
}
