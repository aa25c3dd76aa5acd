import type { AuthenticatedContent } from "../framing/message.ts";
import { mergePath } from "../tree/update-path.ts";
import type { EngineDeps } from "./authentication.ts";
import {
  checkExternalProposals,
  checkJoinedTree,
  checkJoinerLeaf,
  type ExternalCommitParts,
  placeOfJoiner,
  proposalsByValue,
  requirePath,
} from "./external-commit-rules.ts";
import { openExternalInit } from "./external-init.ts";
import { allowExternalCommit } from "./external-policy.ts";
import { type GroupState, heldBy } from "./group-state.ts";
import { provisionalContext } from "./next-epoch.ts";
import { findPskSecret } from "./pre-shared-keys.ts";
import { enterEpoch, keysStillValid, openCommitPath } from "./receive-commit.ts";
import { externalEffects, type StagedCommit } from "./staged-commit.ts";

/**
 * Works out the commit of somebody who joins by it, whose signature is verified (RFC 9420 §12.4.2, §12.4.3.2). As
 * with a member's commit what everybody can judge comes first: the rules, and then the application's answer.
 */
export async function receiveExternalCommit(
  state: GroupState,
  message: Uint8Array,
  authenticated: AuthenticatedContent,
  deps: EngineDeps,
  rootPathSecret: Uint8Array | undefined,
): Promise<StagedCommit> {
  const { suite, context } = state;
  const { content, authenticatedData } = authenticated.content;
  if (content.kind !== "commit") throw new RangeError("not a commit");
  const path = requirePath(content.commit);
  const proposals = proposalsByValue(content.commit);
  const parts = checkExternalProposals(state, proposals);
  const { removed, psks } = parts;
  const { tree: roomy, leaf } = placeOfJoiner(state.tree, removed);
  await checkJoinerLeaf(state, leaf, path, removed, deps);
  const tree = mergePath(suite, roomy, leaf, path, NOBODY);
  checkJoinedTree(state, tree, leaf, deps);
  const joiner = path.leafNode;
  await allowExternalCommit(deps, { leaf, joiner, removed, psks, context, authenticatedData });
  const initiated = await withExternalInit(state, parts);

  const effects = externalEffects(state, { leaf, leafNode: joiner }, removed, proposals);
  if (effects.selfRemoved) {
    return { message, committer: leaf, next: undefined, effects, rootPathSecret: undefined };
  }
  const pskSecret = await findPskSecret(suite, psks, heldBy(state), "§12.4.2", deps);
  const provisional = provisionalContext(state, tree, context.extensions);
  const kept = keysStillValid(state, [], tree);
  const opened = await openCommitPath(state, tree, leaf, path, NOBODY, provisional, kept, rootPathSecret);
  const next = enterEpoch(initiated, authenticated, tree, provisional, opened, pskSecret, undefined);
  return { message, committer: leaf, next, effects, rootPathSecret: opened.rootPathSecret };
}

/** An external commit adds nobody but the joiner, who is no receiver of the path. */
const NOBODY: ReadonlySet<number> = new Set();

/** §8.3, §12.4.3.2: the epoch goes on from the init secret that the joiner sent, and not from the group's own. */
async function withExternalInit(state: GroupState, { kemOutput }: ExternalCommitParts): Promise<GroupState> {
  const { suite, secrets } = state;
  const initSecret = await openExternalInit(suite, secrets.externalSecret, kemOutput);
  return { ...state, secrets: { ...secrets, initSecret } };
}
