import { encode, u16 } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite, SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { MLS10 } from "../version.ts";
import {
  type AuthenticatedContent,
  authenticatedContentCodec,
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

/** The encoded FramedContentTBS. The context is covered for senders who are, or come to be, members. */
export function contentTbs({ wireFormat, content, groupContext }: SignedContent): Uint8Array {
  const writer = new Writer();
  u16.write(writer, MLS10);
  groupWireFormatCodec.write(writer, wireFormat);
  framedContentCodec.write(writer, content);
  const sender = content.sender.kind;
  if (sender === "member" || sender === "newMemberCommit") writer.raw(groupContext);
  return writer.finish();
}

export function signContent(
  suite: CipherSuite,
  content: SignedContent,
  privateKey: SignaturePrivateKey,
): Promise<Uint8Array> {
  return signTbs(suite, contentTbs(content), privateKey);
}

/** The same where the encoded FramedContentTBS is at hand. */
export function signTbs(
  suite: CipherSuite,
  tbs: Uint8Array,
  privateKey: SignaturePrivateKey,
): Promise<Uint8Array> {
  return suite.signWithLabel(privateKey, "FramedContentTBS", tbs);
}

/** Throws SIGNATURE_INVALID unless the signature over `tbs` is by this key. */
export async function verifyContent(
  suite: CipherSuite,
  tbs: Uint8Array,
  signatureKey: Uint8Array,
  signature: Uint8Array,
): Promise<void> {
  if (!(await suite.verifyWithLabel(signatureKey, "FramedContentTBS", tbs, signature))) {
    throw new MlsError("SIGNATURE_INVALID", "the message's signature is not valid", { section: "§6.1" });
  }
}

/** ProposalRef of §5.2: how a commit names a proposal that was sent before. */
export function proposalRef(suite: CipherSuite, proposal: AuthenticatedContent): Uint8Array {
  return suite.refHash("MLS 1.0 Proposal Reference", encode(authenticatedContentCodec, proposal));
}

/** Throws GROUP_MISMATCH or EPOCH_MISMATCH unless a message names this group and epoch (§12.1, §12.4.2). */
export function checkPlace(
  message: { readonly groupId: Uint8Array; readonly epoch: bigint },
  expected: { readonly groupId: Uint8Array; readonly epoch: bigint },
): void {
  if (!equalBytes(message.groupId, expected.groupId)) {
    throw new MlsError("GROUP_MISMATCH", "a message of another group", { section: "§6.1" });
  }
  if (message.epoch !== expected.epoch) {
    throw new MlsError("EPOCH_MISMATCH", `a message of epoch ${message.epoch}, not ${expected.epoch}`, {
      section: "§6.1",
    });
  }
}
