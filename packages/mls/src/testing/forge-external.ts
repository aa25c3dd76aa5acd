import { encode } from "../codec/codec.ts";
import type { ProposalOrRef, UpdatePath } from "../commit.ts";
import type { SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { signContent } from "../framing/authenticate.ts";
import { type FramedContent, mlsMessageCodec } from "../framing/message.ts";
import { encodeGroupContext } from "../group-context.ts";
import type { EngineDeps } from "../group/authentication.ts";
import { createExternalInit, externalKeyPair } from "../group/external-init.ts";
import type { GroupState } from "../group/group-state.ts";
import { nextEpoch, provisionalContext } from "../group/next-epoch.ts";
import { signLeafNode, type UnsignedLeafNode } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
import { zeroSecret } from "../schedule/key-schedule.ts";
import { leafAt, removeLeaf, vacantLeaf } from "../tree/ratchet-tree.ts";
import { createPath, encryptPath } from "../tree/update-path.ts";
import { byValue } from "./forge.ts";
import { CAPABILITIES, type Person } from "./people.ts";

/** What a joiner that breaks rules sends: consistent in itself but for what is asked otherwise, and checked by nobody. */
export interface ExternalForgery {
  /** In place of the ExternalInit alone. */
  readonly proposals?: (init: Proposal) => readonly ProposalOrRef[];
  /** False for a commit without a path; else a change to the finished path. */
  readonly path?: false | ((path: UpdatePath) => UpdatePath);
  /** A change to the joiner's leaf before it is signed. */
  readonly leaf?: (leaf: UnsignedLeafNode) => UnsignedLeafNode;
  /** The leaf that the joiner takes, in place of the leftmost blank one. */
  readonly place?: number;
  readonly signedFor?: { readonly groupId: Uint8Array; readonly leafIndex: number };
  readonly messageKey?: SignaturePrivateKey;
  readonly kemOutput?: (output: Uint8Array) => Uint8Array;
  readonly initSecret?: Uint8Array;
  readonly confirmationTag?: (tag: Uint8Array) => Uint8Array;
}

/** An external commit into the epoch of `state`, which stands for what its GroupInfo tells. */
export async function forgeExternalCommit(
  state: GroupState,
  who: Person,
  forgery: ExternalForgery,
  deps: EngineDeps,
): Promise<Uint8Array> {
  const { suite, context } = state;
  const { publicKey } = await externalKeyPair(suite, state.secrets.externalSecret);
  const honest = await createExternalInit(suite, publicKey, deps.random);
  const kemOutput = forgery.kemOutput?.(honest.kemOutput) ?? honest.kemOutput;
  const init: Proposal = { kind: "externalInit", kemOutput };
  const proposals = forgery.proposals?.(init) ?? byValue(init);
  let { tree } = state;
  for (const entry of proposals) {
    const removed = entry.kind === "proposal" && entry.proposal.kind === "remove" && entry.proposal.removed;
    if (removed !== false && leafAt(tree, removed) !== undefined) tree = removeLeaf(tree, removed);
  }
  const vacant = vacantLeaf(tree);
  const leaf = forgery.place ?? vacant.leaf;
  const place = forgery.signedFor ?? { groupId: context.groupId, leafIndex: leaf };
  const created = await createPath(suite, vacant.tree, leaf, deps.random, (encryptionKey, parentHash) => {
    const unsigned: UnsignedLeafNode = {
      encryptionKey,
      signatureKey: who.signatureKey.publicKey,
      credential: who.credential,
      capabilities: CAPABILITIES,
      source: { kind: "commit", parentHash },
      extensions: [],
    };
    return signLeafNode(suite, forgery.leaf?.(unsigned) ?? unsigned, who.signatureKey.privateKey, place);
  });
  const provisional = provisionalContext(state, created.tree, context.extensions);
  const encoded = encodeGroupContext(provisional);
  const path = await encryptPath(suite, created, leaf, new Set(), encoded, deps.random);
  const content: FramedContent = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender: { kind: "newMemberCommit" },
    authenticatedData: new Uint8Array(),
    content: {
      kind: "commit",
      commit: { proposals, path: forgery.path === false ? undefined : (forgery.path?.(path) ?? path) },
    },
  };
  const wireFormat = "publicMessage";
  const signature = await signContent(
    suite,
    { wireFormat, content, groupContext: state.encodedContext },
    forgery.messageKey ?? who.signatureKey.privateKey,
  );
  const before = { ...state, secrets: { initSecret: forgery.initSecret ?? honest.initSecret } };
  const commit = { wireFormat, content, signature } as const;
  const next = nextEpoch(before, provisional, commit, created.commitSecret, zeroSecret(suite));
  const confirmationTag = forgery.confirmationTag?.(next.confirmationTag) ?? next.confirmationTag;
  const auth = { signature, confirmationTag };
  const publicMessage = { content, auth, membershipTag: undefined };
  return encode(mlsMessageCodec, { kind: "publicMessage", publicMessage });
}
