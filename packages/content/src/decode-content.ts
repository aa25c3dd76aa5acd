import { type Item, readItem } from "./cbor-item.ts";
import { ContentError } from "./content-error.ts";
import {
  type Expiration,
  type Extensions,
  type ExternalPart,
  type MimiContent,
  type NestedPart,
  PART_SEMANTICS,
} from "./mimi-content.ts";

/** NestedParts: the body is level 1 ("Depth restrictions"). */
const PART_LEVELS = 4;
/** Arrays, maps and tags inside `mimiExtensions`, which is level 1 itself. */
const EXTENSION_LEVELS = 4;
/** The content's array, then two arrays per level of parts but the last, which is one. */
const CBOR_LEVELS = 1 + 2 * PART_LEVELS - 1;
/** More are malicious ("General handling"), as is a longer topic. */
const PARTS_MAX = 1024;
const TOPIC_MAX = 4096;

/** The message that these are all the bytes of, held against the draft's CDDL and its restrictions. Throws ContentError. */
export function decodeContent(bytes: Uint8Array): MimiContent {
  const item = readItem(bytes, CBOR_LEVELS);
  const [salt, replaces, topicId, expires, inReplyTo, extensions, body] = tuple(item, 7, "mimiContent");
  const parts = { left: PARTS_MAX };
  return {
    salt: byteString(salt, "salt", 16),
    replaces: orNull(replaces, (value) => messageIdOf(value, "replaces")),
    topicId: topicOf(topicId),
    expires: orNull(expires, expirationOf),
    inReplyTo: orNull(inReplyTo, (value) => messageIdOf(value, "inReplyTo")),
    extensions: extensionsOf(extensions, bytes),
    body: partOf(body, PART_LEVELS, parts),
  };
}

function messageIdOf(item: Item | undefined, place: string): Uint8Array {
  const id = byteString(item, place, 32);
  // The first octet names the hash; an unknown one is nonsense ("General handling").
  if (id[0] !== 1) throw new ContentError("MESSAGE_ID_UNKNOWN_HASH", `${place} was not made with SHA-256`);
  return id;
}

function topicOf(item: Item | undefined): Uint8Array {
  const topic = byteString(item, "topicId");
  if (topic.length > TOPIC_MAX) throw new ContentError("TOPIC_TOO_LONG", `topicId above ${TOPIC_MAX} bytes`);
  return topic;
}

function expirationOf(item: Item): Expiration {
  const [relative, time] = tuple(item, 2, "expires");
  if (relative?.kind !== "simple" || typeof relative.value !== "boolean") throw structure("expires.relative");
  return { relative: relative.value, time: unsigned(time, 4, "expires.time") };
}

function extensionsOf(item: Item | undefined, bytes: Uint8Array): Extensions {
  if (item?.kind !== "map") throw structure("mimiExtensions");
  const others = new Map<number | string, Uint8Array>();
  const known: { senderUri: string | undefined; roomUri: string | undefined } = {
    senderUri: undefined,
    roomUri: undefined,
  };
  for (const [key, value] of item.entries) {
    const name = extensionName(key, bytes);
    checkDepth(value, EXTENSION_LEVELS - 1);
    if (name === 1) known.senderUri = text(value, "senderUri");
    else if (name === 2) known.roomUri = text(value, "roomUri");
    else others.set(name, Uint8Array.from(bytes.subarray(value.start, value.end)));
  }
  return { ...known, others };
}

function extensionName(key: Item, bytes: Uint8Array): number | string {
  if (key.kind === "int" && typeof key.value === "number") return key.value;
  // tstr .size counts bytes of UTF-8; the head of up to 255 bytes takes one or two.
  const length = key.end - key.start - (((bytes[key.start] ?? 0) & 0x1f) < 24 ? 1 : 2);
  if (key.kind === "text" && length >= 1 && length <= 255) return key.value;
  throw structure("the key of an extension");
}

function checkDepth(item: Item, levels: number): void {
  const inner = children(item);
  if (inner === undefined) return;
  if (levels === 0)
    throw new ContentError("NESTED_TOO_DEEP", `an extension nested below ${EXTENSION_LEVELS} levels`);
  for (const child of inner) checkDepth(child, levels - 1);
}

