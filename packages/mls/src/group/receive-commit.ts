import type { Commit, UpdatePath } from "../commit.ts";
import { equalBytes, equalConstantTime } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import type { AuthenticatedContent } from "../framing/message.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import type { ReInit } from "../proposal.ts";
import { zeroSecret } from "../schedule/key-schedule.ts";
import { encryptionKeyAt, memberLeaf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { filteredDirectPath } from "../tree/resolution.ts";
import { deriveUpwards, mergePath, type NodePrivateKeys, openPath } from "../tree/update-path.ts";
import { type AppliedProposals, applyProposals } from "./apply-proposals.ts";
import { authenticateSuccessor, type EngineDeps } from "./authentication.ts";
import { type GroupState, heldBy, startEpoch } from "./group-state.ts";
import { checkLeaf } from "./leaf-rules.ts";
import { nextEpoch, provisionalContext } from "./next-epoch.ts";
import { findPskSecret } from "./pre-shared-keys.ts";
import { isPathRequired, type SentProposal } from "./proposal-rules.ts";
import { checkResultingTree } from "./resulting-tree.ts";
import { byReference, findProposal } from "./select-proposals.ts";
import { effectsOf, type StagedCommit } from "./staged-commit.ts";

/**
 * Works out a member's commit whose signature is verified (RFC 9420 §12.4.2). What every member can judge comes
 * first, so that PATH_UNREADABLE means: the commit is well formed, but not for us.
 */
export async function receiveCommit(
  state: GroupState,
  message: Uint8Array,
  authenticated: AuthenticatedContent,
  committer: number,
  deps: EngineDeps,
  rootPathSecret: Uint8Array | undefined,
): Promise<StagedCommit> {
  const { content } = authenticated.content;
  if (content.kind !== "commit") throw new RangeError("not a commit");
  const { commit } = content;
  const proposals = resolveProposals(state, commit, committer);
  const applied = await applyProposals(state, proposals, committer, deps);
  // §12.4: Update, Remove, GroupContextExtensions and a commit without proposals need a path.
  if (commit.path === undefined && isPathRequired(proposals)) {
    throw new MlsError("COMMIT_INVALID", "the commit needs a path and has none", { section: "§12.4" });
  }
  const added = new Set(applied.added.map(({ leaf }) => leaf));
  const tree = commit.path
    ? await takePath(state, applied, committer, commit.path, added, deps)
    : applied.tree;
  checkResultingTree(tree, applied.extensions, applied, commit.path && committer, deps);
  const effects = effectsOf(state, applied, proposals, committer, commit.path?.leafNode);
  if (effects.selfRemoved) return { message, committer, next: undefined, effects, rootPathSecret: undefined };

  const pskSecret = await findPskSecret(state.suite, applied.psks, heldBy(state), "§12.4.2", deps);
  const provisional = provisionalContext(state, tree, applied.extensions);
  const kept = keysStillValid(state, proposals, tree);
  const opened = commit.path
    ? await openCommitPath(state, tree, committer, commit.path, added, provisional, kept, rootPathSecret)
    : { privateKeys: kept, commitSecret: zeroSecret(state.suite), rootPathSecret: undefined, helped: false };
  const next = enterEpoch(state, authenticated, tree, provisional, opened, pskSecret, applied.reinit);
  return { message, committer, next, effects, rootPathSecret: opened.rootPathSecret };
}

const rootPathSecrets = new WeakMap<MlsError, Uint8Array>();

/**
 * Of a CONFIRMATION_TAG_INVALID: the commit's root path secret, with which every member can come to the same
 * verdict. Kept beside the error so that it doesn't end up in a log with it.
 */
export function rootPathSecretOf(error: unknown): Uint8Array | undefined {
  return error instanceof MlsError ? rootPathSecrets.get(error) : undefined;
}

function resolveProposals(state: GroupState, commit: Commit, committer: number): SentProposal[] {
  return commit.proposals.map((entry) =>
    entry.kind === "reference"
      ? byReference(findProposal(state, entry.reference))
      : {
          proposal: entry.proposal,
          sender: { kind: "member", leafIndex: committer },
          byReference: false,
        },
  );
}

/** §12.4.2: validates the committer's new leaf and merges the path into the tree. */
async function takePath(
  state: GroupState,
  applied: AppliedProposals,
  committer: number,
  path: UpdatePath,
  added: ReadonlySet<number>,
  deps: EngineDeps,
): Promise<RatchetTree> {
  const { suite, context } = state;
  const before = memberLeaf(state.tree, committer);
  await checkLeaf(suite, path.leafNode, { groupId: context.groupId, leafIndex: committer }, "commit");
  const tree = mergePath(suite, applied.tree, committer, path, added);
  await authenticateSuccessor(deps, before, path.leafNode, suite.id, applied.extensions);
  return tree;
}

/** Private keys still in force: those of nodes that the commit left as they are, and that of an own Update. */
export function keysStillValid(
  state: GroupState,
  proposals: readonly SentProposal[],
  tree: RatchetTree,
): Map<number, Uint8Array> {
  const kept = new Map<number, Uint8Array>();
  for (const [index, key] of state.privateKeys) {
    const standing = encryptionKeyAt(tree, index);
    const before = encryptionKeyAt(state.tree, index);
    if (standing !== undefined && before !== undefined && equalBytes(standing, before)) kept.set(index, key);
  }
  for (const pending of state.proposals.values()) {
    if (pending.encryptionPrivateKey === undefined) continue; // not an own Update
    if (proposals.some(({ proposal }) => proposal === pending.proposal)) {
      kept.set(2 * state.ownLeaf, pending.encryptionPrivateKey);
    }
  }
  return kept;
}

interface OpenedCommit {
  readonly privateKeys: NodePrivateKeys;
  readonly commitSecret: Uint8Array;
  readonly rootPathSecret: Uint8Array | undefined;
  /** The path was opened with a secret from outside: keys below the root stay unknown. */
  readonly helped: boolean;
}

export async function openCommitPath(
  state: GroupState,
  tree: RatchetTree,
  committer: number,
  path: UpdatePath,
  added: ReadonlySet<number>,
  provisional: GroupContext,
  kept: ReadonlyMap<number, Uint8Array>,
  rootPathSecret: Uint8Array | undefined,
): Promise<OpenedCommit> {
  const { suite, ownLeaf } = state;
  const top = filteredDirectPath(tree, committer).at(-1);
  if (top === undefined) throw new RangeError("a commit from somebody else has a path of at least one node");
  const opened =
    rootPathSecret === undefined
      ? await openPath(suite, tree, committer, ownLeaf, path, added, encodeGroupContext(provisional), kept)
      : await deriveUpwards(suite, tree, [top.slot.index], rootPathSecret);
  return {
    ...opened,
    privateKeys: new Map([...kept, ...opened.privateKeys]),
    helped: rootPathSecret !== undefined,
  };
}

/** The new epoch, once its confirmation tag proves that the committer came to the same one. */
export function enterEpoch(
  state: GroupState,
  authenticated: AuthenticatedContent,
  tree: RatchetTree,
  provisional: GroupContext,
  opened: OpenedCommit,
  pskSecret: Uint8Array,
  reinit: ReInit | undefined,
): GroupState {
  const { suite } = state;
  const { wireFormat, content, auth } = authenticated;
  const next = nextEpoch(
    state,
    provisional,
    { wireFormat, content, signature: auth.signature },
    opened.commitSecret,
    pskSecret,
  );
  // §12.4.2: the confirmation tag.
  if (auth.confirmationTag === undefined || !equalConstantTime(auth.confirmationTag, next.confirmationTag)) {
    const error = new MlsError("CONFIRMATION_TAG_INVALID", "the commit's tag is not the new epoch's", {
      section: "§12.4.2",
    });
    if (opened.rootPathSecret !== undefined) rootPathSecrets.set(error, opened.rootPathSecret);
    throw error;
  }
  return startEpoch({
    suite,
    context: next.context,
    tree,
    interimTranscriptHash: next.interimTranscriptHash,
    ownLeaf: state.ownLeaf,
    needsPath: state.needsPath || opened.helped,
    reinit,
    signatureKey: state.signatureKey,
    privateKeys: opened.privateKeys,
    secrets: next.secrets,
  });
}
