import * as fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { BlobId, blobTicket, LIMITS, padBlobSize } from "./index.ts";

const takes = (size: unknown) => v.safeParse(blobTicket.request, { size }).success;

test("[BLOB-SIZE-1] a padded size holds what it pads, adds at most 12 %, and is its own padding", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1024, max: LIMITS.blobCeiling }), (length) => {
      const size = padBlobSize(length);
      expect(size).toBeGreaterThanOrEqual(length);
      expect(size).toBeLessThanOrEqual(length * 1.12 + 1);
      expect(padBlobSize(size)).toBe(size);
      expect(padBlobSize(length - 1)).toBeLessThanOrEqual(size);
      expect(takes(size)).toBe(true);
      expect(takes(length)).toBe(size === length);
    }),
    { numRuns: 5000 },
  );
  expect([0, 1, 1024, 1025, 9 * 1024 + 1, LIMITS.blob, LIMITS.blob + 1].map(padBlobSize)).toEqual([
    1024,
    1024,
    1024,
    1088,
    9728,
    LIMITS.blob,
    LIMITS.blob + 2 ** 21,
  ]);
});

test("[BLOB-SIZE-2] up to the default limit a size is one of fewer than five hundred", () => {
  const sizes = new Set<number>();
  for (let size = padBlobSize(0); size <= LIMITS.blob; size = padBlobSize(size + 1)) sizes.add(size);
  expect(sizes.size).toBeLessThan(500);
});

test("a ticket is for a padded size only", () => {
  for (const size of [0, -1024, 1023, 1025, 1024.5, Number.NaN, Infinity, 2 ** 53, "1024", null, undefined]) {
    expect(takes(size), String(size)).toBe(false);
  }
  expect(takes(2 * LIMITS.blobCeiling)).toBe(false);
});

test("a blob's id has one spelling", () => {
  const id = "0f".repeat(32);
  expect(v.safeParse(BlobId, id).success).toBe(true);
  for (const bad of [id.toUpperCase(), `${id}00`, id.slice(2), `${id}\n`, ""]) {
    expect(v.safeParse(BlobId, bad).success).toBe(false);
  }
});
