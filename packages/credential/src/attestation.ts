import { type Codec, MlsError, codec, encode } from "@thicket/mls/public";
import type { Lifetime } from "./lifetime.ts";
import { type Read, readWhole } from "./read.ts";
import {
  type Signer,
  type Verify,
  ascii,
  id,
  publicKey,
  signature,
  signedContent,
} from "./signed-content.ts";

/** What the AS says: this handle and this root key belong to this user. */
export interface AttestationContent extends Lifetime {
  /** 16 bytes. */
  userId: Uint8Array;
  /** The normalised spelling: 3 to 32 of a-z 0-9 . _ -, beginning and ending with a letter or digit. */
  handle: string;
  /** Ed25519, 32 bytes. */
  rootKey: Uint8Array;
  /** Counts the user's root keys, from 0. */
  rootSeq: number;
  /** 8 bytes: which of its keys the AS signed with. */
  asKeyId: Uint8Array;
}

export interface Attestation extends AttestationContent {
  signature: Uint8Array;
}

/** A key with which an AS attests accounts. */
export interface AsKey {
  /** 8 bytes. */
  keyId: Uint8Array;
  /** Ed25519, 32 bytes. */
  publicKey: Uint8Array;
}

/** Signs with the AS's key. The caller sees to it that `content` is true. */
export async function signAttestation(sign: Signer, content: AttestationContent): Promise<Attestation> {
  return { ...content, signature: await sign(attestationMessage(content)) };
}

/** Whether this AS key made the signature; says nothing of the content. */
export function verifyAttestation(
  verify: Verify,
  asPublicKey: Uint8Array,
  attestation: Attestation,
): Promise<boolean> {
  return verify(asPublicKey, attestationMessage(attestation), attestation.signature);
}

export function encodeAttestation(attestation: Attestation): Uint8Array {
  return encode(attestationCodec, attestation);
}

/** Structure only: neither signature nor dates are judged. */
export function readAttestation(bytes: Uint8Array): Read<Attestation> {
  return readWhole(attestationCodec, bytes);
}

// The same alphabet as the wire's Handle; `authentication-service` tests that the two agree.
const HANDLE = /^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$/;
const handle: Codec<string> = codec.checked(ascii, (text) => {
  if (!HANDLE.test(text)) throw new MlsError("DECODE_VALUE", "not a handle");
});

const contentFields = {
  userId: id,
  handle,
  rootKey: publicKey,
  rootSeq: codec.u32,
  notBefore: codec.u64,
  notAfter: codec.u64,
  asKeyId: codec.fixed(8),
};
const contentCodec: Codec<AttestationContent> = codec.struct<AttestationContent>(contentFields);
export const attestationCodec: Codec<Attestation> = codec.struct<Attestation>({
  ...contentFields,
  signature,
});

function attestationMessage(content: AttestationContent): Uint8Array {
  return signedContent("Thicket 1.0 attestation", contentCodec, content);
}
