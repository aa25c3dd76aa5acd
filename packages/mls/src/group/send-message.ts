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
import { checkAdd } from "./apply-proposals.ts";
import type { EngineDeps } from "./authentication.ts";
import { frameOwn, type FramedMessage } from "./frame-own.ts";
import { type GroupState, withProposal } from "./group-state.ts";
import { pskProposal, type PskReference } from "./pre-shared-keys.ts";
import { refuseClosed } from "./reinit.ts";
import type { LeafChanges } from "./stage-commit.ts";

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
 * equal one from a replay, so it is refused here with REPLAYED.
 */
export async function createApplicationMessage(
  state: GroupState,
  data: Uint8Array,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; generation: number }> {
  const sent = await send(state, { kind: "application", data }, options, deps);
  return { state: sent.state, message: sent.message, generation: sent.generation };
}

/**
 * Sends a proposal and keeps it for a later commit (RFC 9420 §12.1). An Update is made by proposeUpdate. Of an Add the
 * key package is checked first, its credential and its lifetime included (§5.3.1, §7.3).
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
  if (proposal.kind === "add") await checkAdd(state, proposal.keyPackage, state.context.extensions, deps);
  const sent = await send(state, { kind: "proposal", proposal }, options, deps);
  const ref = proposalRef(state.suite, sent.authenticated);
  const next = withProposal(sent.state, { ref, proposal, sender: memberSender(state.ownLeaf) });
  return { state: next, message: sent.message, ref };
}

/** Proposes that a member leaves, possibly this one itself. Throws MEMBER_UNKNOWN. */
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

/** Proposes to inject a pre-shared key (RFC 9420 §12.1.4), which every member must have when it is committed. */
export function proposePsk(
  state: GroupState,
  psk: PskReference,
  options: SendOptions,
  deps: EngineDeps,
): Promise<{ state: GroupState; message: Uint8Array; ref: Uint8Array }> {
  return createProposal(state, pskProposal(state.suite, psk, deps.random), options, deps);
}

/** Proposes a fresh leaf for this member (RFC 9420 §12.1.2), under the same signature key. */
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
  const sent = await send(state, { kind: "proposal", proposal }, options, deps);
  const ref = proposalRef(suite, sent.authenticated);
  const sender = memberSender(ownLeaf);
  const pending = { ref, proposal, sender, encryptionPrivateKey: keys.privateKey };
  return { state: withProposal(sent.state, pending), message: sent.message, ref };
}

function memberSender(leafIndex: number): ProposalSender {
  return { kind: "member", leafIndex };
}

interface Sent extends FramedMessage {
  readonly authenticated: AuthenticatedContent;
}

async function send(state: GroupState, body: Content, options: SendOptions, deps: EngineDeps): Promise<Sent> {
  refuseClosed(state);
  const { suite, context, encodedContext, ownLeaf, signatureKey } = state;
  const { authenticatedData = NO_BYTES, wireFormat = "privateMessage" } = options;
  const { groupId, epoch } = context;
  const content: FramedContent = {
    groupId,
    epoch,
    sender: memberSender(ownLeaf),
    authenticatedData,
    content: body,
  };
  const signed = writeSignContent({ wireFormat, content, groupContext: encodedContext });
  let authenticated: AuthenticatedContent;
  let id: string | undefined;
  try {
    const bytes = signed.lend();
    const hashing = wireFormat === "privateMessage" ? seenId(bytes) : undefined;
    const signature = await suite.sign(signatureKey, bytes);
    authenticated = { wireFormat, content, auth: { signature, confirmationTag: undefined } };
    id = await hashing;
  } finally {
    signed.giveBack();
  }
  const framed = await frameOwn(state, authenticated, deps.random, id);
  return { ...framed, authenticated };
}
