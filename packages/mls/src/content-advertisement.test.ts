import { hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import {
  appComponentsIn,
  appDataDictionary,
  COMPONENT_CONTENT_MEDIA_TYPES,
  componentsIn,
  EXTENSION_APP_DATA_DICTIONARY,
} from "./app-components.ts";
import { decode, encode } from "./codec/codec.ts";
import {
  advertiseMediaTypes,
  frameApplicationData,
  type MediaType,
  mediaTypeKey,
  mediaTypeListCodec,
  mediaTypesIn,
  readApplicationData,
  requireMediaTypes,
} from "./content-advertisement.ts";

const PNG: MediaType = { type: "image/png", parameters: [] };
const TEXT: MediaType = {
  type: "text/plain",
  parameters: [{ name: "charset", value: utf8ToBytes("UTF-8") }],
};
/** The draft's example: `text/plain ;charset="UTF-8"`. */
const TEXT_BYTES = "0a746578742f706c61696e0e0763686172736574055554462d38";

const refusal = (code: string): object => expect.objectContaining({ code });

describe("content advertisement of draft-ietf-mls-extensions", () => {
  test("[MEDIA-1] spells media types as the draft does", () => {
    expect(encode(mediaTypeListCodec, [TEXT])).toEqual(hexToBytes(`1a${TEXT_BYTES}`));
    expect(decode(mediaTypeListCodec, hexToBytes(`1a${TEXT_BYTES}`))).toEqual([TEXT]);
    const leaf = advertiseMediaTypes([TEXT, PNG], [{ componentId: 0x8001, data: utf8ToBytes("mine") }]);
    expect(leaf.type).toBe(EXTENSION_APP_DATA_DICTIONARY);
    expect(mediaTypesIn([leaf])).toEqual([TEXT, PNG]);
    expect(appComponentsIn([leaf])).toEqual([1, 3, 0x8001]);
    expect(componentsIn([leaf]).map(({ componentId }) => componentId)).toEqual([1, 3, 0x8001]);
    const context = requireMediaTypes([PNG], [{ componentId: 2, data: new Uint8Array() }]);
    expect(componentsIn([context]).map(({ componentId }) => componentId)).toEqual([2, 3]);
    expect(mediaTypesIn([context])).toEqual([PNG]);
    expect(mediaTypesIn([])).toEqual([]);
    expect(appComponentsIn([context])).toEqual([]);
    expect(componentsIn([])).toEqual([]);
    const lowest = { componentId: 0, data: new Uint8Array() };
    expect(componentsIn([appDataDictionary([lowest])])).toEqual([lowest]);
  });

  test("[MEDIA-2] refuses a list that is empty, or holds what is no media type", () => {
    const parameter = { name: "charset", value: utf8ToBytes("UTF-8") };
    const lists: (readonly MediaType[])[] = [
      [],
      [{ ...PNG, type: "" }],
      [{ ...PNG, type: "image" }],
      [{ ...PNG, type: "image/png/x" }],
      [{ ...PNG, type: "image/png;q=1" }],
      [{ ...PNG, type: "imäge/png" }],
      [{ ...PNG, type: `image/${"x".repeat(128)}` }],
      [{ ...TEXT, parameters: [{ ...parameter, name: "" }] }],
      [{ ...TEXT, parameters: [{ ...parameter, name: "char set" }] }],
      [{ ...TEXT, parameters: [{ ...parameter, name: "c".repeat(256) }] }],
    ];
    for (const list of lists) {
      expect(() => decode(mediaTypeListCodec, encode(mediaTypeListCodec, list))).toThrow(
        refusal("DECODE_VALUE"),
      );
      expect(() => advertiseMediaTypes(list)).toThrow(refusal("DECODE_VALUE"));
      expect(() => requireMediaTypes(list)).toThrow(refusal("DECODE_VALUE"));
    }
    const long = { ...TEXT, parameters: Array.from({ length: 2000 }, () => parameter) };
    const longest = { ...TEXT, parameters: [{ ...parameter, name: "c".repeat(255) }] };
    expect(mediaTypesIn([requireMediaTypes([long, longest])])).toEqual([long, longest]);
  });

  test("[MEDIA-3] refuses a dictionary that isn't sorted, or has a component twice", () => {
    const entry = "0003021100";
    for (const bad of [`${entry}${entry}`, `${entry}000200`]) {
      const length = (bad.length / 2).toString(16).padStart(2, "0");
      const extension = { type: EXTENSION_APP_DATA_DICTIONARY, data: hexToBytes(`${length}${bad}`) };
      expect(() => componentsIn([extension])).toThrow(refusal("DECODE_VALUE"));
    }
    const twice = { componentId: COMPONENT_CONTENT_MEDIA_TYPES, data: new Uint8Array() };
    expect(() => appDataDictionary([twice, twice])).toThrow(refusal("DECODE_VALUE"));
    expect(() => advertiseMediaTypes([PNG], [twice])).toThrow(refusal("DECODE_VALUE"));
  });

  test("takes media types for the same whatever the case and the order of parameters, not their values", () => {
    const charset = { name: "charset", value: utf8ToBytes("UTF-8") };
    const format = { name: "format", value: utf8ToBytes("flowed") };
    const one = mediaTypeKey({ type: "text/plain", parameters: [charset, format] });
    expect(mediaTypeKey({ type: "Text/PLAIN", parameters: [format, { ...charset, name: "CharSet" }] })).toBe(
      one,
    );
    for (const other of [
      { type: "text/plain", parameters: [charset] },
      { type: "text/markdown", parameters: [charset, format] },
      { type: "text/plain", parameters: [{ ...charset, value: utf8ToBytes("utf-8") }, format] },
    ]) {
      expect(mediaTypeKey(other)).not.toBe(one);
    }
  });

  test("[MEDIA-4] frames application data, the group's first media type being the default one", () => {
    const context = [requireMediaTypes([TEXT, PNG])];
    const content = utf8ToBytes("hello");
    const framed = frameApplicationData(content, PNG);
    expect(framed).toEqual(Uint8Array.of(9, ...utf8ToBytes("image/png"), 0, 5, ...content));
    expect(readApplicationData(framed, context)).toEqual({ mediaType: PNG, content });
    expect(frameApplicationData(content)).toEqual(Uint8Array.of(0, 0, 5, ...content));
    expect(readApplicationData(frameApplicationData(content), context)).toEqual({ mediaType: TEXT, content });
    expect(() => readApplicationData(framed, [])).toThrow(refusal("CONTENT_UNEXPECTED"));
    expect(() => readApplicationData(content, context)).toThrow(refusal("DECODE_TRUNCATED"));
    expect(() => frameApplicationData(content, { type: "png", parameters: [] })).toThrow(
      refusal("DECODE_VALUE"),
    );
  });
});
