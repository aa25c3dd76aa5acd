import { encode, opaque } from "../codec/codec.ts";
import { EXTENSION_EXTERNAL_PUB, EXTENSION_RATCHET_TREE, type Extension } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { confirmationTag } from "../schedule/transcript.ts";
import { encodeTree } from "../tree/tree-extension.ts";
import { signGroupInfo } from "../welcome.ts";
import { externalKeyPair } from "./external-init.ts";
import type { GroupState } from "./group-state.ts";
import { refuseClosed } from "./reinit.ts";

export interface GroupInfoOptions {
  /** Whether the whole tree goes inside, as it does unless said otherwise; else exportRatchetTree gives it. */
  readonly ratchetTree?: boolean;
  /** Whether outsiders get the key with which they can join by an external commit, as they do unless said otherwise. */
  readonly externalPub?: boolean;
  /** Further extensions of the GroupInfo. */
  readonly extensions?: readonly Extension[];
}

/**
 * A signed GroupInfo of this epoch as an encoded MLSMessage (RFC 9420 §12.4.3), for whoever may see the group from
 * outside or join it. It shows who is in the group and is of use for this epoch only. Throws EXTENSION_DUPLICATE,
 * GROUP_CLOSED.
 */
export async function exportGroupInfo(
  state: GroupState,
  options: GroupInfoOptions = {},
): Promise<Uint8Array> {
  refuseClosed(state);
  const { suite, context, secrets } = state;
  const extensions: Extension[] = [...(options.extensions ?? [])];
  if (options.externalPub !== false) {
    const { publicKey } = await externalKeyPair(suite, secrets.externalSecret);
    extensions.push({ type: EXTENSION_EXTERNAL_PUB, data: encode(opaque, publicKey) });
  }
  if (options.ratchetTree !== false) {
    extensions.push({ type: EXTENSION_RATCHET_TREE, data: exportRatchetTree(state) });
  }
  const groupInfo = await signGroupInfo(
    suite,
    {
      groupContext: context,
      extensions,
      // §12.4.3: computed anew, the same as in the commit that began the epoch.
      confirmationTag: confirmationTag(suite, secrets.confirmationKey, context.confirmedTranscriptHash),
      signer: state.ownLeaf,
    },
    state.signatureKey,
  );
  return encode(mlsMessageCodec, { kind: "groupInfo", groupInfo });
}

/** The tree of this epoch as the data of a `ratchet_tree` extension (RFC 9420 §12.4.3.3). */
export function exportRatchetTree(state: GroupState): Uint8Array {
  return encodeTree(state.tree);
}
