import { Tagged, encode, rfc8949EncodeOptions } from "cborg";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ContentError,
  type ContentErrorCode,
  type MimiContent,
  type NestedPart,
  decodeContent,
  encodeContent,
  messageId,
  plainText,
  roomUri,
  senderUri,
  textMessage,
  unreadableType,
} from "./index.ts";
import { examples } from "./testing/vectors.ts";
import { toUtf8 } from "./utf8.ts";

const salt = Uint8Array.from({ length: 16 }, (_, index) => index);
const id = Uint8Array.of(1, ...new Uint8Array(31));
const none = new Uint8Array();
const textPart = [1, "", 1, "text/plain;charset=utf-8", toUtf8("hello")];
const externalPart = [
  6,
  "",
  2,
  "image/png",
  "https://a.example/1",
  0,
  5,
  1,
  none,
  none,
  none,
  1,
  none,
  "",
  "a.png",
];

/** The seven fields of a good message, some of them replaced, as plain CBOR. */
function cbor(changes: { [index: number]: unknown } = {}): Uint8Array {
  const fields: unknown[] = [salt, null, none, null, null, new Map(), textPart];
  for (const [index, value] of Object.entries(changes)) fields[Number(index)] = value;
  return encode(fields, rfc8949EncodeOptions);
}

function codeOf(run: () => unknown): ContentErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ContentError) return error.code;
    throw error;
  }
}
const refusal = (bytes: Uint8Array) => codeOf(() => decodeContent(bytes));

const multi = (parts: unknown[], semantics = 2) => [1, "", 3, semantics, parts];
/** A part with `levels` levels of parts in it, itself included. */
const nested = (levels: number): unknown =>
  levels === 1 ? textPart : multi([nested(levels - 1), nested(levels - 1)]);
const arrays = (levels: number): unknown => (levels === 0 ? 1 : [arrays(levels - 1)]);

test("the message that the rules below are tried on is good", () => {
  expect(refusal(cbor())).toBeUndefined();
  expect(refusal(cbor({ 6: externalPart }))).toBeUndefined();
  expect(refusal(cbor({ 6: nested(4), 5: new Map([[256, arrays(3)]]) }))).toBeUndefined();
});

const wrong: [string, { [index: number]: unknown }][] = [
  ["a salt of 15 bytes", { 0: salt.subarray(1) }],
  ["a salt of text", { 0: "0123456789abcdef" }],
  ["a replaced id of 31 bytes", { 1: id.subarray(1) }],
  ["a replaced id that is false rather than null", { 1: false }],
  ["a topic of text", { 2: "" }],
  ["an expiration without a time", { 3: [true] }],
  ["an expiration with a third item", { 3: [true, 1, 1] }],
  ["an expiration with a number for relative", { 3: [1, 1] }],
  ["an expiration above 32 bits", { 3: [true, 2 ** 32] }],
  ["a negative expiration", { 3: [true, -1] }],
  ["an expiration with a fraction", { 3: [true, 1.5] }],
  ["an answered id that is undefined rather than null", { 4: undefined }],
  ["extensions in an array", { 5: [] }],
  ["a sender URI that is no text", { 5: new Map([[1, 5]]) }],
  ["a room URI that is no text", { 5: new Map([[2, toUtf8("mimi://a")]]) }],
  ["an extension with an empty name", { 5: new Map([["", 1]]) }],
  ["an extension with a name of 256 bytes", { 5: new Map([["é".repeat(128), 1]]) }],
  ["an extension named by bytes", { 5: new Map([[salt, 1]]) }],
  ["an eighth field", { 7: 1 }],
  ["a body that is no array", { 6: "hello" }],
  ["an empty body", { 6: [] }],
  ["a disposition of 256", { 6: [256, "", 0] }],
  ["a disposition below 0", { 6: [-1, "", 0] }],
  ["a language of bytes", { 6: [1, none, 0] }],
  ["a cardinality of 4", { 6: [1, "", 4] }],
  ["a null part with content", { 6: [1, "", 0, none] }],
  ["a single part without content", { 6: [1, "", 1, "text/plain"] }],
  ["a single part with text for content", { 6: [1, "", 1, "text/plain", "hello"] }],
  ["a single part with more", { 6: [...textPart, 1] }],
  ["an external part without a file name", { 6: externalPart.slice(0, -1) }],
  ["an external part of negative size", { 6: externalPart.with(6, -1) }],
  ["an external part with an AEAD above 16 bits", { 6: externalPart.with(7, 65_536) }],
  ["an external part with a hash above 8 bits", { 6: externalPart.with(11, 256) }],
  ["an external part that expires above 32 bits", { 6: externalPart.with(5, 2 ** 32) }],
  ["unknown part semantics", { 6: multi([textPart, textPart], 3) }],
  ["a multipart of one", { 6: multi([textPart]) }],
  ["a multipart without a list", { 6: [1, "", 3, 2, textPart[4]] }],
];
test.each(wrong)("[CONTENT-3] %s is not what the CDDL describes", (_story, changes) => {
  expect(refusal(cbor(changes))).toBe("STRUCTURE");
});

