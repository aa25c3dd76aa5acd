import { decode, encode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { authenticatedContentCodec } from "../framing/message.ts";
import {
  confirmedTranscriptHash,
  interimTranscriptHash,
  verifyConfirmationTag,
} from "../schedule/transcript.ts";
import { hex, holds, same, sameBytes, VectorMismatch } from "./compare.ts";

export interface TranscriptHashesVector {
  cipher_suite: number;
  confirmation_key: string;
  authenticated_content: string;
  interim_transcript_hash_before: string;
  confirmed_transcript_hash_after: string;
  interim_transcript_hash_after: string;
}

export async function checkTranscriptHashes(vector: TranscriptHashesVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const authenticated = decode(authenticatedContentCodec, hex(vector.authenticated_content));
  const again = encode(authenticatedContentCodec, authenticated);
  sameBytes("authenticated_content encoded again", again, vector.authenticated_content);
  const { wireFormat, content, auth } = authenticated;
  same("the kind of authenticated_content", content.content.kind, "commit");
  if (auth.confirmationTag === undefined) throw new VectorMismatch("a commit without a confirmation tag");

  const before = hex(vector.interim_transcript_hash_before);
  const commit = { wireFormat, content, signature: auth.signature };
  const confirmed = confirmedTranscriptHash(suite, before, commit);
  sameBytes("confirmed_transcript_hash_after", confirmed, vector.confirmed_transcript_hash_after);
  const key = hex(vector.confirmation_key);
  holds("the confirmation tag verifies", verifyConfirmationTag(suite, key, confirmed, auth.confirmationTag));
  const interim = interimTranscriptHash(suite, confirmed, auth.confirmationTag);
  sameBytes("interim_transcript_hash_after", interim, vector.interim_transcript_hash_after);
}
