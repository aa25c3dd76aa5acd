import { encode } from "cborg";
import { compareBytes } from "./cbor-item.ts";
import { ContentError } from "./content-error.ts";
import { decodeContent } from "./decode-content.ts";
import { type Extensions, type MimiContent, type NestedPart, PART_SEMANTICS } from "./mimi-content.ts";

/**
 * The deterministic CBOR encoding of a message. What comes out has been read back, so it is never something that
 * the other side must refuse. Throws ContentError.
 */
export function encodeContent(content: MimiContent): Uint8Array {
  const bytes = concat([
    Uint8Array.of(0x87), // array(7)
    cbor(content.salt),
    cbor(content.replaces ?? null),
    cbor(content.topicId),
    cbor(content.expires === undefined ? null : [content.expires.relative, content.expires.time]),
    cbor(content.inReplyTo ?? null),
    encodeExtensions(content.extensions),
    cbor(partItems(content.body)),
  ]);
  decodeContent(bytes);
  return bytes;
}

// By hand, because the values of others' extensions are encoded already.
function encodeExtensions({ senderUri, roomUri, others }: Extensions): Uint8Array {
  const entries: [key: Uint8Array, value: Uint8Array][] = [];
  if (senderUri !== undefined) entries.push([cbor(1), cbor(senderUri)]);
  if (roomUri !== undefined) entries.push([cbor(2), cbor(roomUri)]);
  for (const [key, value] of others) entries.push([cbor(key), value]);
  entries.sort(([a], [b]) => compareBytes(a, b));
  return concat([mapHead(entries.length), ...entries.flat()]);
}

function mapHead(count: number): Uint8Array {
  if (count < 24) return Uint8Array.of(0xa0 + count);
  if (count < 0x100) return Uint8Array.of(0xb8, count);
  if (count < 0x1_0000) return Uint8Array.of(0xb9, count >> 8, count & 0xff);
  throw new ContentError("STRUCTURE", "too many extensions");
}

function partItems(part: NestedPart): unknown[] {
  const common = [part.disposition, part.language];
  switch (part.kind) {
    case "null":
      return [...common, 0];
    case "single":
      return [...common, 1, part.contentType, part.content];
    case "external":
      return [
        ...common,
        2,
        part.contentType,
        part.url,
        part.expires,
        part.size,
        part.encAlg,
        part.key,
        part.nonce,
        part.aad,
        part.hashAlg,
        part.contentHash,
        part.description,
        part.filename,
      ];
    case "multi":
      return [...common, 3, PART_SEMANTICS.indexOf(part.semantics), part.parts.map(partItems)];
  }
}

function cbor(value: unknown): Uint8Array {
  try {
    return encode(value);
  } catch (cause) {
    throw new ContentError("STRUCTURE", "a value that CBOR can't hold", { cause });
  }
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
