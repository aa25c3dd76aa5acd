import type { Commit } from "../commit.ts";
import type { SignatureKeyPair } from "../crypto/cipher-suite.ts";
import type { Credential } from "../credential.ts";
import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { signContent } from "../framing/authenticate.ts";
import type { FramedContent, GroupWireFormat } from "../framing/message.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import type { KeyPackage } from "../key-package.ts";
import { type Capabilities, type LeafNode, signLeafNode } from "../leaf-node.ts";
import { createSecretTree } from "../schedule/secret-tree.ts";
import { interimTranscriptHash } from "../schedule/transcript.ts";
import { leafAt, treeWidth } from "../tree/ratchet-tree.ts";
import { createPath, encryptPath, type NewPath } from "../tree/update-path.ts";
import { type AppliedProposals, applyProposals } from "./apply-proposals.ts";
import { authenticateSuccessor, type EngineDeps } from "./authentication.ts";
import { createWelcome } from "./create-welcome.ts";
import { frameOwn } from "./frame-own.ts";
import { type GroupState, keptSecrets, startEpoch } from "./group-state.ts";
import { checkLeaf } from "./leaf-rules.ts";
import { findPskSecret, type NextEpoch, nextEpoch, provisionalContext } from "./next-epoch.ts";
import type { SentProposal } from "./proposal-rules.ts";
import { checkResultingTree } from "./resulting-tree.ts";
import { byReference, selectProposals } from "./select-proposals.ts";
import { effectsOf, type StagedCommit } from "./staged-commit.ts";

export interface CommitIntent {
  /** Who joins. Their credentials are put to the application; their lifetimes are the caller's to check (§7.3). */
  readonly add?: readonly KeyPackage[];
  /** Leaf indexes. */
  readonly remove?: readonly number[];
  /** The new list of GroupContext extensions, in place of the whole old one. */
  readonly contextExtensions?: readonly Extension[];
  /** Pending proposals to take along, by their references; "all" (the default) takes every valid one. */
  readonly proposals?: "all" | readonly Uint8Array[];
  /** What changes in the own leaf besides its encryption key. */
  readonly leaf?: LeafChanges;
  readonly authenticatedData?: Uint8Array;
  /** How the commit goes out; "privateMessage" unless said otherwise (RFC 9420 §6.2). */
  readonly wireFormat?: GroupWireFormat;
}

export interface LeafChanges {
  readonly extensions?: readonly Extension[];
  readonly capabilities?: Capabilities;
  readonly credential?: Credential;
  readonly signatureKey?: SignatureKeyPair;
}

/**
 * Works out a commit, always with a full path (RFC 9420 §12.4.1). `state` is the same epoch with the own handshake
 * ratchet advanced: it's to be stored before the message is sent, so that a second commit from this epoch never
 * reuses a key. `staged` changes nothing until it is merged. Throws what the rules of §12.2 and §7.3 refuse.
 */
export async function stageCommit(
  state: GroupState,
  intent: CommitIntent,
  deps: EngineDeps,
): Promise<{ state: GroupState; staged: StagedCommit }> {
  const { suite, ownLeaf } = state;
  const own = ownProposals(intent, ownLeaf);
  const pending = await selectProposals(state, intent.proposals ?? "all", own, deps);
  const proposals = [...pending.map(byReference), ...own];
  const applied = await applyProposals(state, proposals, ownLeaf, deps);

  const created = await createOwnPath(state, applied, intent.leaf ?? {}, deps);
  checkResultingTree(created.tree, applied.extensions, applied, ownLeaf, deps);
  const provisional = provisionalContext(state, created.tree, applied.extensions);
  const added = new Set(applied.added.map(({ leaf }) => leaf));
  const path = await encryptPath(
    suite,
    created,
    ownLeaf,
    added,
    encodeGroupContext(provisional),
    deps.random,
  );

  const commit: Commit = {
    proposals: [
      ...pending.map(({ ref }) => ({ kind: "reference" as const, reference: ref })),
      ...own.map(({ proposal }) => ({ kind: "proposal" as const, proposal })),
    ],
    path,
  };
  const pskSecret = await findPskSecret(suite, applied.psks, deps);
  const sent = await sealCommit(state, commit, provisional, created, pskSecret, intent, deps);
  const signatureKey = intent.leaf?.signatureKey?.privateKey ?? state.signatureKey;
  const welcome = await createWelcome({
    suite,
    tree: created.tree,
    next: sent.next,
    signer: ownLeaf,
    signatureKey,
    added: applied.added,
    pathSecrets: created.pathSecrets,
    pskSecret,
    psks: applied.psks,
    random: deps.random,
  });
  return {
    state: sent.state,
    staged: {
      message: sent.message,
      ...(welcome && { welcome }),
      committer: ownLeaf,
      next: startEpoch({
        suite,
        context: sent.next.context,
        tree: created.tree,
        interimTranscriptHash: interimTranscriptHash(
          suite,
          sent.next.context.confirmedTranscriptHash,
          sent.next.confirmationTag,
        ),
        ownLeaf,
        signatureKey,
        privateKeys: created.privateKeys,
        secrets: keptSecrets(sent.next.secrets),
        secretTree: createSecretTree(sent.next.secrets.encryptionSecret, treeWidth(created.tree)),
      }),
      effects: effectsOf(state, applied, proposals, ownLeaf, created.leafNode),
      rootPathSecret: created.rootPathSecret,
    },
  };
}

