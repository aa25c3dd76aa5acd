import { bytesToHex } from "@noble/hashes/utils.js";
import type { CipherSuite, SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import type { Extension } from "../extension.ts";
import type { ProposalSender } from "../framing/message.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { Proposal, ReInit } from "../proposal.ts";
import { createExporterTree, type ExporterTree } from "../schedule/exporter-tree.ts";
import { type EpochSecrets, exportFrom } from "../schedule/key-schedule.ts";
import { createSecretTree, type SecretTree } from "../schedule/secret-tree.ts";
import { leafAt, type Member, membersOf, type RatchetTree, treeWidth } from "../tree/ratchet-tree.ts";
import type { NodePrivateKeys } from "../tree/update-path.ts";
import type { HeldResumptionPsk } from "./pre-shared-keys.ts";

/**
 * One member's view of one epoch of a group: an immutable value. Every operation returns the next value and shares
 * what didn't change, so that diffGroup finds the few records to write.
 */
export interface GroupState {
  readonly suite: CipherSuite;
  readonly context: GroupContext;
  /** The context as it is signed and hashed: encoded once per epoch. */
  readonly encodedContext: Uint8Array;
  readonly tree: RatchetTree;
  readonly interimTranscriptHash: Uint8Array;
  readonly ownLeaf: number;
  /** This member needed help with a path (RFC 9420 §7.5): keys above its leaf may be unknown to it until it commits one. */
  readonly needsPath: boolean;
  /** What closed the group: its last commit carried this ReInit (RFC 9420 §12.4.2). */
  readonly reinit: ReInit | undefined;
  readonly signatureKey: SignaturePrivateKey;
  /** HPKE private keys by node index: the own leaf's, and those above it that this member knows. */
  readonly privateKeys: NodePrivateKeys;
  readonly secrets: KeptSecrets;
  readonly secretTree: SecretTree;
  /** What safeExportSecret can still give. */
  readonly exporterTree: ExporterTree;
  /** Proposals received or made in this epoch, by the hexadecimal form of their reference, in order. */
  readonly proposals: ReadonlyMap<string, PendingProposal>;
}

/** The secrets of an epoch that outlive its start; the others are the roots of the two trees (RFC 9420 §9.2). */
export type KeptSecrets = Omit<EpochSecrets, "encryptionSecret" | "applicationExportSecret">;

export interface PendingProposal {
  readonly ref: Uint8Array;
  readonly proposal: Proposal;
  /** A member by its leaf index, or who proposed from outside the group. */
  readonly sender: ProposalSender;
  /** Of an own Update: the private key that belongs to the new leaf. */
  readonly encryptionPrivateKey?: Uint8Array;
}

export interface EpochParts extends Omit<
  GroupState,
  "encodedContext" | "proposals" | "secrets" | "secretTree" | "exporterTree"
> {
  readonly secrets: EpochSecrets;
}

/** The first state of an epoch: nothing proposed yet, and the two trees in place of their roots (RFC 9420 §9.2). */
export function startEpoch({ secrets, ...parts }: EpochParts): GroupState {
  const { encryptionSecret, applicationExportSecret, ...kept } = secrets;
  return {
    ...parts,
    encodedContext: encodeGroupContext(parts.context),
    secrets: kept,
    secretTree: createSecretTree(encryptionSecret, treeWidth(parts.tree)),
    exporterTree: createExporterTree(applicationExportSecret),
    proposals: new Map(),
  };
}

/** The state with one more proposal; the same state where it is known, as a PublicMessage that comes twice is. */
export function withProposal(state: GroupState, pending: PendingProposal): GroupState {
  const ref = bytesToHex(pending.ref);
  if (state.proposals.has(ref)) return state;
  const proposals = new Map(state.proposals);
  proposals.set(ref, pending);
  return { ...state, proposals };
}

/** MLS-Exporter (RFC 9420 §8.5): `length` bytes bound to this epoch, the label and the context. Throws LENGTH_INVALID. */
export function exportSecret(
  state: GroupState,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return exportFrom(state.suite, state.secrets.exporterSecret, label, context, length);
}

/** The resumption PSK that the engine finds without asking the application. */
export function heldBy(state: GroupState): HeldResumptionPsk {
  const { groupId: id, epoch: number } = state.context;
  return { groupId: id, epoch: number, resumptionPsk: state.secrets.resumptionPsk };
}

/**
 * The resumption PSK of this epoch (RFC 9420 §8.6), for an application that means to inject it into a later epoch or
 * another group. It outlives the state: keep few, and briefly.
 */
export function resumptionPsk(state: GroupState): Uint8Array {
  return state.secrets.resumptionPsk;
}

/** RFC 9420 §8.7: equal at all members that hold the same view of the epoch. */
export function epochAuthenticator(state: GroupState): Uint8Array {
  return state.secrets.epochAuthenticator;
}

/** All members in the order of their leaves. Computed once per tree. */
export function members(state: GroupState): readonly Member[] {
  return membersOf(state.tree);
}

/** The leaf node of a member; undefined where the leaf is blank. */
export function memberAt(state: GroupState, leaf: number): LeafNode | undefined {
  return leafAt(state.tree, leaf);
}

/** Leaf index of this member. */
export function ownLeaf(state: GroupState): number {
  return state.ownLeaf;
}

/** Extensions of the GroupContext of this epoch. */
export function contextExtensions(state: GroupState): readonly Extension[] {
  return state.context.extensions;
}

/** The same in all epochs. */
export function groupId(state: GroupState): Uint8Array {
  return state.context.groupId;
}

/** Number of the epoch, from 0. */
export function epoch(state: GroupState): bigint {
  return state.context.epoch;
}

/** What was proposed in this epoch so far, in the order in which it was received or made. */
export function pendingProposals(state: GroupState): readonly PendingProposal[] {
  return [...state.proposals.values()];
}
