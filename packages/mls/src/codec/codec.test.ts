import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MlsError, type MlsErrorCode } from "../errors.ts";
import {
  type Codec,
  decode,
  encode,
  enumeration,
  fixed,
  opaque,
  optional,
  select,
  struct,
  u16,
  u32,
  u64,
  u8,
  vector,
} from "./codec.ts";
import { Reader } from "./reader.ts";
import { MAX_VECTOR_LENGTH, Writer } from "./writer.ts";

type Shape = { readonly kind: "point" } | { readonly kind: "line"; readonly length: number };
interface Everything {
  readonly small: number;
  readonly large: bigint;
  readonly id: Uint8Array;
  readonly name: Uint8Array;
  readonly numbers: readonly number[];
  readonly maybe: number | undefined;
  readonly colour: "red" | "blue";
  readonly shapes: readonly Shape[];
}

const everything = struct<Everything>({
  small: u16,
  large: u64,
  id: fixed(4),
  name: opaque,
  numbers: vector(u32),
  maybe: optional(u8),
  colour: enumeration(u8, { red: 1, blue: 2 }),
  shapes: vector(select<Shape>(u8, { point: [1, struct({})], line: [2, struct({ length: u16 })] })),
});

const everythings: fc.Arbitrary<Everything> = fc.record({
  small: fc.nat(0xffff),
  large: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  name: fc.uint8Array({ maxLength: 300 }),
  numbers: fc.array(fc.nat(0xffff_ffff), { maxLength: 40 }),
  maybe: fc.option(fc.nat(0xff), { nil: undefined }),
  colour: fc.constantFrom("red" as const, "blue" as const),
  shapes: fc.array(
    fc.oneof(
      fc.constant<Shape>({ kind: "point" }),
      fc.record({ kind: fc.constant("line" as const), length: fc.nat(0xffff) }),
    ),
    { maxLength: 20 },
  ),
});

describe("the codec", () => {
  test("what is written is read back", () => {
    fc.assert(
      fc.property(everythings, (value) => {
        const bytes = encode(everything, value);
        expect(decode(everything, bytes)).toEqual(value);
      }),
    );
  });

  test("[CODEC-1] bytes that decode are the only spelling of their value", () => {
    fc.assert(
      fc.property(everythings, fc.nat(), fc.nat(255), (value, position, byte) => {
        const bytes = encode(everything, value);
        bytes[position % bytes.length] = byte;
        const read = attempt(everything, bytes);
        if (read !== undefined) expect(encode(everything, read)).toEqual(bytes);
      }),
    );
  });

  test("[CODEC-2] a truncated structure is refused at every length", () => {
    fc.assert(
      fc.property(everythings, (value) => {
        const bytes = encode(everything, value);
        for (let length = 0; length < bytes.length; length++) {
          expect(attempt(everything, bytes.subarray(0, length))).toBeUndefined();
        }
      }),
      { numRuns: 20 },
    );
  });

  test("a vector length round-trips in its shortest form, 1, 2 or 4 bytes long", () => {
    const lengths = fc.oneof(
      fc.nat(MAX_VECTOR_LENGTH),
      fc.nat(0x80),
      fc.constantFrom(63, 64, 16383, 16384, MAX_VECTOR_LENGTH),
    );
    fc.assert(
      fc.property(lengths, (length) => {
        const writer = new Writer();
        writer.varint(length);
        const bytes = writer.finish();
        expect(bytes.length).toBe(length < 64 ? 1 : length < 16384 ? 2 : 4);
        expect(new Reader(bytes).varint()).toBe(length);
      }),
    );
  });

  test.each<[string, number[], MlsErrorCode]>([
    ["a length that is not in its shortest form", [0x40, 0x3f], "DECODE_VARINT"],
    ["a length of four bytes that fits two", [0x80, 0x00, 0x3f, 0xff], "DECODE_VARINT"],
    ["a length with prefix 11", [0xc0, 0, 0, 0, 0, 0, 0, 0], "DECODE_VARINT"],
    ["a length larger than what is left", [0xbf, 0xff, 0xff, 0xff, 1], "DECODE_TRUNCATED"],
    ["bytes after the structure", [0x01, 0x07, 0x00], "DECODE_TRAILING"],
    ["nothing at all", [], "DECODE_TRUNCATED"],
  ])("refuses %s", (_what, bytes, code) => {
    expect(errorOf(() => decode(opaque, Uint8Array.from(bytes)))).toBe(code);
  });

  test("refuses a presence octet other than 0 or 1 (§2.1.1)", () => {
    expect(errorOf(() => decode(optional(u8), Uint8Array.of(2, 0)))).toBe("DECODE_VALUE");
  });

  test("refuses an enum number or a select tag without meaning", () => {
    expect(errorOf(() => decode(enumeration(u8, { red: 1 }), Uint8Array.of(2)))).toBe("DECODE_VALUE");
    expect(errorOf(() => decode(select<Shape>(u8, shapeCases), Uint8Array.of(3)))).toBe("DECODE_VALUE");
  });

  test("an element may not reach past the end of its vector", () => {
    // The vector says 3 bytes, which is one u16 and a half, though a fourth byte follows.
    expect(errorOf(() => decode(vector(u16), Uint8Array.of(3, 0, 1, 0, 2)))).toBe("DECODE_TRUNCATED");
  });

  test("a vector of elements without bytes is refused instead of repeating for ever", () => {
    expect(errorOf(() => decode(vector(struct({})), Uint8Array.of(1, 0)))).toBe("DECODE_VALUE");
  });

  test("values that a field cannot hold are not written", () => {
    for (const value of [-1, 256, 1.5, Number.NaN])
      expect(errorOf(() => encode(u8, value))).toBe("ENCODE_RANGE");
    expect(errorOf(() => encode(u16, 2 ** 16))).toBe("ENCODE_RANGE");
    expect(errorOf(() => encode(u32, 2 ** 32))).toBe("ENCODE_RANGE");
    expect(encode(u32, 2 ** 32 - 1)).toEqual(new Uint8Array(4).fill(0xff));
    expect(errorOf(() => encode(u64, 1n << 64n))).toBe("ENCODE_RANGE");
    expect(errorOf(() => encode(u64, -1n))).toBe("ENCODE_RANGE");
    expect(errorOf(() => encode(fixed(2), new Uint8Array(3)))).toBe("ENCODE_RANGE");
  });

  test("what is lent is what was written, is wiped once it is given back, and nobody else's meanwhile", () => {
    const writer = new Writer();
    writer.raw(Uint8Array.of(1, 2, 3));
    writer.padTo(5);
    const lent = writer.lend();
    expect(encode(opaque, new Uint8Array(9).fill(7)).length).toBe(10);
    expect(lent).toEqual(Uint8Array.of(1, 2, 3, 0, 0));
    writer.giveBack();
    expect(lent).toEqual(new Uint8Array(5));
    writer.giveBack(); // a second time it has nothing to give
    expect(encode(opaque, new Uint8Array(300).fill(7)).length).toBe(302);
  });

  test("what is read does not change when the input's memory is reused", () => {
    const bytes = encode(opaque, Uint8Array.of(1, 2, 3));
    const read = decode(opaque, bytes);
    bytes.fill(0xff);
    expect(read).toEqual(Uint8Array.of(1, 2, 3));
  });
});

const shapeCases = { point: [1, struct({})], line: [2, struct({ length: u16 })] } as const;

function attempt<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(codec, bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(MlsError);
    return undefined;
  }
}

function errorOf(action: () => unknown): MlsErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
  return undefined;
}