test("[CONTENT-3] six fields are not what the CDDL describes", () => {
  expect(refusal(encode([salt, null, none, null, null, new Map()]))).toBe("STRUCTURE");
});

const excluded: [ContentErrorCode, string, { [index: number]: unknown }][] = [
  ["MESSAGE_ID_UNKNOWN_HASH", "a replaced id of an unknown hash", { 1: new Uint8Array(32).fill(2) }],
  ["MESSAGE_ID_UNKNOWN_HASH", "an answered id of an unknown hash", { 4: new Uint8Array(32).fill(2) }],
  ["TOPIC_TOO_LONG", "a topic of 4097 bytes", { 2: new Uint8Array(4097) }],
  ["TOO_MANY_PARTS", "1025 parts", { 6: multi(Array.from({ length: 1024 }, () => textPart)) }],
  ["NESTED_TOO_DEEP", "parts in five levels", { 6: nested(5) }],
  ["NESTED_TOO_DEEP", "an extension in five levels", { 5: new Map([[256, arrays(4)]]) }],
  [
    "NESTED_TOO_DEEP",
    "an extension in five levels of tags",
    { 5: new Map([[256, new Tagged(32, arrays(3))]]) },
  ],
  ["CBOR_VALUE", "an extension key above 2^53", { 5: new Map([[2n ** 53n, 1]]) }],
  ["CBOR_VALUE", "a boolean as a key within an extension", { 5: new Map([[256, new Map([[true, 1]])]]) }],
];
test.each(excluded)("[CONTENT-4] %s: %s", (code, _story, changes) => {
  expect(refusal(cbor(changes))).toBe(code);
});

