import { utf8ToBytes } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite, SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { MLS10 } from "../version.ts";
import {
  type AuthenticatedContent,
  authenticatedContentCodec,
  type ContentType,
  type FramedContent,
  framedContentCodec,
  type GroupWireFormat,
  groupWireFormatCodec,
} from "./message.ts";

/** FramedContentTBS (RFC 9420 §6.1): what a message's signature covers. `groupContext` is the encoded GroupContext. */
export interface SignedContent {
  readonly wireFormat: GroupWireFormat;
  readonly content: FramedContent;
  readonly groupContext: Uint8Array;
}

/** The encoded FramedContentTBS. */
export function contentTbs(content: SignedContent): Uint8Array {
  const writer = new Writer();
  writeTbs(writer, content);
  return writer.finish();
}

/** The context is covered for senders who are, or come to be, members. */
function writeTbs(writer: Writer, { wireFormat, content, groupContext }: SignedContent): void {
  writer.uint(MLS10, 2);
  groupWireFormatCodec.write(writer, wireFormat);
  framedContentCodec.write(writer, content);
  const sender = content.sender.kind;
  if (sender === "member" || sender === "newMemberCommit") writer.raw(groupContext);
}

const LABEL = utf8ToBytes("MLS 1.0 FramedContentTBS");

/** The SignContent (§5.1.2) of a FramedContentTBS, written in one go: to be lent, and given back. */
export function writeSignContent(content: SignedContent): Writer {
  const writer = new Writer();
  writer.opaque(LABEL);
  writer.vector(() => writeTbs(writer, content));
  return writer;
}

export async function signContent(
  suite: CipherSuite,
  content: SignedContent,
  privateKey: SignaturePrivateKey,
): Promise<Uint8Array> {
  const signed = writeSignContent(content);
  try {
    return await suite.sign(privateKey, signed.lend());
  } finally {
    signed.giveBack();
  }
}

/** Throws SIGNATURE_INVALID unless the signature over this encoded SignContent is by this key. */
export async function verifySignContent(
  suite: CipherSuite,
  bytes: Uint8Array,
  signatureKey: Uint8Array,
  signature: Uint8Array,
): Promise<void> {
  if (!(await suite.verify(signatureKey, bytes, signature))) {
    throw new MlsError("SIGNATURE_INVALID", "the message's signature is not valid", { section: "§6.1" });
  }
}

/** ProposalRef of §5.2: how a commit names a proposal that was sent before. */
export function proposalRef(suite: CipherSuite, proposal: AuthenticatedContent): Uint8Array {
  return suite.refHash("MLS 1.0 Proposal Reference", encode(authenticatedContentCodec, proposal));
}

/** Throws GROUP_MISMATCH or EPOCH_MISMATCH unless a message with such content names this group and epoch. */
export function checkPlace(
  message: { readonly groupId: Uint8Array; readonly epoch: bigint },
  contentType: ContentType,
  expected: { readonly groupId: Uint8Array; readonly epoch: bigint },
): void {
  if (!equalBytes(message.groupId, expected.groupId)) {
    throw new MlsError("GROUP_MISMATCH", "a message of another group", { section: "§6.1" });
  }
  if (message.epoch !== expected.epoch) {
    throw new MlsError("EPOCH_MISMATCH", `a message of epoch ${message.epoch}, not ${expected.epoch}`, {
      section: EPOCH_SECTIONS[contentType],
    });
  }
}

/** Where each kind of content is bound to the current epoch. */
const EPOCH_SECTIONS = {
  application: "§15",
  proposal: "§12.1",
  commit: "§12.4.2",
} as const satisfies Record<ContentType, string>;
