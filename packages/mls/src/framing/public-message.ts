import { concatBytes } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalConstantTime } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { checkPlace, contentTbs, writeSignContent, verifySignContent } from "./authenticate.ts";
import {
  type AuthenticatedContent,
  authDataCodec,
  type FramedContent,
  type PublicMessage,
  type Sender,
} from "./message.ts";

/** What a member needs to make and to read the public messages of an epoch. */
export interface PublicMessageKeys {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  /** The encoded GroupContext of the epoch. */
  readonly groupContext: Uint8Array;
  readonly membershipKey: Uint8Array;
}

/**
 * A signed content as PublicMessage (RFC 9420 §6.2). `keys` are a member's; whoever is outside the group has none and
 * needs none. Throws CONTENT_UNEXPECTED for application data (§6) and for what a sender may not send (§6.1).
 */
export function protectPublic(
  suite: CipherSuite,
  authenticated: AuthenticatedContent,
  keys?: PublicMessageKeys,
): PublicMessage {
  const { content, auth } = authenticated;
  checkPublicContent(authenticated.wireFormat, content);
  if (content.sender.kind !== "member") return { content, auth, membershipTag: undefined };
  if (keys === undefined) throw new RangeError("a member's message needs the membership key");
  const tbs = contentTbs({ wireFormat: "publicMessage", content, groupContext: keys.groupContext });
  return { content, auth, membershipTag: membershipTag(suite, tbs, authenticated, keys.membershipKey) };
}

/**
 * Checks group, epoch, membership tag and signature of a PublicMessage. `signatureKeyOf` finds the sender's key and
 * throws if there is no such sender. Throws CONTENT_UNEXPECTED, GROUP_MISMATCH, EPOCH_MISMATCH,
 * MEMBERSHIP_TAG_INVALID, SIGNATURE_INVALID. The confirmation tag of a commit is for the caller.
 */
export async function openPublic(
  suite: CipherSuite,
  message: PublicMessage,
  keys: PublicMessageKeys,
  signatureKeyOf: (sender: Sender, content: FramedContent) => Uint8Array,
): Promise<AuthenticatedContent> {
  const { content, auth } = message;
  checkPublicContent("publicMessage", content);
  checkPlace(content, content.content.kind, keys);
  const authenticated: AuthenticatedContent = { wireFormat: "publicMessage", content, auth };
  const signed = { wireFormat: "publicMessage", content, groupContext: keys.groupContext } as const;
  if (content.sender.kind === "member") {
    const expected = membershipTag(suite, contentTbs(signed), authenticated, keys.membershipKey);
    if (message.membershipTag === undefined || !equalConstantTime(expected, message.membershipTag)) {
      throw new MlsError("MEMBERSHIP_TAG_INVALID", "the membership tag is not valid", { section: "§6.2" });
    }
  }
  const writer = writeSignContent(signed);
  try {
    await verifySignContent(suite, writer.lend(), signatureKeyOf(content.sender, content), auth.signature);
  } finally {
    writer.giveBack();
  }
  return authenticated;
}

/** §6: application data goes in PrivateMessages only; §6.1: what senders outside the group may send. */
function checkPublicContent(wireFormat: string, content: FramedContent): void {
  if (wireFormat !== "publicMessage") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", "signed for another wire format", { section: "§6.1" });
  }
  const kind = content.content.kind;
  if (kind === "application") {
    throw new MlsError("CONTENT_UNEXPECTED", "application data in a public message", { section: "§6" });
  }
  switch (content.sender.kind) {
    case "member":
      return;
    case "newMemberCommit":
      if (kind === "commit") return;
      break;
    case "newMemberProposal":
      if (content.content.kind === "proposal" && content.content.proposal.kind === "add") return;
      break;
    case "external":
      if (content.content.kind === "proposal" && EXTERNAL_PROPOSALS.has(content.content.proposal.kind))
        return;
      break;
  }
  throw new MlsError("CONTENT_UNEXPECTED", `a ${content.sender.kind} sender cannot send this ${kind}`, {
    section: "§6.1",
  });
}

/** §12.1.8: what an external sender may propose. */
const EXTERNAL_PROPOSALS: ReadonlySet<string> = new Set([
  "add",
  "remove",
  "psk",
  "reinit",
  "groupContextExtensions",
]);

/** The MAC over AuthenticatedContentTBM: the signed bytes and then the auth data (§6.2). */
function membershipTag(
  suite: CipherSuite,
  tbs: Uint8Array,
  authenticated: AuthenticatedContent,
  membershipKey: Uint8Array,
): Uint8Array {
  const auth = encode(authDataCodec(authenticated.content.content.kind), authenticated.auth);
  return suite.mac(membershipKey, concatBytes(tbs, auth));
}
