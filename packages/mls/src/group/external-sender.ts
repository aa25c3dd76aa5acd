import { decode } from "../codec/codec.ts";
import { MlsError } from "../errors.ts";
import {
  EXTENSION_EXTERNAL_SENDERS,
  type ExternalSender,
  externalSendersCodec,
  findExtension,
} from "../extension.ts";
import type { FramedContent, Sender } from "../framing/message.ts";
import type { GroupContext } from "../group-context.ts";
import { requirePath } from "./external-commit-rules.ts";

/**
 * The key that the signature of a message from outside the group verifies under (RFC 9420 §6.1): that of the
 * external_senders extension, or the one in the very leaf that wants to join. Throws SENDER_INVALID, COMMIT_INVALID.
 */
export function outsiderKey(context: GroupContext, { sender, content }: FramedContent): Uint8Array {
  if (sender.kind === "external") return externalSenderOf(context, sender).signatureKey;
  if (sender.kind === "newMemberCommit" && content.kind === "commit") {
    return requirePath(content.commit).leafNode.signatureKey;
  }
  if (sender.kind === "newMemberProposal" && content.kind === "proposal" && content.proposal.kind === "add") {
    return content.proposal.keyPackage.leafNode.signatureKey;
  }
  throw new RangeError(`a ${sender.kind} sender of this content is refused before`);
}

/** §12.1.8.1: the entry of the extension that the sender's index names. Throws SENDER_INVALID. */
export function externalSenderOf(
  context: GroupContext,
  { senderIndex }: Sender & { readonly kind: "external" },
): ExternalSender {
  const data = findExtension(context.extensions, EXTENSION_EXTERNAL_SENDERS);
  const found = data === undefined ? undefined : decode(externalSendersCodec, data)[senderIndex];
  if (found === undefined) {
    throw new MlsError("SENDER_INVALID", `the group names no external sender ${senderIndex}`, {
      section: "§12.1.8.1",
    });
  }
  return found;
}
