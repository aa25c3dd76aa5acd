import { encode } from "../codec/codec.ts";
import type { Commit } from "../commit.ts";
import type { CipherSuite, SignatureKeyPair } from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { signContent } from "../framing/authenticate.ts";
import { type FramedContent, mlsMessageCodec } from "../framing/message.ts";
import { protectPublic } from "../framing/public-message.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import { type Capabilities, signLeafNode } from "../leaf-node.ts";
import { checkOwnCapabilities } from "../own-capabilities.ts";
import type { Proposal } from "../proposal.ts";
import { interimTranscriptHash } from "../schedule/transcript.ts";
import type { Member } from "../tree/ratchet-tree.ts";
import { createPath, encryptPath, type NewPath } from "../tree/update-path.ts";
import type { EngineDeps } from "./authentication.ts";
import { type GroupFromOutside, readGroupInfo, type SeparateTree } from "./check-group-info.ts";
import {
  checkExternalProposals,
  checkJoinedTree,
  checkJoinerLeaf,
  placeOfJoiner,
} from "./external-commit-rules.ts";
import { createExternalInit } from "./external-init.ts";
import { startEpoch } from "./group-state.ts";
import { type EpochBefore, type NextEpoch, nextEpoch, provisionalContext } from "./next-epoch.ts";
import { findPskSecret, pskProposal, type PskReference } from "./pre-shared-keys.ts";
import { externalEffects, type StagedCommit } from "./staged-commit.ts";

export interface ExternalCommitOptions {
  /** A GroupInfo of the group's current epoch with an external_pub, as an encoded MLSMessage. */
  readonly groupInfo: Uint8Array;
  /** Where the GroupInfo doesn't carry the tree. */
  readonly ratchetTree?: SeparateTree;
  readonly credential: Credential;
  readonly signatureKey: SignatureKeyPair;
  readonly capabilities: Capabilities;
  readonly leafExtensions?: readonly Extension[];
  /** Leaf index of this client's own former self, which the commit removes: a "resync" (RFC 9420 §12.4.3.2). */
  readonly remove?: number;
  /** Pre-shared keys to inject, in this order. */
  readonly psks?: readonly PskReference[];
  readonly authenticatedData?: Uint8Array;
  readonly deps: EngineDeps;
}

/**
 * Works out the commit with which a client adds itself to a group (RFC 9420 §12.4.3.2), a PublicMessage. Its `next` is
 * to be merged once the group has taken the message; that the client isn't in a group of this id already is the
 * caller's to check. Throws what readGroupInfo throws, also of the own leaf, and what members would refuse the commit
 * for: PROPOSAL_INVALID, PROPOSAL_LIST_INVALID, KEY_REPEATED; PSK_UNAVAILABLE.
 */
export async function joinByExternalCommit(options: ExternalCommitOptions): Promise<StagedCommit> {
  const { deps, signatureKey } = options;
  checkOwnCapabilities(options.capabilities);
  const group = await readGroupInfo(options);
  const { suite, context } = group;
  const init = await createExternalInit(suite, requireExternalPub(group), deps.random);
  const proposals = ownProposals(suite, init.kemOutput, options);
  const { removed, psks } = checkExternalProposals(group, proposals);
  const { created, leaf } = await createJoinerPath(group, removed, options);
  const provisional = provisionalContext({ suite, context: group.context }, created.tree, context.extensions);
  const encoded = encodeGroupContext(provisional);
  const path = await encryptPath(suite, created, leaf, new Set(), encoded, deps.random);
  const commit: Commit = {
    proposals: proposals.map((proposal) => ({ kind: "proposal", proposal })),
    path,
  };
  const pskSecret = await findPskSecret(suite, psks, undefined, "§12.4.2", deps);
  const before: EpochBefore = {
    suite,
    interimTranscriptHash: interimTranscriptHash(
      suite,
      context.confirmedTranscriptHash,
      group.confirmationTag,
    ),
    secrets: { initSecret: init.initSecret },
  };
  const sent = await sealExternalCommit(before, commit, provisional, created, pskSecret, context, options);
  return {
    message: sent.message,
    committer: leaf,
    next: startEpoch({
      suite,
      context: sent.next.context,
      tree: created.tree,
      interimTranscriptHash: sent.next.interimTranscriptHash,
      ownLeaf: leaf,
      needsPath: false,
      reinit: undefined,
      signatureKey: signatureKey.privateKey,
      privateKeys: created.privateKeys,
      secrets: sent.next.secrets,
    }),
    effects: externalEffects(undefined, { leaf, leafNode: created.leafNode }, removed, proposals),
    rootPathSecret: created.rootPathSecret,
  };
}

