import { expect } from "vitest";
import { describeVectors, hex } from "../testing/vectors.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

describeVectors<{ vlbytes_header: string; length: number }>("deserialization", (vector) => {
  const reader = new Reader(hex(vector.vlbytes_header));
  expect(reader.varint()).toBe(vector.length);
  reader.finish();
  const writer = new Writer();
  writer.varint(vector.length);
  expect(writer.finish()).toEqual(hex(vector.vlbytes_header));
});
