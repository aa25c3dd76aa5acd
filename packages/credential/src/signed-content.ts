import { type Codec, MlsError, codec, encode } from "@thicket/mls/public";

/** Signs the bytes that it is given with one Ed25519 key; where that key lives is the caller's business. */
export type Signer = (message: Uint8Array) => Promise<Uint8Array>;

/** Ed25519 verification (RFC 8032): keys of 32 bytes, signatures of 64. Answers false rather than throwing. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/** One label per kind of signature, so that no signature can stand in for another (as RFC 9420 §5.1.2 does). */
export type SignatureLabel =
  | "Thicket 1.0 attestation"
  | "Thicket 1.0 device"
  | "Thicket 1.0 leaf"
  | "Thicket 1.0 login"
  | "Thicket 1.0 registration";

/** Longest text in a signed part: an origin is the longest that there is. */
const TEXT_MAX = 512;

/** ASCII text as `opaque<V>`: one spelling per text, so that decoding and encoding give the same bytes. */
export const ascii: Codec<string> = {
  write(writer, text) {
    if (!isAscii(text)) throw new MlsError("ENCODE_RANGE", "text that is too long or not ASCII");
    writer.opaque(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  },
  read(reader) {
    const bytes = reader.opaque();
    const text = bytes.length > TEXT_MAX ? undefined : String.fromCharCode(...bytes);
    if (text === undefined || !isAscii(text)) {
      throw new MlsError("DECODE_VALUE", "text that is too long or not ASCII");
    }
    return text;
  },
};

/** A 16-byte user or device id. */
export const id: Codec<Uint8Array> = codec.fixed(16);

/** An Ed25519 public key, `opaque<V>` of 32 bytes. */
export const publicKey: Codec<Uint8Array> = opaqueOf(32);

/** An Ed25519 signature, `opaque<V>` of 64 bytes. */
export const signature: Codec<Uint8Array> = opaqueOf(64);

/** The bytes that are signed: `struct { opaque label<V>; opaque content<V>; }`. */
export function signedContent<T>(label: SignatureLabel, form: Codec<T>, content: T): Uint8Array {
  return encode(labelled, { label, content: encode(form, content) });
}

const labelled = codec.struct<{ label: string; content: Uint8Array }>({
  label: ascii,
  content: codec.opaque,
});

function opaqueOf(length: number): Codec<Uint8Array> {
  return codec.checked(codec.opaque, (bytes) => {
    if (bytes.length !== length)
      throw new MlsError("DECODE_VALUE", `${bytes.length} bytes where ${length} belong`);
  });
}

function isAscii(text: string): boolean {
  return text.length <= TEXT_MAX && /^[\x20-\x7e]*$/.test(text);
}
