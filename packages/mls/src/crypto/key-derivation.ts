import { expand as hkdfExpand, extract as hkdfExtract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type CHash, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encode, opaque, struct } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import { MlsError } from "../errors.ts";

/** Hash, MAC and KDF of a suite with the labelled forms of RFC 9420 §5.2 and §8. All synchronous. */
export interface KeyDerivation {
  /** HKDF's number in the HPKE registry (RFC 9180 §7.2). */
  readonly hpkeKdfId: number;
  /** Nh: bytes of a hash, of a MAC and of an extracted secret. */
  readonly hashLength: number;
  hash(data: Uint8Array): Uint8Array;
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
  extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array;
  expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  expandWithLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array;
  deriveSecret(secret: Uint8Array, label: string): Uint8Array;
  deriveTreeSecret(secret: Uint8Array, label: string, generation: number, length: number): Uint8Array;
  /** ExpandWithLabel for several values under one secret, whose HMAC key is set up once: a third of the hashing. */
  expander(secret: Uint8Array): (label: string, context: Uint8Array, length: number) => Uint8Array;
  /** RefHash of §5.2; `label` is complete, "MLS 1.0 KeyPackage Reference". */
  refHash(label: string, value: Uint8Array): Uint8Array;
}

const noContext = new Uint8Array();
/** What HKDF-Expand puts behind the info for its first block (RFC 5869 §2.3); one block is nearly always enough. */
const FIRST_BLOCK = Uint8Array.of(1);

/** HKDF, HMAC and hash over SHA-256. */
export const hkdfSha256: KeyDerivation = hkdf(sha256, 0x0001);

/** The same over any hash. noble rather than WebCrypto: no promise per call, and cheaper on short input. */
export function hkdf(hash: CHash, hpkeKdfId: number): KeyDerivation {
  const hashLength = hash.outputLen;

  function expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || length > 255 * hashLength) {
      throw new MlsError("LENGTH_INVALID", `HKDF cannot expand ${hashLength} bytes to ${length}`);
    }
    if (length > hashLength) return hkdfExpand(hash, secret, info, length);
    return hmac(hash, secret, concatBytes(info, FIRST_BLOCK)).slice(0, length);
  }

  function expandWithLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number) {
    return expand(secret, kdfLabel(label, context, length), length);
  }

  function expander(secret: Uint8Array) {
    const keyed = hmac.create(hash, secret);
    return (label: string, context: Uint8Array, length: number) => {
      if (length > hashLength) return expandWithLabel(secret, label, context, length);
      return keyed
        .clone()
        .update(kdfLabel(label, context, length))
        .update(FIRST_BLOCK)
        .digest()
        .slice(0, length);
    };
  }

  return {
    hpkeKdfId,
    hashLength,
    hash: (data) => hash(data),
    mac: (key, data) => hmac(hash, key, data),
    extract: (salt, ikm) => hkdfExtract(hash, ikm, salt),
    expand,
    expandWithLabel,
    deriveSecret: (secret, label) => expandWithLabel(secret, label, noContext, hashLength),
    deriveTreeSecret: (secret, label, generation, length) =>
      expandWithLabel(secret, label, generationBytes(generation), length),
    expander,
    refHash: (label, value) => hash(encode(labelled, { label: utf8ToBytes(label), content: value })),
  };
}

/** `label` and `content`, the shape of SignContent, EncryptContext and RefHashInput alike. */
const labelled = struct<{ label: Uint8Array; content: Uint8Array }>({ label: opaque, content: opaque });

/** SignContent of §5.1.2 and EncryptContext of §5.1.3: the content may be long, so it is copied once. */
export function withLabel(label: string, content: Uint8Array): Uint8Array {
  const head = new Writer();
  head.opaque(prefixedLabel(label));
  head.varint(content.length);
  return concatBytes(head.finish(), content);
}

/** KDFLabel of §8, put together by hand: this runs several times for every message. */
function kdfLabel(label: string, context: Uint8Array, length: number): Uint8Array {
  if (length > 0xffff)
    throw new MlsError("LENGTH_INVALID", `KDFLabel cannot say ${length}`, { section: "§8" });
  const name = prefixedLabel(label);
  if (name.length >= 0x40 || context.length >= 0x40) {
    const rest = encode(labelled, { label: name, content: context });
    return concatBytes(Uint8Array.of(length >> 8, length & 0xff), rest);
  }
  const bytes = new Uint8Array(4 + name.length + context.length);
  bytes[0] = length >> 8;
  bytes[1] = length & 0xff;
  bytes[2] = name.length;
  bytes.set(name, 3);
  bytes[3 + name.length] = context.length;
  bytes.set(context, 4 + name.length);
  return bytes;
}

/** The context of DeriveTreeSecret (§9). */
export function generationBytes(generation: number): Uint8Array {
  return Uint8Array.of(
    generation >>> 24,
    (generation >>> 16) & 0xff,
    (generation >>> 8) & 0xff,
    generation & 0xff,
  );
}

const labelBytes = new Map<string, Uint8Array>();

function prefixedLabel(label: string): Uint8Array {
  const known = labelBytes.get(label);
  if (known !== undefined) return known;
  const bytes = utf8ToBytes(`MLS 1.0 ${label}`);
  // The engine's own labels are some thirty; an application that exports under ever new labels must not grow this.
  if (labelBytes.size < 64) labelBytes.set(label, bytes);
  return bytes;
}