describe("[CONTENT-5] only the deterministic encoding is accepted", () => {
  // A good message with the encoded extension map `map` in the place of its empty one.
  const withMap = (...map: number[]) => {
    const bytes = cbor();
    const at = 1 + 17 + 1 + 1 + 1 + 1;
    return Uint8Array.of(...bytes.subarray(0, at), ...map, ...bytes.subarray(at + 1));
  };

  test.each<[ContentErrorCode | undefined, string, number[]]>([
    [undefined, "two keys in order", [0xa2, 0x03, 0x01, 0x04, 0x01]],
    ["CBOR_NOT_DETERMINISTIC", "two keys out of order", [0xa2, 0x04, 0x01, 0x03, 0x01]],
    ["CBOR_NOT_DETERMINISTIC", "one key twice", [0xa2, 0x03, 0x01, 0x03, 0x01]],
    // RFC 7049 would have sorted -1 (one byte) before 24 (two bytes); RFC 8949 §4.2.1 sorts bytewise.
    [undefined, "24 before -1", [0xa2, 0x18, 0x18, 0x01, 0x20, 0x01]],
    ["CBOR_NOT_DETERMINISTIC", "-1 before 24", [0xa2, 0x20, 0x01, 0x18, 0x18, 0x01]],
    [
      "CBOR_NOT_DETERMINISTIC",
      "keys out of order within an extension",
      [0xa1, 0x03, 0xa2, 0x04, 0x01, 0x03, 0x01],
    ],
    ["CBOR_MALFORMED", "an integer longer than needed", [0xa1, 0x18, 0x03, 0x01]],
    ["CBOR_MALFORMED", "a length longer than needed", [0xa1, 0x03, 0x58, 0x01, 0x00]],
    ["CBOR_MALFORMED", "a tag longer than needed", [0xa1, 0x03, 0xd8, 0x05, 0x01]],
    ["CBOR_MALFORMED", "an array of indefinite length", [0xa1, 0x03, 0x9f, 0xff]],
    ["CBOR_MALFORMED", "a map of indefinite length", [0xbf, 0xff]],
    ["CBOR_MALFORMED", "a text of indefinite length", [0xa1, 0x03, 0x7f, 0xff]],
    ["CBOR_MALFORMED", "a break alone", [0xa1, 0x03, 0xff]],
    [undefined, "1.5 as a half", [0xa1, 0x03, 0xf9, 0x3e, 0x00]],
    [undefined, "the smallest half, 2^-24", [0xa1, 0x03, 0xf9, 0x00, 0x01]],
    [undefined, "minus zero as a half", [0xa1, 0x03, 0xf9, 0x80, 0x00]],
    [undefined, "the quiet NaN", [0xa1, 0x03, 0xf9, 0x7e, 0x00]],
    [undefined, "2^-25 as a float", [0xa1, 0x03, 0xfa, 0x33, 0x00, 0x00, 0x00]],
    [undefined, "65536.0 as a float", [0xa1, 0x03, 0xfa, 0x47, 0x80, 0x00, 0x00]],
    ["CBOR_NOT_DETERMINISTIC", "1.5 as a float", [0xa1, 0x03, 0xfa, 0x3f, 0xc0, 0x00, 0x00]],
    ["CBOR_NOT_DETERMINISTIC", "1.5 as a double", [0xa1, 0x03, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]],
    [undefined, "1.1 as a double", [0xa1, 0x03, 0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]],
    ["CBOR_NOT_DETERMINISTIC", "infinity as a float", [0xa1, 0x03, 0xfa, 0x7f, 0x80, 0x00, 0x00]],
    ["CBOR_NOT_DETERMINISTIC", "a NaN with a payload", [0xa1, 0x03, 0xf9, 0x7e, 0x01]],
    ["TEXT_NOT_UTF8", "a text with half a character", [0xa1, 0x03, 0x61, 0xc3]],
    ["TEXT_NOT_UTF8", "a text with a surrogate", [0xa1, 0x03, 0x63, 0xed, 0xa0, 0x80]],
    [undefined, "a text with a byte order mark", [0xa1, 0x03, 0x63, 0xef, 0xbb, 0xbf]],
  ])("%s: %s", (code, _story, map) => {
    const bytes = withMap(...map);
    expect(refusal(bytes)).toBe(code);
    if (code === undefined) expect(encodeContent(decodeContent(bytes))).toEqual(bytes);
  });

  test("a byte left over, and every shortened form", () => {
    const bytes = cbor({ 6: nested(3), 3: [true, 60], 5: new Map([[256, "x"]]) });
    expect(refusal(Uint8Array.of(...bytes, 0))).toBe("CBOR_MALFORMED");
    for (let length = 0; length < bytes.length; length++)
      expect(refusal(bytes.subarray(0, length))).toBeDefined();
  });
});

const bytesOfLength = (maxLength: number) => fc.uint8Array({ maxLength });
const shortText = fc.string({ unit: "grapheme", maxLength: 12 });
const leafPart: fc.Arbitrary<NestedPart> = fc.oneof(
  fc.record({ disposition: fc.nat(255), language: shortText, kind: fc.constant("null" as const) }),
  fc.record({
    disposition: fc.nat(255),
    language: shortText,
    kind: fc.constant("single" as const),
    contentType: shortText,
    content: bytesOfLength(80),
  }),
  fc.record({
    disposition: fc.nat(255),
    language: shortText,
    kind: fc.constant("external" as const),
    contentType: shortText,
    url: shortText,
    expires: fc.nat(2 ** 32 - 1),
    size: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    encAlg: fc.nat(65_535),
    key: bytesOfLength(32),
    nonce: bytesOfLength(12),
    aad: bytesOfLength(12),
    hashAlg: fc.nat(255),
    contentHash: bytesOfLength(32),
    description: shortText,
    filename: shortText,
  }),
);
const multiPart = (part: fc.Arbitrary<NestedPart>): fc.Arbitrary<NestedPart> =>
  fc.record({
    disposition: fc.nat(255),
    language: shortText,
    kind: fc.constant("multi" as const),
    semantics: fc.constantFrom("chooseOne" as const, "singleUnit" as const, "processAll" as const),
    parts: fc.array(part, { minLength: 2, maxLength: 3 }),
  });
