import { encode } from "../codec/codec.ts";
import {
  loadCipherSuite,
  type CipherSuite,
  type SignatureKeyPair,
  type SignaturePrivateKey,
} from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { proposalRef, signContent } from "../framing/authenticate.ts";
import { type FramedContent, mlsMessageCodec, type ProposalSender } from "../framing/message.ts";
import { protectPublic } from "../framing/public-message.ts";
import type { KeyPackage } from "../key-package.ts";
import type { Proposal } from "../proposal.ts";

/** The group and epoch that a proposal is for: all that its sender must know of the group. */
export interface ProposalPlace {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly authenticatedData?: Uint8Array;
}

export interface ExternalProposalOptions extends ProposalPlace {
  /** Number of the group's cipher suite. */
  readonly suite: number;
  /** The sender's place in the group's external_senders extension (RFC 9420 §12.1.8.1). */
  readonly senderIndex: number;
  /** The private half of the key in that extension. */
  readonly signatureKey: SignaturePrivateKey;
  readonly proposal: Proposal;
}

/** A proposal as it is sent from outside, and the reference by which a commit would name it. */
export interface OutsideProposal {
  /** The encoded MLSMessage, a PublicMessage. */
  readonly message: Uint8Array;
  readonly ref: Uint8Array;
}

/**
 * A proposal of somebody who is no member but is named in the group's external_senders (RFC 9420 §12.1.8). Throws
 * CONTENT_UNEXPECTED for an Update or an ExternalInit, which only members and joiners make; SUITE_UNSUPPORTED.
 */
export async function createExternalProposal(options: ExternalProposalOptions): Promise<OutsideProposal> {
  const { senderIndex, proposal, signatureKey } = options;
  const suite = await loadCipherSuite(options.suite);
  const sender = { kind: "external", senderIndex } as const;
  return sendFromOutside(suite, options, sender, proposal, signatureKey);
}

export interface SelfProposalOptions extends ProposalPlace {
  /** The key package to be added with; whoever commits the proposal sends its Welcome to it. */
  readonly keyPackage: KeyPackage;
  /** The key pair whose public half stands in the key package. */
  readonly signatureKey: SignatureKeyPair;
}

/**
 * A client's proposal to be added to a group (RFC 9420 §12.1.8, new_member_proposal). Throws KEY_INVALID where the
 * signature key isn't the key package's; SUITE_UNSUPPORTED.
 */
export async function proposeSelf(options: SelfProposalOptions): Promise<OutsideProposal> {
  const { keyPackage, signatureKey } = options;
  if (!equalBytes(signatureKey.publicKey, keyPackage.leafNode.signatureKey)) {
    throw new MlsError("KEY_INVALID", "the signature key is not that of the key package");
  }
  const suite = await loadCipherSuite(keyPackage.cipherSuite);
  const sender = { kind: "newMemberProposal" } as const;
  return sendFromOutside(suite, options, sender, { kind: "add", keyPackage }, signatureKey.privateKey);
}

/** §12.1.8: always a PublicMessage; §6.1: its signature covers no GroupContext, which the sender needn't know. */
async function sendFromOutside(
  suite: CipherSuite,
  place: ProposalPlace,
  sender: ProposalSender,
  proposal: Proposal,
  privateKey: SignaturePrivateKey,
): Promise<OutsideProposal> {
  const content: FramedContent = {
    groupId: place.groupId,
    epoch: place.epoch,
    sender,
    authenticatedData: place.authenticatedData ?? new Uint8Array(),
    content: { kind: "proposal", proposal },
  };
  const wireFormat = "publicMessage";
  const signed = { wireFormat, content, groupContext: new Uint8Array() } as const;
  const signature = await signContent(suite, signed, privateKey);
  const authenticated = { wireFormat, content, auth: { signature, confirmationTag: undefined } } as const;
  const publicMessage = protectPublic(suite, authenticated);
  return {
    message: encode(mlsMessageCodec, { kind: "publicMessage", publicMessage }),
    ref: proposalRef(suite, authenticated),
  };
}
