import type { Commit } from "../commit.ts";
import { signContent } from "../framing/authenticate.ts";
import type { FramedContent } from "../framing/message.ts";
import type { KeyPackage } from "../key-package.ts";
import type { Proposal } from "../proposal.ts";
import { MLS10 } from "../version.ts";
import { applyProposals, noVerdicts } from "./apply-proposals.ts";
import type { EngineDeps } from "./authentication.ts";
import type { CommitIntent } from "./commit-intent.ts";
import { createWelcome, extensionsFor } from "./create-welcome.ts";
import { frameOwn } from "./frame-own.ts";
import { type GroupState, heldBy, startEpoch } from "./group-state.ts";
import { type NextEpoch, nextEpoch } from "./next-epoch.ts";
import { goesWithoutPath, keepPath, type OwnPath, renewPath } from "./own-path.ts";
import { findPskSecret, type HeldResumptionPsk, pskProposal } from "./pre-shared-keys.ts";
import type { SentProposal } from "./proposal-rules.ts";
import { refuseClosed } from "./reinit.ts";
import { byReference, selectProposals } from "./select-proposals.ts";
import { effectsOf, type StagedCommit } from "./staged-commit.ts";
import type { Succession } from "./successor-rules.ts";

/**
 * Works out a commit, with a full path unless told otherwise (RFC 9420 §12.4.1). `state` is the same epoch with the
 * own handshake ratchet advanced: it's to be stored before the message is sent, so that a second commit from this
 * epoch never reuses a key. `staged` changes nothing until it is merged. Throws what the rules of §12.2 and §7.3 refuse:
 * PROPOSAL_INVALID, PROPOSAL_LIST_INVALID, PROPOSAL_UNKNOWN, KEY_REPEATED, CLIENT_REPEATED, CAPABILITY_MISSING,
 * LEAF_NODE_INVALID, LIFETIME_INVALID, CERTIFICATE_INVALID, CREDENTIAL_INVALID, EXTENSION_DUPLICATE, of an Add
 * KEY_PACKAGE_INVALID, SIGNATURE_INVALID; and PSK_UNAVAILABLE, GROUP_CLOSED, GENERATION_EXHAUSTED.
 */
export async function stageCommit(
  state: GroupState,
  intent: CommitIntent,
  deps: EngineDeps,
): Promise<{ state: GroupState; staged: StagedCommit }> {
  refuseClosed(state);
  return stage(state, intent, undefined, deps);
}

/**
 * The commit with which a group that follows another one begins (RFC 9420 §11.2, §11.3): everybody is added, and the
 * old epoch's resumption PSK is injected.
 */
export function stageFirstCommit(
  state: GroupState,
  add: readonly KeyPackage[],
  origin: Origin,
  deps: EngineDeps,
): Promise<{ state: GroupState; staged: StagedCommit }> {
  return stage(state, { add }, origin, deps);
}

/** Where a group that is being founded comes from. */
interface Origin {
  readonly succession: Succession;
  readonly old: HeldResumptionPsk;
}

async function stage(
  state: GroupState,
  intent: CommitIntent,
  origin: Origin | undefined,
  deps: EngineDeps,
): Promise<{ state: GroupState; staged: StagedCommit }> {
  const { suite, ownLeaf } = state;
  const verdicts = noVerdicts();
  const byValue = ownProposals(state, intent, origin, deps);
  const pending = await selectProposals(state, intent, byValue, deps, verdicts);
  const proposals = [...pending.map(byReference), ...byValue];
  const before = origin === undefined ? state : { ...state, succession: origin.succession };
  const applied = await applyProposals(before, proposals, ownLeaf, deps, { verdicts });

  const own = goesWithoutPath(state, intent, proposals)
    ? keepPath(state, applied, deps)
    : await renewPath(state, applied, intent.leaf ?? {}, deps);
  const commit: Commit = {
    proposals: [
      ...pending.map(({ ref }) => ({ kind: "reference" as const, reference: ref })),
      ...byValue.map(({ proposal }) => ({ kind: "proposal" as const, proposal })),
    ],
    path: own.path,
  };
  const pskSecret = await findPskSecret(suite, applied.psks, origin?.old ?? heldBy(state), "§12.4.2", deps);
  // Before a key is taken: the application may have to upload the tree, and fail.
  const isJoined = applied.added.length > 0;
  const extensions = isJoined ? await extensionsFor(own.tree, intent.groupInfoExtensions) : [];
  const sent = await sealCommit(state, commit, own, pskSecret, intent, deps);
  const signatureKey = intent.leaf?.signatureKey?.privateKey ?? state.signatureKey;
  const welcome = await createWelcome({
    suite,
    next: sent.next,
    signer: ownLeaf,
    signatureKey,
    added: applied.added,
    pathSecrets: own.pathSecrets,
    pskSecret,
    psks: applied.psks,
    extensions,
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
        tree: own.tree,
        interimTranscriptHash: sent.next.interimTranscriptHash,
        ownLeaf,
        needsPath: false,
        reinit: applied.reinit,
        signatureKey,
        privateKeys: own.privateKeys,
        secrets: sent.next.secrets,
      }),
      effects: effectsOf(state, applied, proposals, ownLeaf, own.leafNode),
      rootPathSecret: own.rootPathSecret,
    },
  };
}

function ownProposals(
  state: GroupState,
  intent: CommitIntent,
  origin: Origin | undefined,
  deps: EngineDeps,
): SentProposal[] {
  const { suite, ownLeaf } = state;
  const proposals: Proposal[] = [
    ...(intent.contextExtensions === undefined
      ? []
      : [{ kind: "groupContextExtensions" as const, extensions: intent.contextExtensions }]),
    ...(intent.remove ?? []).map((removed) => ({ kind: "remove" as const, removed })),
    ...(intent.add ?? []).map((keyPackage) => ({ kind: "add" as const, keyPackage })),
    ...(intent.psks ?? []).map((psk) => pskProposal(suite, psk, deps.random)),
    ...(origin === undefined
      ? []
      : [pskProposal(suite, { kind: "resumption", ...origin.old }, deps.random, origin.succession)]),
    ...(intent.reinit === undefined ? [] : [{ kind: "reinit" as const, version: MLS10, ...intent.reinit }]),
  ];
  const sender = { kind: "member" as const, leafIndex: ownLeaf };
  return proposals.map((proposal) => ({ proposal, sender, byReference: false }));
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
  own: OwnPath,
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
    own.provisional,
    { wireFormat, content, signature },
    own.commitSecret,
    pskSecret,
  );
  const auth = { signature, confirmationTag: next.confirmationTag };
  const framed = await frameOwn(state, { wireFormat, content, auth }, deps.random);
  return { state: framed.state, message: framed.message, next };
}
