import { decode } from "../codec/codec.ts";
import { MlsError } from "../errors.ts";
import { proposalRef } from "../framing/authenticate.ts";
import {
  type AuthenticatedContent,
  type FramedContent,
  isFromMember,
  type MlsMessage,
  mlsMessageCodec,
  type ProposalSender,
  type PublicMessage,
  type Sender,
} from "../framing/message.ts";
import { openPrivate } from "../framing/private-message.ts";
import { openPublic } from "../framing/public-message.ts";
import type { Proposal } from "../proposal.ts";
import type { RatchetLimits } from "../schedule/ratchet.ts";
import type { SecretTree } from "../schedule/secret-tree.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { EngineDeps } from "./authentication.ts";
import { type GroupState, withProposal } from "./group-state.ts";
import { dropExpiredKeys } from "./limits.ts";
import { checkOutsidersAllowed } from "./external-policy.ts";
import { outsiderKey } from "./external-sender.ts";
import { receiveCommit } from "./receive-commit.ts";
import { receiveExternalCommit } from "./receive-external-commit.ts";
import { admitExternalProposal } from "./receive-external-proposal.ts";
import { refuseClosed } from "./reinit.ts";
import type { StagedCommit } from "./staged-commit.ts";

export type ProcessedMessage =
  | {
      readonly kind: "application";
      readonly state: GroupState;
      /** Leaf index. */
      readonly sender: number;
      /** A part of the decrypted plaintext, not a copy: its buffer holds the signature and the padding, too. */
      readonly data: Uint8Array;
      readonly authenticatedData: Uint8Array;
      readonly generation: number;
    }
  | {
      readonly kind: "proposal";
      readonly state: GroupState;
      readonly sender: ProposalSender;
      readonly ref: Uint8Array;
      readonly proposal: Proposal;
      readonly authenticatedData: Uint8Array;
    }
  | {
      readonly kind: "commit";
      /** The same epoch with the sender's generation used up: what stays if the commit isn't taken. */
      readonly state: GroupState;
      readonly staged: StagedCommit;
      readonly sender: Sender;
      readonly authenticatedData: Uint8Array;
    };

export interface ProcessOptions {
  /**
   * Also take proposals and commits of members that come as PublicMessage (RFC 9420 §6.2). What comes from outside the
   * group is always such a message, and taken where `deps.external` allows it.
   */
  readonly allowPublic?: boolean;
  /** How far a sender's ratchet may leap, and how long the keys between are kept. */
  readonly limits?: RatchetLimits;
  /** The time in whole ms. Without it skipped keys don't expire, and count as expired once a time is given. */
  readonly now?: number;
  /**
   * Path secret of the topmost node of the commit's path, from a member that could open it. With it the path isn't
   * decrypted; the new epoch's state then knows the root's private key and its own leaf's, and no others.
   */
  readonly rootPathSecret?: Uint8Array;
}

/**
 * Reads a message of this epoch. A proposal is kept for a later commit, a commit is staged; nothing is decided for
 * the application. Throws MlsError and leaves the state as it was: a generation is used up only in a returned state.
 * A member's proposal that breaks a rule is kept all the same, and refused with the commit that includes it (§12.1,
 * §12.2).
 *
 * Of any message: WIRE_FORMAT_UNEXPECTED, GROUP_CLOSED, GROUP_MISMATCH, EPOCH_MISMATCH, SENDER_INVALID, OWN_MESSAGE,
 * SIGNATURE_INVALID; of a private one AEAD_OPEN_FAILED, PADDING_INVALID, REPLAYED, GENERATION_USED, GENERATION_TOO_FAR,
 * GENERATION_EXHAUSTED; of a public one MEMBERSHIP_TAG_INVALID, CONTENT_UNEXPECTED. Of a commit COMMIT_INVALID,
 * UPDATE_PATH_INVALID, PATH_UNREADABLE, CONFIRMATION_TAG_INVALID, EXTERNAL_COMMIT_REFUSED and what stageCommit throws of
 * its proposals and leaves, which a proposal from outside is held to at once, and to EXTERNAL_PROPOSAL_REFUSED.
 */
