import { decode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { openPrivate } from "../framing/private-message.ts";
import type { GroupContext } from "../group-context.ts";
import type { LeafNode } from "../leaf-node.ts";
import { readingOnly, type SecretTree } from "../schedule/secret-tree.ts";
import { leafAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import type { GroupState } from "./group-state.ts";
import { dropExpiredKeys } from "./limits.ts";
import type { ProcessOptions } from "./process-message.ts";

/**
 * What is kept of an epoch that has ended, to read its late application messages: no ratchet of handshakes and none to
 * send with, as far as they had begun. A leaf whose ratchets hadn't is still a part of the node above it.
 */
export interface PastEpoch {
  readonly suite: CipherSuite;
  readonly context: GroupContext;
  readonly encodedContext: Uint8Array;
  readonly tree: RatchetTree;
  /** The tree of the epoch after it: records hold the difference to it only. */
  readonly successor: RatchetTree | undefined;
  readonly ownLeaf: number;
  readonly senderDataSecret: Uint8Array;
  readonly secretTree: SecretTree;
}

/**
 * What to keep of `state` once the group is in the epoch `next` (undefined where this member was removed). The init
 * secret, the exporter and all private keys are left behind (RFC 9420 §9.2). Keep few: see keepPastEpochs.
 */
export function retireEpoch(state: GroupState, next: GroupState | undefined): PastEpoch {
  if (next !== undefined && next.context.epoch !== state.context.epoch + 1n) {
    throw new RangeError("an epoch is retired by the one right after it");
  }
  return {
    suite: state.suite,
    context: state.context,
    encodedContext: state.encodedContext,
    tree: state.tree,
    successor: next?.tree,
    ownLeaf: state.ownLeaf,
    senderDataSecret: state.secrets.senderDataSecret,
    secretTree: readingOnly(state.suite, state.secretTree, state.ownLeaf),
  };
}

export interface LateMessage {
  readonly past: PastEpoch;
  /** Leaf index in that epoch. */
  readonly sender: number;
  /** The sender's leaf in that epoch; the same index may be somebody else's by now. */
  readonly senderLeaf: LeafNode;
  /** A part of the decrypted plaintext, not a copy: its buffer holds the signature and the padding, too. */
  readonly data: Uint8Array;
  readonly authenticatedData: Uint8Array;
  readonly generation: number;
}

/**
 * Reads an application message of a past epoch (RFC 9420 §15.3). Handshake messages of it come too late and are
 * refused with CONTENT_UNEXPECTED; otherwise it throws what processMessage throws, and nothing is used up.
 */
export async function openLate(
  past: PastEpoch,
  message: Uint8Array,
  options: Pick<ProcessOptions, "limits" | "now"> = {},
): Promise<LateMessage> {
  const decoded = decode(mlsMessageCodec, message);
  if (decoded.kind !== "privateMessage") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", `a ${decoded.kind} is not taken here`, { section: "§6" });
  }
  if (decoded.privateMessage.contentType !== "application") {
    throw new MlsError("CONTENT_UNEXPECTED", "a handshake message of an epoch that has ended", {
      section: "§14",
    });
  }
  const { now, limits } = options;
  const current = now === undefined ? past : dropExpiredKeys(past, now, limits);
  const opened = await openPrivate(
    past.suite,
    decoded.privateMessage,
    {
      groupId: past.context.groupId,
      epoch: past.context.epoch,
      groupContext: past.encodedContext,
      senderDataSecret: past.senderDataSecret,
      secretTree: current.secretTree,
    },
    {
      ownLeaf: past.ownLeaf,
      signatureKeyOf: (leaf) => leafAt(past.tree, leaf)?.signatureKey,
      limits,
      now,
    },
  );
  const { content, authenticatedData } = opened.authenticated.content;
  const senderLeaf = leafAt(past.tree, opened.sender);
  if (content.kind !== "application" || senderLeaf === undefined) {
    throw new RangeError("what opens as application data is that, of a member");
  }
  return {
    // A leaf whose first message this was has begun just now, its ratchet of handshakes with it.
    past: { ...past, secretTree: readingOnly(past.suite, opened.secretTree, past.ownLeaf) },
    sender: opened.sender,
    senderLeaf,
    data: content.data,
    authenticatedData,
    generation: opened.generation,
  };
}
