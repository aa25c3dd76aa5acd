import { MlsError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { deriveEpochSecrets, deriveJoinerSecret, type EpochSecrets } from "../schedule/key-schedule.ts";
import { derivePskSecret } from "../schedule/psk-secret.ts";
import { confirmationTag, confirmedTranscriptHash, type SignedCommit } from "../schedule/transcript.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import type { EngineDeps } from "./authentication.ts";
import type { GroupState } from "./group-state.ts";

/** The GroupContext of the next epoch but for its transcript: what a path is encrypted under (§12.4.1). */
export function provisionalContext(
  state: GroupState,
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

export interface NextEpoch {
  readonly context: GroupContext;
  readonly secrets: EpochSecrets;
  readonly joinerSecret: Uint8Array;
  readonly confirmationTag: Uint8Array;
}

/** The key schedule of the epoch that a signed commit starts (RFC 9420 §8, §12.4.1, §12.4.2). */
export function nextEpoch(
  state: GroupState,
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
  return {
    context,
    secrets,
    joinerSecret,
    confirmationTag: confirmationTag(suite, secrets.confirmationKey, confirmed),
  };
}

/** psk_secret of RFC 9420 §8.4 from the application's keys. Throws PSK_UNAVAILABLE. */
export async function findPskSecret(
  suite: CipherSuite,
  ids: readonly PreSharedKeyId[],
  deps: EngineDeps,
): Promise<Uint8Array> {
  const psks: { id: PreSharedKeyId; psk: Uint8Array }[] = [];
  for (const id of ids) {
    const psk = await deps.preSharedKey?.(id);
    if (psk === undefined) {
      throw new MlsError("PSK_UNAVAILABLE", `a ${id.kind} pre-shared key is missing`, { section: "§12.4.2" });
    }
    psks.push({ id, psk });
  }
  return derivePskSecret(suite, psks);
}
