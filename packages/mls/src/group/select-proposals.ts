import { bytesToHex } from "@noble/hashes/utils.js";
import { NO_BYTES } from "../codec/shared.ts";
import { MlsError } from "../errors.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId, Proposal } from "../proposal.ts";
import { memberLeaf, type RatchetTree, updateLeaf } from "../tree/ratchet-tree.ts";
import { applyProposals, type Verdicts } from "./apply-proposals.ts";
import { authenticateSuccessor, type EngineDeps } from "./authentication.ts";
import type { CommitIntent } from "./commit-intent.ts";
import { type GroupState, heldBy, type PendingProposal } from "./group-state.ts";
import { checkGroupSupport } from "./leaf-rules.ts";
import { changedLeaf } from "./own-path.ts";
import { findPskSecret } from "./pre-shared-keys.ts";
import type { SentProposal } from "./proposal-rules.ts";
import { checkResultingTree } from "./resulting-tree.ts";

/**
 * The pending proposals that a commit takes along by reference: those asked for, or "all" that are valid together
 * with the commit's own and its new leaf (RFC 9420 §12.4: all valid ones should be included). Any member can have
 * queued bad ones, so that no more than one verdict is come to on each of them. Throws PROPOSAL_UNKNOWN.
 */
export async function selectProposals(
  state: GroupState,
  { proposals: wanted = "all", leaf }: CommitIntent,
  own: readonly SentProposal[],
  deps: EngineDeps,
  verdicts: Verdicts,
): Promise<PendingProposal[]> {
  if (wanted !== "all") return wanted.map((ref) => findProposal(state, ref));
  const candidates = preferred(state, own);
  // §12.2: a ReInit stands alone, and others are preferred to it.
  const isReinit = ({ proposal }: PendingProposal): boolean => proposal.kind === "reinit";
  const inOrder = [...candidates.filter((one) => !isReinit(one)), ...candidates.filter(isReinit)];
  // As the path will bring it, but for its fresh keys: it has no lifetime (§7.2).
  const renewed = leaf && {
    ...changedLeaf(memberLeaf(state.tree, state.ownLeaf), leaf),
    source: { kind: "commit", parentHash: NO_BYTES } as const,
  };
  return addValid([], inOrder, (together) => areValid(state, together, own, renewed, deps, verdicts));
}

/** The chosen proposals and of the candidates those that go with them: all, or what each half has of them. */
async function addValid(
  chosen: readonly PendingProposal[],
  candidates: readonly PendingProposal[],
  areGood: (together: readonly PendingProposal[]) => Promise<boolean>,
): Promise<PendingProposal[]> {
  const together = [...chosen, ...candidates];
  if (await areGood(together)) return together;
  if (candidates.length <= 1) return [...chosen];
  const middle = candidates.length >> 1;
  const first = await addValid(chosen, candidates.slice(0, middle), areGood);
  return addValid(first, candidates.slice(middle), areGood);
}

/** The proposal with this reference. Throws PROPOSAL_UNKNOWN. */
export function findProposal(state: GroupState, ref: Uint8Array): PendingProposal {
  const found = state.proposals.get(bytesToHex(ref));
  if (found === undefined) {
    throw new MlsError("PROPOSAL_UNKNOWN", "a reference to a proposal that isn't known in this epoch", {
      section: "§12.4.2",
    });
  }
  return found;
}

/** §12.2: of several proposals for one leaf any Remove, else the latest Update; never the committer's own Update. */
function preferred(state: GroupState, own: readonly SentProposal[]): PendingProposal[] {
  const targets = new Set<number>();
  for (const { proposal } of own) if (proposal.kind === "remove") targets.add(proposal.removed);
  const newestFirst = [...state.proposals.values()].reverse();
  const chosen = new Set<PendingProposal>();
  for (const kind of ["remove", "update"] as const) {
    for (const pending of newestFirst) {
      if (pending.proposal.kind !== kind) continue;
      const target = targetOf(pending.proposal, pending);
      if (target === undefined || target === state.ownLeaf || targets.has(target)) continue;
      targets.add(target);
      chosen.add(pending);
    }
  }
  return [...state.proposals.values()].filter(
    (pending) =>
      chosen.has(pending) || (pending.proposal.kind !== "remove" && pending.proposal.kind !== "update"),
  );
}

/** The leaf that a Remove or an Update is about. */
function targetOf(proposal: Proposal, { sender }: PendingProposal): number | undefined {
  if (proposal.kind === "remove") return proposal.removed;
  return sender.kind === "member" ? sender.leafIndex : undefined;
}

async function areValid(
  state: GroupState,
  pending: readonly PendingProposal[],
  own: readonly SentProposal[],
  renewed: LeafNode | undefined,
  deps: EngineDeps,
  verdicts: Verdicts,
): Promise<boolean> {
  if (pending.length === 0) return true;
  const { suite, ownLeaf } = state;
  try {
    const proposals = [...pending.map(byReference), ...own];
    let tree: RatchetTree = state.tree;
    const applied = await applyProposals(state, proposals, ownLeaf, deps, {
      verdicts,
      tree: (before, extensions) => {
        tree = renewed === undefined ? before : updateLeaf(before, ownLeaf, renewed);
        checkGroupSupport(tree, extensions);
      },
    });
    const { extensions } = applied;
    if (renewed !== undefined) {
      const before = memberLeaf(state.tree, ownLeaf);
      await (verdicts(extensions)(renewed).verdict ??= authenticateSuccessor(
        deps,
        before,
        renewed,
        suite.id,
        extensions,
      ));
    }
    checkResultingTree(tree, extensions, applied, undefined, deps);
    // A proposal of a key that this member doesn't have must not keep it from committing.
    for (const psk of applied.psks) await (verdicts(state)(psk).verdict ??= requirePsk(state, psk, deps));
    return true;
  } catch (error) {
    if (error instanceof MlsError) return false;
    throw error;
  }
}

async function requirePsk(state: GroupState, psk: PreSharedKeyId, deps: EngineDeps): Promise<void> {
  await findPskSecret(state.suite, [psk], heldBy(state), "§12.4.2", deps);
}

export function byReference({ proposal, sender }: PendingProposal): SentProposal {
  return { proposal, sender, byReference: true };
}
