import { bytesToHex } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { decodeContent, encodeContent, messageId } from "./index.ts";
import { examples } from "./testing/vectors.ts";

const all = examples();

// Not a message: the values that a client derives beside one.
const DERIVED = "implied-original";

describe.skipIf(all === undefined)("published examples of draft-ietf-mimi-content", () => {
  const messages = (all ?? []).filter(({ name }) => name !== DERIVED);

  test("the named ones are all there", () => {
    const names = messages.map(({ name }) => name);
    for (const name of ["original", "reply", "reaction", "edit", "delete"]) expect(names).toContain(name);
  });

  test.each(messages)("[CONTENT-1] $name decodes and goes back out byte for byte", ({ bytes }) => {
    expect(encodeContent(decodeContent(bytes))).toEqual(bytes);
  });

  test.each(messages)("[CONTENT-2] $name has the message id that the draft states", (example) => {
    const { salt, extensions } = decodeContent(example.bytes);
    const { senderUri = "", roomUri = "" } = extensions;
    const id = messageId({ senderUri, roomUri, message: example.bytes, salt });
    expect(bytesToHex(id)).toBe(example.messageId);
  });

  test("the derived values of the original are no message", () => {
    const derived = (all ?? []).find(({ name }) => name === DERIVED);
    expect(() => decodeContent(derived?.bytes ?? new Uint8Array())).toThrowError(
      expect.objectContaining({ code: "STRUCTURE" }),
    );
  });
});