export async function processMessage(
  state: GroupState,
  message: Uint8Array,
  deps: EngineDeps,
  options: ProcessOptions = {},
): Promise<ProcessedMessage> {
  refuseClosed(state);
  const { now, limits } = options;
  const current = now === undefined ? state : dropExpiredKeys(state, now, limits);
  const opened = await openMessage(current, decode(mlsMessageCodec, message), deps, options);
  const { content } = opened.authenticated;
  const { authenticatedData, sender } = content;
  const { secretTree } = opened;
  const after = secretTree === current.secretTree ? current : { ...current, secretTree };
  switch (content.content.kind) {
    case "application": {
      const { data } = content.content;
      return {
        kind: "application",
        state: after,
        sender: leafOfMember(sender),
        data,
        authenticatedData,
        generation: opened.generation,
      };
    }
    case "proposal": {
      const { proposal } = content.content;
      if (sender.kind === "newMemberCommit") throw new RangeError("such a sender's content is a commit");
      if (sender.kind !== "member") await admitExternalProposal(state, content, deps);
      const ref = proposalRef(state.suite, opened.authenticated);
      return {
        kind: "proposal",
        state: withProposal(after, { ref, proposal, sender }),
        sender,
        ref,
        proposal,
        authenticatedData,
      };
    }
    case "commit": {
      const { authenticated } = opened;
      const { rootPathSecret } = options;
      const staged =
        sender.kind === "newMemberCommit"
          ? await receiveExternalCommit(state, message, authenticated, deps, rootPathSecret)
          : await receiveCommit(state, message, authenticated, leafOfMember(sender), deps, rootPathSecret);
      return { kind: "commit", state: after, staged, sender, authenticatedData };
    }
  }
}

interface OpenedMessage {
  readonly authenticated: AuthenticatedContent;
  readonly generation: number;
  readonly secretTree: SecretTree;
}

function openMessage(
  state: GroupState,
  message: MlsMessage,
  deps: EngineDeps,
  options: ProcessOptions,
): Promise<OpenedMessage> {
  const { suite, context, secrets } = state;
  const place = { groupId: context.groupId, epoch: context.epoch, groupContext: state.encodedContext };
  if (message.kind === "privateMessage") {
    return openPrivate(
      suite,
      message.privateMessage,
      { ...place, senderDataSecret: secrets.senderDataSecret, secretTree: state.secretTree },
      {
        ownLeaf: state.ownLeaf,
        signatureKeyOf: (leaf) => leafAt(state.tree, leaf)?.signatureKey,
        limits: options.limits,
        now: options.now,
      },
    );
  }
  if (message.kind === "publicMessage" && isPublicTaken(message.publicMessage, options)) {
    const { publicMessage } = message;
    const keys = { ...place, membershipKey: secrets.membershipKey };
    const opening = openPublic(suite, publicMessage, keys, (_sender, content) =>
      publicSenderKey(state, content, deps),
    );
    return opening.then((authenticated) => ({ authenticated, generation: 0, secretTree: state.secretTree }));
  }
  throw new MlsError("WIRE_FORMAT_UNEXPECTED", `a ${message.kind} is not taken here`, { section: "§6" });
}

/** What comes from outside can't be a PrivateMessage (§12.1.8): whether it is taken is the application's to say. */
function isPublicTaken({ content }: PublicMessage, options: ProcessOptions): boolean {
  return content.sender.kind !== "member" || options.allowPublic === true;
}

function publicSenderKey(state: GroupState, content: FramedContent, deps: EngineDeps): Uint8Array {
  const { sender } = content;
  if (sender.kind !== "member") {
    checkOutsidersAllowed(deps, content.content.kind === "commit" ? "commit" : "proposal");
    return outsiderKey(state.context, content);
  }
  if (isFromMember(sender, state.ownLeaf)) throw new MlsError("OWN_MESSAGE", "a message of this very member");
  const leafNode = leafAt(state.tree, sender.leafIndex);
  if (leafNode === undefined) {
    throw new MlsError("SENDER_INVALID", "the sender is no member", { section: "§6.1" });
  }
  return leafNode.signatureKey;
}

function leafOfMember(sender: Sender): number {
  if (sender.kind !== "member") throw new RangeError("only a member's message opens");
  return sender.leafIndex;
}