const someId = fc.option(
  fc.uint8Array({ minLength: 31, maxLength: 31 }).map((rest) => Uint8Array.of(1, ...rest)),
  {
    nil: undefined,
  },
);
const extensionKey = fc.oneof(fc.maxSafeInteger(), fc.string({ minLength: 1, maxLength: 20 }));
const contentArbitrary: fc.Arbitrary<MimiContent> = fc.record({
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  replaces: someId,
  topicId: bytesOfLength(40),
  expires: fc.option(fc.record({ relative: fc.boolean(), time: fc.nat(2 ** 32 - 1) }), { nil: undefined }),
  inReplyTo: someId,
  extensions: fc.record({
    senderUri: fc.option(shortText, { nil: undefined }),
    roomUri: fc.option(shortText, { nil: undefined }),
    others: fc
      .array(
        fc.tuple(
          extensionKey.filter((key) => key !== 1 && key !== 2),
          fc.anything().map(toCbor),
        ),
      )
      .map((entries) => new Map(entries)),
  }),
  body: fc.oneof(leafPart, multiPart(fc.oneof(leafPart, multiPart(leafPart)))),
});

// Any value that fits an extension; what CBOR or the depth limit can't hold becomes null.
function toCbor(value: unknown): Uint8Array {
  try {
    const bytes = Uint8Array.from(encode(value, rfc8949EncodeOptions));
    decodeContent(cbor({ 5: new Map([[256, value]]) }));
    return bytes;
  } catch {
    return Uint8Array.of(0xf6);
  }
}

test("[CONTENT-6] whatever is encoded decodes to the same message", () => {
  fc.assert(
    fc.property(contentArbitrary, (content) => {
      expect(decodeContent(encodeContent(content))).toEqual(content);
    }),
    { numRuns: 1000 },
  );
});

test("what the CDDL doesn't allow can't be encoded", () => {
  const content = textMessage({ text: "hello", salt: salt.subarray(1) });
  expect(codeOf(() => encodeContent(content))).toBe("STRUCTURE");
  const extensions = { senderUri: undefined, roomUri: undefined, others: new Map([[1, encode("twice")]]) };
  expect(
    codeOf(() => encodeContent({ ...textMessage({ text: "", salt, senderUri: "mimi://a" }), extensions })),
  ).toBeUndefined();
  const twice = { ...extensions, senderUri: "mimi://a.example/u/a" };
  expect(codeOf(() => encodeContent({ ...textMessage({ text: "", salt }), extensions: twice }))).toBe(
    "CBOR_NOT_DETERMINISTIC",
  );
});

test("[CONTENT-7] bad bytes give a ContentError and nothing else, and what is accepted goes back out unchanged", () => {
  const seeds = [
    cbor({ 6: nested(4) }),
    cbor({ 6: externalPart }),
    ...(examples() ?? []).map(({ bytes }) => bytes),
  ];
  const mutation = fc.tuple(fc.nat(), fc.constantFrom("set", "insert", "remove", "cut"), fc.nat(255));
  const check = (bytes: Uint8Array) => {
    if (refusal(bytes) === undefined) expect(encodeContent(decodeContent(bytes))).toEqual(bytes);
  };
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.array(mutation, { maxLength: 5 }), (seed, mutations) => {
      const bytes = [...seed];
      for (const [position, kind, byte] of mutations) {
        const at = position % (bytes.length + 1);
        if (kind === "set" && at < bytes.length) bytes[at] = byte;
        if (kind === "insert") bytes.splice(at, 0, byte);
        if (kind === "remove") bytes.splice(at, 1);
        if (kind === "cut") bytes.length = at;
      }
      check(Uint8Array.from(bytes));
    }),
    { numRuns: 8000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 4000 });
});

test("[CONTENT-7] ten thousand opened arrays and a count of 2^53 are refused without being followed", () => {
  expect(refusal(new Uint8Array(10_000).fill(0x81))).toBe("NESTED_TOO_DEEP");
  expect(refusal(new Uint8Array(10_000).fill(0xc1))).toBe("NESTED_TOO_DEEP");
  expect(refusal(Uint8Array.of(0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))).toBe("CBOR_MALFORMED");
  expect(refusal(Uint8Array.of(0x5b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))).toBe("CBOR_MALFORMED");
});