/** §12.4.3.2: without it no member invites to join like this. */
function requireExternalPub({ externalPub }: GroupFromOutside): Uint8Array {
  if (externalPub === undefined) {
    throw new MlsError("GROUP_INFO_INVALID", "the GroupInfo has no external_pub", { section: "§12.4.3.2" });
  }
  return externalPub;
}

function ownProposals(
  suite: CipherSuite,
  kemOutput: Uint8Array,
  { remove, psks, deps }: ExternalCommitOptions,
): Proposal[] {
  return [
    { kind: "externalInit", kemOutput },
    ...(remove === undefined ? [] : [{ kind: "remove" as const, removed: remove }]),
    ...(psks ?? []).map((psk) => pskProposal(suite, psk, deps.random)),
  ];
}

/** A path from the joiner's new leaf, which keeps the rules that the members will check (§7.3, §12.2). */
async function createJoinerPath(
  group: GroupFromOutside,
  removed: Member | undefined,
  options: ExternalCommitOptions,
): Promise<{ created: NewPath; leaf: number }> {
  const { suite, context } = group;
  const { signatureKey, deps } = options;
  const { tree, leaf } = placeOfJoiner(group.tree, removed);
  const created = await createPath(suite, tree, leaf, deps.random, (encryptionKey, parentHash) =>
    signLeafNode(
      suite,
      {
        encryptionKey,
        signatureKey: signatureKey.publicKey,
        credential: options.credential,
        capabilities: options.capabilities,
        source: { kind: "commit", parentHash },
        extensions: options.leafExtensions ?? [],
      },
      signatureKey.privateKey,
      { groupId: context.groupId, leafIndex: leaf },
    ),
  );
  await checkJoinerLeaf(group, leaf, created, removed, deps);
  checkJoinedTree(group, created.tree, leaf, deps);
  return { created, leaf };
}

/** Signs the commit with the new leaf's key and derives the new epoch (§12.4.1); there is no membership tag (§6.2). */
async function sealExternalCommit(
  before: EpochBefore,
  commit: Commit,
  provisional: GroupContext,
  created: NewPath,
  pskSecret: Uint8Array,
  context: GroupContext,
  options: ExternalCommitOptions,
): Promise<{ message: Uint8Array; next: NextEpoch }> {
  const { suite } = before;
  const { groupId, epoch } = context;
  const content: FramedContent = {
    groupId,
    epoch,
    sender: { kind: "newMemberCommit" },
    authenticatedData: options.authenticatedData ?? new Uint8Array(),
    content: { kind: "commit", commit },
  };
  const wireFormat = "publicMessage";
  const groupContext = encodeGroupContext(context);
  const signature = await signContent(
    suite,
    { wireFormat, content, groupContext },
    options.signatureKey.privateKey,
  );
  const next = nextEpoch(
    before,
    provisional,
    { wireFormat, content, signature },
    created.commitSecret,
    pskSecret,
  );
  const auth = { signature, confirmationTag: next.confirmationTag };
  const publicMessage = protectPublic(suite, { wireFormat, content, auth });
  return { message: encode(mlsMessageCodec, { kind: "publicMessage", publicMessage }), next };
}
