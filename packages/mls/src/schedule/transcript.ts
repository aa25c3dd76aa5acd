import { concatBytes } from "@noble/hashes/utils.js";
import { encode, opaque, struct } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalConstantTime } from "../crypto/equal-bytes.ts";
import {
  type FramedContent,
  framedContentCodec,
  type GroupWireFormat,
  groupWireFormatCodec,
} from "../framing/message.ts";

/** The parts of a commit that the confirmed transcript covers: all but its confirmation tag. */
export interface SignedCommit {
  readonly wireFormat: GroupWireFormat;
  readonly content: FramedContent;
  readonly signature: Uint8Array;
}

/** confirmed_transcript_hash after a commit (RFC 9420 §8.2). */
export function confirmedTranscriptHash(
  suite: CipherSuite,
  interimBefore: Uint8Array,
  commit: SignedCommit,
): Uint8Array {
  return suite.hash(concatBytes(interimBefore, encode(confirmedInputCodec, commit)));
}

/** interim_transcript_hash of an epoch (RFC 9420 §8.2). */
export function interimTranscriptHash(
  suite: CipherSuite,
  confirmed: Uint8Array,
  tag: Uint8Array,
): Uint8Array {
  return suite.hash(concatBytes(confirmed, encode(opaque, tag)));
}

/** The confirmation tag of an epoch (§6.1). */
export function confirmationTag(
  suite: CipherSuite,
  confirmationKey: Uint8Array,
  confirmed: Uint8Array,
): Uint8Array {
  return suite.mac(confirmationKey, confirmed);
}

/** Whether the tag is the epoch's, compared in constant time. */
export function verifyConfirmationTag(
  suite: CipherSuite,
  confirmationKey: Uint8Array,
  confirmed: Uint8Array,
  tag: Uint8Array,
): boolean {
  return equalConstantTime(confirmationTag(suite, confirmationKey, confirmed), tag);
}

const confirmedInputCodec = struct<SignedCommit>({
  wireFormat: groupWireFormatCodec,
  content: framedContentCodec,
  signature: opaque,
});
