import { expand as hkdfExpand } from "@noble/hashes/hkdf.js";
import { type _HMAC, hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type CHash, type Hash, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { encode, opaque, struct } from "../codec/codec.ts";
import { NO_BYTES } from "../codec/shared.ts";
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
  /**
   * ExpandWithLabel for several labels under one secret and context, each with its length. The secret's HMAC key is set
   * up once for all of them: a third of the hashing.
   */
  expandEach<Label extends string>(
    secret: Uint8Array,
    context: Uint8Array,
    lengths: Readonly<Record<Label, number>>,
  ): Record<Label, Uint8Array>;
  /** The same for a secret that is used again and again, set up once and for as long as somebody holds the result. */
  expander(secret: Uint8Array): Expander;
  /** RefHash of §5.2; `label` is complete, "MLS 1.0 KeyPackage Reference". */
  refHash(label: string, value: Uint8Array): Uint8Array;
}

/** ExpandWithLabel under one secret: several labels in one context, each with its length. */
export type Expander = <Label extends string>(
  context: Uint8Array,
  lengths: Readonly<Record<Label, number>>,
) => Record<Label, Uint8Array>;

/** What HKDF-Expand puts behind the info for its first block (RFC 5869 §2.3); one block is nearly always enough. */
const FIRST_BLOCK = Uint8Array.of(1);

/** HKDF, HMAC and hash over SHA-256. */
export const hkdfSha256: KeyDerivation = hkdf(sha256, 0x0001);

type Hasher = Hash<Hasher>;

/** The same over any hash. noble rather than WebCrypto: no promise per call, and cheaper on short input. */
export function hkdf(hash: CHash, hpkeKdfId: number): KeyDerivation {
  const hashLength = hash.outputLen;

  // Objects and buffers that are used again: what new ones allocate costs as much as the hashing. All of it is wiped.
  const reused = reusing(hash);
  const single = hash.create();
  const blank = hash.create();
  const copy = hmac.create(hash, NO_BYTES);
  const block = new Uint8Array(hashLength);

  function takeBlock(length = hashLength): Uint8Array {
    const output = block.slice(0, length);
    block.fill(0);
    return output;
  }

  /** For one HMAC at a time. */
  function keyedWith(key: Uint8Array): _HMAC<Hasher> {
    return hmac.create(key.length > hash.blockLen ? hash : reused, key);
  }

  function mac(key: Uint8Array, data: Uint8Array): Uint8Array {
    keyedWith(key).update(data).digestInto(block);
    return takeBlock();
  }

  function expand(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || length > 255 * hashLength) {
      throw new MlsError("LENGTH_INVALID", `HKDF cannot expand ${hashLength} bytes to ${length}`);
    }
    if (length > hashLength) return hkdfExpand(hash, secret, info, length);
    keyedWith(secret).update(info).update(FIRST_BLOCK).digestInto(block);
    return takeBlock(length);
  }

  function expandWithLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number) {
    return expand(secret, kdfLabel(label, context, length), length);
  }

  function expandKeyed<Label extends string>(
    keyed: _HMAC<Hasher>,
    secret: Uint8Array,
    context: Uint8Array,
    lengths: Readonly<Record<Label, number>>,
  ): Record<Label, Uint8Array> {
    const outputs: Partial<Record<Label, Uint8Array>> = {};
    for (const label in lengths) {
      const length = lengths[label];
      if (length > hashLength) {
        outputs[label] = expandWithLabel(secret, label, context, length);
        continue;
      }
      keyed._cloneInto(copy);
      copy
        .update(kdfLabel(label, context, length))
        .update(FIRST_BLOCK)
        .digestInto(block);
      outputs[label] = takeBlock(length);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has given each label its output
    return outputs as Record<Label, Uint8Array>;
  }

  return {
    hpkeKdfId,
    hashLength,
    hash: (data) => {
      blank._cloneInto(single).update(data).digestInto(block);
      single.destroy();
      return takeBlock();
    },
    mac,
    extract: mac, // HKDF-Extract (RFC 5869 §2.2)
    expand,
    expandWithLabel,
    deriveSecret: (secret, label) => expandWithLabel(secret, label, NO_BYTES, hashLength),
    deriveTreeSecret: (secret, label, generation, length) =>
      expandWithLabel(secret, label, generationBytes(generation), length),
    expandEach: (secret, context, lengths) => {
      const keyed = keyedWith(secret);
      const outputs = expandKeyed(keyed, secret, context, lengths);
      keyed.destroy();
      return outputs;
    },
    expander: (secret) => {
      const keyed = hmac.create(hash, secret);
      return (context, lengths) => expandKeyed(keyed, secret, context, lengths);
    },
    refHash: (label, value) => hash(encode(labelled, { label: utf8ToBytes(label), content: value })),
  };
}

/**
 * The hash on two objects that are used again, as many as HMAC takes: it is good for one HMAC at a time, under a key no
 * longer than a block.
 */
function reusing(hash: CHash<Hasher>): CHash<Hasher> {
  const blank = hash.create();
  const inner = hash.create();
  const outer = hash.create();
  let isInner = false;
  const create = () => {
    isInner = !isInner;
    return blank._cloneInto(isInner ? inner : outer);
  };
  return Object.assign((message: Uint8Array) => hash(message), { ...hash, create });
}

/** `label` and `content`, the shape of SignContent, EncryptContext and RefHashInput alike. */
const labelled = struct<{ label: Uint8Array; content: Uint8Array }>({ label: opaque, content: opaque });

/** SignContent of §5.1.2 and EncryptContext of §5.1.3: the content may be long, so it is copied once. */
export function withLabel(label: string, content: Uint8Array): Uint8Array {
  const head = new Writer();
  head.opaque(prefixedLabel(label));
  return head.finishWith(content);
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
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) bytes[i] = generation >>> (24 - 8 * i);
  return bytes;
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