function children(item: Item): Item[] | undefined {
  if (item.kind === "array") return item.items;
  if (item.kind === "map") return item.entries.map(([, value]) => value);
  return item.kind === "tag" ? [item.item] : undefined;
}

function partOf(item: Item | undefined, levels: number, parts: { left: number }): NestedPart {
  if (levels === 0) throw new ContentError("NESTED_TOO_DEEP", `parts nested below ${PART_LEVELS} levels`);
  if (--parts.left < 0) throw new ContentError("TOO_MANY_PARTS", `more than ${PARTS_MAX} parts`);
  if (item?.kind !== "array") throw structure("nestedPart");
  const [disposition, language, cardinality, ...fields] = item.items;
  const common = {
    disposition: unsigned(disposition, 1, "disposition"),
    language: text(language, "language"),
  };
  switch (unsigned(cardinality, 1, "cardinality")) {
    case 0:
      expectCount(fields, 0, "NullPart");
      return { ...common, kind: "null" };
    case 1: {
      expectCount(fields, 2, "SinglePart");
      const [contentType, content] = fields;
      return {
        ...common,
        kind: "single",
        contentType: text(contentType, "contentType"),
        content: byteString(content, "content"),
      };
    }
    case 2:
      return { ...common, ...externalPartOf(fields) };
    case 3: {
      expectCount(fields, 2, "MultiPart");
      const semantics = PART_SEMANTICS[unsigned(fields[0], 1, "partSemantics")];
      const inner = fields[1];
      if (semantics === undefined || inner?.kind !== "array" || inner.items.length < 2)
        throw structure("MultiPart");
      return {
        ...common,
        kind: "multi",
        semantics,
        parts: inner.items.map((part) => partOf(part, levels - 1, parts)),
      };
    }
    default:
      throw structure("cardinality");
  }
}

function externalPartOf(fields: Item[]): ExternalPart {
  expectCount(fields, 12, "ExternalPart");
  const [contentType, url, expires, size, encAlg, key, nonce, aad, hashAlg, hash, description, filename] =
    fields;
  return {
    kind: "external",
    contentType: text(contentType, "contentType"),
    url: text(url, "url"),
    expires: unsigned(expires, 4, "expires"),
    size: unsigned64(size, "size"),
    encAlg: unsigned(encAlg, 2, "encAlg"),
    key: byteString(key, "key"),
    nonce: byteString(nonce, "nonce"),
    aad: byteString(aad, "aad"),
    hashAlg: unsigned(hashAlg, 1, "hashAlg"),
    contentHash: byteString(hash, "contentHash"),
    description: text(description, "description"),
    filename: text(filename, "filename"),
  };
}

function tuple(item: Item | undefined, count: number, place: string): Item[] {
  if (item?.kind !== "array") throw structure(place);
  expectCount(item.items, count, place);
  return item.items;
}

function expectCount(items: Item[], count: number, place: string): void {
  if (items.length !== count) throw structure(place);
}

function orNull<T>(item: Item | undefined, read: (item: Item) => T): T | undefined {
  if (item === undefined) throw structure("mimiContent");
  return item.kind === "simple" && item.value === null ? undefined : read(item);
}

function byteString(item: Item | undefined, place: string, length?: number): Uint8Array {
  if (item?.kind !== "bytes" || (length !== undefined && item.value.length !== length))
    throw structure(place);
  return item.value;
}

function text(item: Item | undefined, place: string): string {
  if (item?.kind !== "text") throw structure(place);
  return item.value;
}

function unsigned(item: Item | undefined, size: 1 | 2 | 4, place: string): number {
  if (item?.kind !== "int" || item.value < 0 || item.value >= 2 ** (8 * size)) throw structure(place);
  return Number(item.value);
}

function unsigned64(item: Item | undefined, place: string): bigint {
  if (item?.kind !== "int" || item.value < 0) throw structure(place);
  return BigInt(item.value);
}

function structure(place: string): ContentError {
  return new ContentError("STRUCTURE", `${place} is not what the CDDL describes`);
}