describe("message ids", () => {
  const input = {
    senderUri: senderUri("chat.example", "0a".repeat(16)),
    roomUri: roomUri("chat.example", "0b".repeat(32)),
    message: encodeContent(textMessage({ text: "hello", salt })),
    salt,
  };

  test("name users and rooms by mimi URIs", () => {
    expect(input.senderUri).toBe(`mimi://chat.example/u/${"0a".repeat(16)}`);
    expect(input.roomUri).toBe(`mimi://chat.example/r/${"0b".repeat(32)}`);
  });

  test("depend on sender, room, message and salt, and on where one URI ends", () => {
    const ids = [
      input,
      { ...input, senderUri: senderUri("chat.example", "0c".repeat(16)) },
      { ...input, roomUri: roomUri("chat.example", "0c".repeat(32)) },
      { ...input, message: encodeContent(textMessage({ text: "hellp", salt })) },
      { ...input, salt: id.subarray(0, 16) },
      { ...input, senderUri: `${input.senderUri}m`, roomUri: input.roomUri.slice(1) },
    ].map((each) => messageId(each).join());
    expect(new Set(ids).size).toBe(ids.length);
    expect(messageId(input)).toHaveLength(32);
    expect(messageId(input)[0]).toBe(1);
  });
});

describe("the text of a message", () => {
  const withBody = (body: NestedPart): MimiContent => ({ ...textMessage({ text: "", salt }), body });
  const part = (contentType: string, content = "hello", disposition = 1): NestedPart => ({
    disposition,
    language: "",
    kind: "single",
    contentType,
    content: toUtf8(content),
  });
  const several = (
    semantics: "chooseOne" | "singleUnit" | "processAll",
    ...parts: NestedPart[]
  ): NestedPart => ({
    disposition: 1,
    language: "",
    kind: "multi",
    semantics,
    parts,
  });
  const image = part("image/png");

  test("is what went in, whatever the script", () => {
    const text = "\uFEFFGrüße 👩‍👩‍👧 مرحبا \u0000 end";
    const bytes = encodeContent(textMessage({ text, salt, inReplyTo: id }));
    expect(plainText(decodeContent(bytes))).toBe(text);
    expect(decodeContent(bytes).inReplyTo).toEqual(id);
  });

  test.each([
    "text/plain",
    "text/plain;charset=utf-8",
    'Text/Plain; charset="UTF-8"',
    "text/markdown;variant=GFM-MIMI",
    "text/markdown;variant=CommonMark",
  ])("%s can be shown as text", (type) => expect(plainText(withBody(part(type)))).toBe("hello"));

  test.each(["text/html", "text/plain;charset=utf-16", "image/png", "", "text/plainer"])(
    "%j can't, and is named instead",
    (type) => {
      expect(plainText(withBody(part(type)))).toBeUndefined();
      expect(unreadableType(withBody(part(type)))).toBe(type);
    },
  );

  test("bytes that aren't UTF-8, reactions and attachments aren't texts", () => {
    const latin = { ...part("text/plain"), content: Uint8Array.of(0xe9) };
    expect(plainText(withBody(latin as NestedPart))).toBeUndefined();
    expect(plainText(withBody(part("text/plain", "+1", 2)))).toBeUndefined();
    expect(plainText(withBody(part("text/plain", "notes", 6)))).toBeUndefined();
    expect(plainText(withBody(part("text/plain", "hello", 200)))).toBe("hello");
    expect(plainText(withBody({ disposition: 1, language: "", kind: "null" }))).toBeUndefined();
  });

  test("of several parts is one that can be read, or all of them, or none", () => {
    const [a, b] = [part("text/plain", "a"), part("text/plain", "b")];
    expect(plainText(withBody(several("chooseOne", image, b, a)))).toBe("b");
    expect(plainText(withBody(several("chooseOne", image, image)))).toBeUndefined();
    expect(plainText(withBody(several("processAll", a, b)))).toBe("a\nb");
    expect(plainText(withBody(several("processAll", a, image)))).toBeUndefined();
    expect(plainText(withBody(several("singleUnit", a, image)))).toBeUndefined();
    expect(unreadableType(withBody(several("processAll", a, image)))).toBe("image/png");
  });
});
