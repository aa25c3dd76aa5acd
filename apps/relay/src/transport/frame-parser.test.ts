import * as fc from "fast-check";
import { Encoder } from "socket.io-msgpack-parser";
import { describe, expect, it } from "vitest";
import { isPlausible } from "./frame-parser.ts";

function encode(value: unknown): Uint8Array {
  const [frame] = [new Encoder().encode(value)].flat();
  if (!(frame instanceof Uint8Array)) throw new Error("not a frame");
  return frame;
}

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(null, true, false, undefined),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 70_000 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 70_000 }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("value"), { maxLength: 40 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 40 }),
  ),
})).value;

describe("[RELAY-FRAME-2] the look at a frame", () => {
  it("lets through whatever Socket.IO's clients encode, and not a byte more or less", () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const frame = encode(value);
        expect(isPlausible(frame)).toBe(true);
        expect(isPlausible(frame.subarray(0, cut % frame.length))).toBe(false);
        expect(isPlausible(Buffer.concat([frame, Uint8Array.of(0xc0)]))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("lets through the largest commit", () => {
    const to = { userId: "a".repeat(32), deviceId: "b".repeat(32), keyPackageRef: Buffer.alloc(32) };
    const receivers = Array.from({ length: 10_000 }, () => to);
    const seats = Array.from({ length: 10_000 }, () => "c".repeat(32));
    const welcomes = [{ bytes: Buffer.alloc(1_000_000), to: receivers }];
    const request = { bytes: Buffer.alloc(1_000_000), seatsAdded: seats, seatsRemoved: seats, welcomes };
    expect(isPlausible(encode({ type: 2, nsp: "/ds", id: 1, data: ["group.commit", request] }))).toBe(true);
  });

  it.each([
    ["an ArrayBuffer of 4 GiB in six bytes", Uint8Array.of(0xc9, 0xff, 0xff, 0xff, 0xff, 0)],
    ["an array of 4 billion values", Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["a map of 4 billion values", Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff, 1)],
    ["a text of 4 GiB", Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ["bytes of 4 GiB", Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ["a length that is cut off", Uint8Array.of(0xdd, 0xff)],
    ["values in values in values", new Uint8Array(5000).fill(0x91)],
    [
      "millions of empty values",
      Buffer.concat([Uint8Array.of(0xdd, 0, 0x3d, 9, 0), Buffer.alloc(4_000_000, 0x90)]),
    ],
    [
      "millions of empty values in small arrays",
      Buffer.concat([Uint8Array.of(0xdd, 0, 3, 0, 0), Buffer.alloc(4_000_000, 0x9f)]),
    ],
    ["a type that msgpack never uses", Uint8Array.of(0xc1)],
    ["an extension that is cut off", Uint8Array.of(0xd6, 0xff, 0, 0, 0)],
    ["nothing", new Uint8Array(0)],
  ])("refuses %s", (_, frame) => {
    expect(isPlausible(frame)).toBe(false);
  });
});