function ownProposals(intent: CommitIntent, leafIndex: number): SentProposal[] {
  const own = (proposal: SentProposal["proposal"]): SentProposal => ({
    proposal,
    sender: { kind: "member", leafIndex },
    byReference: false,
  });
  return [
    ...(intent.contextExtensions === undefined
      ? []
      : [own({ kind: "groupContextExtensions", extensions: intent.contextExtensions })]),
    ...(intent.remove ?? []).map((removed) => own({ kind: "remove", removed })),
    ...(intent.add ?? []).map((keyPackage) => own({ kind: "add", keyPackage })),
  ];
}

/** A fresh path with the own new leaf, which keeps the rules that the receivers will check (§7.3, §7.5). */
async function createOwnPath(
  state: GroupState,
  applied: AppliedProposals,
  changes: LeafChanges,
  deps: EngineDeps,
): Promise<NewPath> {
  const { suite, ownLeaf } = state;
  const before = ownLeafNode(state);
  const place = { groupId: state.context.groupId, leafIndex: ownLeaf };
  const created = await createPath(suite, applied.tree, ownLeaf, deps.random, (encryptionKey, parentHash) =>
    signLeafNode(
      suite,
      {
        encryptionKey,
        signatureKey: changes.signatureKey?.publicKey ?? before.signatureKey,
        credential: changes.credential ?? before.credential,
        capabilities: changes.capabilities ?? before.capabilities,
        source: { kind: "commit", parentHash },
        extensions: changes.extensions ?? before.extensions,
      },
      changes.signatureKey?.privateKey ?? state.signatureKey,
      place,
    ),
  );
  await checkLeaf(suite, created.leafNode, place, "commit");
  await authenticateSuccessor(deps, before, created.leafNode, suite.id, applied.extensions);
  return created;
}

function ownLeafNode(state: GroupState): LeafNode {
  const leafNode = leafAt(state.tree, state.ownLeaf);
  if (leafNode === undefined) throw new MlsError("MEMBER_UNKNOWN", "the own leaf is blank");
  return leafNode;
}

interface SentCommit {
  readonly state: GroupState;
  readonly message: Uint8Array;
  readonly next: NextEpoch;
}

/** Signs the commit in the old epoch, derives the new one, and encrypts with the old one's keys (§12.4.1). */
async function sealCommit(
  state: GroupState,
  commit: Commit,
  provisional: GroupContext,
  created: NewPath,
  pskSecret: Uint8Array,
  intent: CommitIntent,
  deps: EngineDeps,
): Promise<SentCommit> {
  const { suite } = state;
  const content: FramedContent = {
    groupId: state.context.groupId,
    epoch: state.context.epoch,
    sender: { kind: "member", leafIndex: state.ownLeaf },
    authenticatedData: intent.authenticatedData ?? new Uint8Array(),
    content: { kind: "commit", commit },
  };
  const wireFormat = intent.wireFormat ?? "privateMessage";
  const signature = await signContent(
    suite,
    { wireFormat, content, groupContext: state.encodedContext },
    state.signatureKey,
  );
  const next = nextEpoch(
    state,
    provisional,
    { wireFormat, content, signature },
    created.commitSecret,
    pskSecret,
  );
  const auth = { signature, confirmationTag: next.confirmationTag };
  const framed = await frameOwn(state, { wireFormat, content, auth }, deps.random);
  return { state: framed.state, message: framed.message, next };
}
