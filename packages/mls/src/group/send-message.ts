import { MlsError } from "../errors.ts";
import { NO_BYTES } from "../codec/shared.ts";
import { writeSignContent, proposalRef } from "../framing/authenticate.ts";
import {
  type AuthenticatedContent,
  type Content,
  type FramedContent,
  type GroupWireFormat,
  type ProposalSender,
} from "../framing/message.ts";
import { signLeafNode } from "../leaf-node.ts";
import { checkOwnCapabilities } from "../own-capabilities.ts";
import type { Proposal } from "../proposal.ts";
import { seenId } from "../schedule/seen-messages.ts";
import { leafAt, memberLeaf } from "../tree/ratchet-tree.ts";
import { applyProposals } from "./apply-proposals.ts";
import type { EngineDeps } from "./authentication.ts";
import type { LeafChanges } from "./commit-intent.ts";
import { frameOwn } from "./frame-own.ts";
import { type GroupState, type PendingProposal, withProposal } from "./group-state.ts";
import { pskProposal, type PskReference } from "./pre-shared-keys.ts";
import { refuseClosed } from "./reinit.ts";

export interface SendOptions {
  readonly authenticatedData?: Uint8Array;
  /**
   * How a proposal goes out; "privateMessage" unless said otherwise. A PublicMessage shows its content to whoever
   * carries it, and uses up no generation (RFC 9420 §6.2). Application data is always private.
   */
  readonly wireFormat?: GroupWireFormat;
}

/**
 * Encrypts application data (RFC 9420 §15), padded to a size class. The returned state is to be stored before the
 * message is sent. Two messages of an epoch must differ in data or authenticated data: receivers can't tell a second
 * equal one from a replay, so it is refused here with REPLAYED. Throws GROUP_CLOSED, GENERATION_EXHAUSTED, and
 * CONTENT_UNEXPECTED where it is to go out as a PublicMessage.
 */
export async function createApplicationMessage(
  state: GroupState,
  data: Uint8Array,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; generation: number }> {
  const { authenticated, id } = await signOwn(state, { kind: "application", data }, options);
  return frameOwn(state, authenticated, deps.random, id);
}

/**
 * Sends a proposal and keeps it for a later commit (RFC 9420 §12.1). An Update is made by proposeUpdate. Of an Add the
 * key package is checked first, its credential and its lifetime included (§5.3.1, §7.3): throws what
 * checkDecodedKeyPackage throws, CREDENTIAL_INVALID; of any proposal GROUP_CLOSED, PROPOSAL_INVALID,
 * EXTENSION_DUPLICATE, GENERATION_EXHAUSTED, and REPLAYED where an equal one was sent before.
 */
export async function createProposal(
  state: GroupState,
  proposal: Proposal,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  if (proposal.kind === "update") {
    throw new MlsError("PROPOSAL_INVALID", "an Update is made by proposeUpdate, which keeps its private key");
  }
  if (proposal.kind === "add") {
    const sent = { proposal, sender: memberSender(state.ownLeaf), byReference: true };
    await applyProposals(state, [sent], undefined, deps);
  }
  return sendProposal(state, proposal, options, deps);
}

/** Proposes that a member leaves, possibly this one itself. Throws MEMBER_UNKNOWN and what createProposal throws. */
export function proposeRemove(
  state: GroupState,
  leaf: number,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  if (leafAt(state.tree, leaf) === undefined) {
    throw new MlsError("MEMBER_UNKNOWN", `leaf ${leaf} has no member`, { section: "§12.1.3" });
  }
  return createProposal(state, { kind: "remove", removed: leaf }, options, deps);
}

/**
 * Proposes to inject a pre-shared key (RFC 9420 §12.1.4), which every member must have when it is committed. Throws
 * GROUP_CLOSED, GENERATION_EXHAUSTED.
 */
export function proposePsk(
  state: GroupState,
  psk: PskReference,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  return createProposal(state, pskProposal(state.suite, psk, deps.random), options, deps);
}

/**
 * Proposes a fresh leaf for this member (RFC 9420 §12.1.2), under the same signature key. Throws LEAF_NODE_INVALID,
 * EXTENSION_DUPLICATE, GROUP_CLOSED, GENERATION_EXHAUSTED; the rest is judged with the commit that takes it.
 */
export async function proposeUpdate(
  state: GroupState,
  changes: Omit<LeafChanges, "signatureKey">,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  const { suite, ownLeaf, context } = state;
  if (changes.capabilities !== undefined) checkOwnCapabilities(changes.capabilities);
  const before = memberLeaf(state.tree, ownLeaf);
  const keys = await suite.deriveKeyPair(deps.random.bytes(suite.hashLength));
  const leafNode = await signLeafNode(
    suite,
    {
      encryptionKey: keys.publicKey,
      signatureKey: before.signatureKey,
      credential: changes.credential ?? before.credential,
      capabilities: changes.capabilities ?? before.capabilities,
      source: { kind: "update" },
      extensions: changes.extensions ?? before.extensions,
    },
    state.signatureKey,
    { groupId: context.groupId, leafIndex: ownLeaf },
  );
  const proposal: Proposal = { kind: "update", leafNode };
  return sendProposal(state, proposal, options, deps, { encryptionPrivateKey: keys.privateKey });
}

function memberSender(leafIndex: number): ProposalSender {
  return { kind: "member", leafIndex };
}

async function sendProposal(
  state: GroupState,
  proposal: Proposal,
  options: SendOptions,
  deps: EngineDeps,
  own?: Pick<PendingProposal, "encryptionPrivateKey">,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  const { authenticated, id } = await signOwn(state, { kind: "proposal", proposal }, options);
  const { state: next, message } = await frameOwn(state, authenticated, deps.random, id);
  const ref = proposalRef(state.suite, authenticated);
  const pending = { ref, proposal, sender: memberSender(state.ownLeaf), ...own };
  return { state: withProposal(next, pending), message, ref };
}

/** The content as this member signs it, and what it is noted by where it goes out encrypted. */
async function signOwn(
  state: GroupState,
  body: Content,
  { authenticatedData = NO_BYTES, wireFormat = "privateMessage" }: SendOptions,
): Promise<{ authenticated: AuthenticatedContent; id: string | undefined }> {
  refuseClosed(state);
  const { suite, context, encodedContext, ownLeaf, signatureKey } = state;
  const { groupId, epoch } = context;
  const sender = memberSender(ownLeaf);
  const content: FramedContent = { groupId, epoch, sender, authenticatedData, content: body };
  const signed = writeSignContent({ wireFormat, content, groupContext: encodedContext });
  try {
    const bytes = signed.lend();
    const hashing = wireFormat === "privateMessage" ? seenId(bytes) : undefined;
    const signature = await suite.sign(signatureKey, bytes);
    return {
      authenticated: { wireFormat, content, auth: { signature, confirmationTag: undefined } },
      id: await hashing,
    };
  } finally {
    signed.giveBack();
  }
}
