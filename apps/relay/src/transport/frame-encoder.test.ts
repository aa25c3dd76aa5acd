import * as fc from "fast-check";
import { Decoder } from "socket.io-msgpack-parser";
import { describe, expect, it } from "vitest";
import { frameParser, isPlausible } from "./frame-parser.ts";

function encodeFrame(packet: unknown): Buffer {
  const [frame, ...more] = new frameParser.Encoder().encode(packet);
  if (frame === undefined || more.length > 0) throw new Error("not one frame");
  return frame;
}

/** As a client of Socket.IO takes it. */
function decode(data: unknown): unknown {
  const decoder = new Decoder();
  let decoded: unknown;
  decoder.on("decoded", (packet: { data: unknown[] }) => {
    decoded = packet.data[0];
  });
  const frame = encodeFrame({ type: 2, nsp: "/ds", id: undefined, data: [data] });
  expect(isPlausible(frame)).toBe(true);
  decoder.add(frame);
  return decoded;
}

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.string({ minLength: 66_000, maxLength: 70_000 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ minLength: 65_000, maxLength: 140_000 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie("value"), { maxLength: 40 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 40, noNullPrototype: true }),
  ),
})).value;

describe("what goes out", () => {
  it("[RELAY-FRAME-4] is taken by Socket.IO's clients as it was", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(value)).toEqual(value);
      }),
      { numRuns: 100 },
    );
    const long = Array.from({ length: 70_000 }, (_, index) => index);
    const wide = Object.fromEntries(long.map((index) => [`${index}`, 2 ** 53 - 1 - index]));
    expect(decode(long)).toEqual(long);
    expect(decode(wide)).toEqual(wide);
  });

  it("[RELAY-FRAME-4] has a Uint8Array as bytes, those that it shows of its memory; what is undefined is left out", () => {
    const bytes = new Uint8Array(64).fill(7).subarray(3, 36);
    expect(decode({ bytes, nothing: undefined })).toEqual({ bytes: Buffer.from(bytes) });
    expect(decode({ nothing: undefined })).toEqual({});
  });

  it("isn't changed by what goes out after it", () => {
    const first = encodeFrame(["first"]);
    const before = Buffer.from(first);
    encodeFrame(["other", new Uint8Array(100_000)]);
    encodeFrame(["third"]);
    expect(first.equals(before)).toBe(true);
  });

  it("is no function", () => {
    expect(() => encodeFrame({ call: () => undefined })).toThrow("Unrecognized object");
  });
});
