import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import * as protocol from "./index.ts";

/** The hash that belongs to each wire version. A changed schema needs a new version and a new line here. */
const KNOWN: Record<number, string> = {
  1: "5223aa3f2cb4e6af",
  2: "0d11f8743602cc23",
};

test("[WIRE-1] a change of any schema needs a new wire version", () => {
  const shape = describeSchema({
    requests: protocol.requests,
    events: protocol.deliveryEvents,
    hello: protocol.Hello,
    entry: protocol.Entry,
    blobs: [protocol.BLOBS_PATH, protocol.BLOB_HEADERS, protocol.BLOB_ERROR_STATUS, protocol.BlobErrorBody],
  });
  const hash = createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, 16);
  expect(KNOWN[protocol.WIRE_VERSION]).toBe(hash);
});

test("the described shape sees a changed limit", () => {
  const shape = (max: number) => JSON.stringify(describeSchema(protocol.bytes(max)));
  expect(shape(1)).not.toBe(shape(2));
});

/** Plain data of a valibot schema: what decides which values it takes. */
function describeSchema(value: unknown): unknown {
  if (value instanceof RegExp) return value.source;
  if (typeof value === "function") return value.name;
  if (Array.isArray(value)) return value.map(describeSchema);
  if (typeof value !== "object" || value === null) return value;
  const skipped = new Set(["reference", "~standard", "~run", "async", "expects", "message"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !skipped.has(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, describeSchema(inner)]),
  );
}
