import type { Extension } from "../extension.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import { deriveEpochSecrets, deriveJoinerSecret, type EpochSecrets } from "../schedule/key-schedule.ts";
import {
  confirmationTag,
  confirmedTranscriptHash,
  interimTranscriptHash,
  type SignedCommit,
} from "../schedule/transcript.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import type { GroupState } from "./group-state.ts";

/** The GroupContext of the next epoch but for its transcript: what a path is encrypted under (§12.4.1). */
export function provisionalContext(
  state: Pick<GroupState, "suite" | "context">,
  tree: RatchetTree,
  extensions: readonly Extension[],
): GroupContext {
  return {
    ...state.context,
    epoch: state.context.epoch + 1n,
    treeHash: treeHash(state.suite, tree),
    extensions,
  };
}

/** What an epoch hands on to the next; who joins from outside has an init secret of its own making (§8.3). */
export interface EpochBefore extends Pick<GroupState, "suite" | "interimTranscriptHash"> {
  readonly secrets: Pick<GroupState["secrets"], "initSecret">;
}

export interface NextEpoch {
  readonly context: GroupContext;
  readonly secrets: EpochSecrets;
  readonly joinerSecret: Uint8Array;
  readonly confirmationTag: Uint8Array;
  readonly interimTranscriptHash: Uint8Array;
}

/** The key schedule of the epoch that a signed commit starts (RFC 9420 §8, §12.4.1, §12.4.2). */
export function nextEpoch(
  state: EpochBefore,
  provisional: GroupContext,
  commit: SignedCommit,
  commitSecret: Uint8Array,
  pskSecret: Uint8Array,
): NextEpoch {
  const { suite } = state;
  const confirmed = confirmedTranscriptHash(suite, state.interimTranscriptHash, commit);
  const context = { ...provisional, confirmedTranscriptHash: confirmed };
  const encoded = encodeGroupContext(context);
  const joinerSecret = deriveJoinerSecret(suite, state.secrets.initSecret, commitSecret, encoded);
  const secrets = deriveEpochSecrets(suite, joinerSecret, pskSecret, encoded);
  const tag = confirmationTag(suite, secrets.confirmationKey, confirmed);
  return {
    context,
    secrets,
    joinerSecret,
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHash(suite, confirmed, tag),
  };
}
