import { encode } from "../codec/codec.ts";
import type { ProposalOrRef, UpdatePath } from "../commit.ts";
import type { SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { EXTENSION_RATCHET_TREE, type Extension } from "../extension.ts";
import { signContent } from "../framing/authenticate.ts";
import { type Content, type FramedContent, mlsMessageCodec } from "../framing/message.ts";
import { protectPrivate } from "../framing/private-message.ts";
import { encodeGroupContext, type GroupContext } from "../group-context.ts";
import type { EngineDeps } from "../group/authentication.ts";
import type { GroupState } from "../group/group-state.ts";
import { nextEpoch, provisionalContext } from "../group/next-epoch.ts";
import { type KeyPackage, keyPackageRef } from "../key-package.ts";
import { type LeafNode, signLeafNode, type UnsignedLeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId, Proposal } from "../proposal.ts";
import {
  deriveEpochSecrets,
  deriveWelcomeKey,
  deriveWelcomeSecret,
  zeroSecret,
} from "../schedule/key-schedule.ts";
import { derivePskSecret } from "../schedule/psk-secret.ts";
import { confirmationTag } from "../schedule/transcript.ts";
import { addLeaf, leafAt, type RatchetTree, removeLeaf, updateLeaf } from "../tree/ratchet-tree.ts";
import { encodeTree } from "../tree/tree-extension.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { createPath, encryptPath, type NewPath } from "../tree/update-path.ts";
import {
  groupInfoCodec,
  type GroupSecrets,
  groupSecretsCodec,
  signGroupInfo,
  type UnsignedGroupInfo,
  type Welcome,
} from "../welcome.ts";

/** What a member that breaks rules sends: signed and encrypted as it should be, but checked by nobody. */
export interface Forgery {
  readonly proposals?: readonly ProposalOrRef[];
  /** Extensions that the new epoch is derived with. */
  readonly extensions?: readonly Extension[];
  /** False for a commit without a path; else a change to the finished path. */
  readonly path?: false | ((path: UpdatePath) => UpdatePath);
  /** A change to the committer's new leaf before it is signed. */
  readonly leaf?: (leaf: UnsignedLeafNode) => UnsignedLeafNode;
  /** Where the committer's leaf is signed for. */
  readonly leafPlace?: { readonly groupId: Uint8Array; readonly leafIndex: number };
  /** Other secrets to encrypt in place of the path's. */
  readonly pathSecrets?: (secrets: NewPath["pathSecrets"]) => NewPath["pathSecrets"];
  readonly confirmationTag?: (tag: Uint8Array) => Uint8Array;
  /** What signs the committer's leaf, in place of its own key. */
  readonly leafSignatureKey?: SignaturePrivateKey;
  /** What makes the path, in place of createPath. */
  readonly createPath?: typeof createPath;
}

export async function forgeCommit(
  state: GroupState,
  forgery: Forgery,
  deps: EngineDeps,
): Promise<Uint8Array> {
  const { suite, ownLeaf } = state;
  const proposals = forgery.proposals ?? [];
  const { tree: applied, added } = applyBlindly(state, proposals);
  const place = forgery.leafPlace ?? { groupId: state.context.groupId, leafIndex: ownLeaf };
  const before = ownLeafNode(state);
  const create = forgery.createPath ?? createPath;
  const honest = await create(suite, applied, ownLeaf, deps.random, (encryptionKey, parentHash) => {
    const leaf: UnsignedLeafNode = { ...before, encryptionKey, source: { kind: "commit", parentHash } };
    const signatureKey = forgery.leafSignatureKey ?? state.signatureKey;
    return signLeafNode(suite, forgery.leaf?.(leaf) ?? leaf, signatureKey, place);
  });
  const created = { ...honest, pathSecrets: forgery.pathSecrets?.(honest.pathSecrets) ?? honest.pathSecrets };
  const withPath = forgery.path !== false;
  const provisional = provisionalContext(
    state,
    withPath ? created.tree : applied,
    forgery.extensions ?? state.context.extensions,
  );
  const path = await encryptPath(
    suite,
    created,
    ownLeaf,
    added,
    encodeGroupContext(provisional),
    deps.random,
  );
  const sent = forgery.path ? forgery.path(path) : path;
  const content = contentOf(state, {
    kind: "commit",
    commit: { proposals, path: withPath ? sent : undefined },
  });
  const signature = await signContent(
    suite,
    { wireFormat: "privateMessage", content, groupContext: state.encodedContext },
    state.signatureKey,
  );
  const commitSecret = withPath ? created.commitSecret : zeroSecret(suite);
  const signed = { wireFormat: "privateMessage" as const, content, signature };
  const next = nextEpoch(state, provisional, signed, commitSecret, zeroSecret(suite));
  const tag = forgery.confirmationTag?.(next.confirmationTag) ?? next.confirmationTag;
  return seal(state, content, signature, tag, deps);
}

export async function forgeProposal(
  state: GroupState,
  proposal: Proposal,
  deps: EngineDeps,
): Promise<Uint8Array> {
  const content = contentOf(state, { kind: "proposal", proposal });
  const signature = await signContent(
    state.suite,
    { wireFormat: "privateMessage", content, groupContext: state.encodedContext },
    state.signatureKey,
  );
  return seal(state, content, signature, undefined, deps);
}

export function byValue(...proposals: Proposal[]): ProposalOrRef[] {
  return proposals.map((proposal) => ({ kind: "proposal", proposal }));
}

export function ownLeafNode(state: GroupState): LeafNode {
  const leaf = leafAt(state.tree, state.ownLeaf);
  if (leaf === undefined) throw new Error("the own leaf is blank");
  return leaf;
}

export function contentOf(state: GroupState, content: Content): FramedContent {
  return {
    groupId: state.context.groupId,
    epoch: state.context.epoch,
    sender: { kind: "member", leafIndex: state.ownLeaf },
    authenticatedData: new Uint8Array(),
    content,
  };
}

async function seal(
  state: GroupState,
  content: FramedContent,
  signature: Uint8Array,
  tag: Uint8Array | undefined,
  deps: EngineDeps,
): Promise<Uint8Array> {
  const { message } = await protectPrivate(
    state.suite,
    { wireFormat: "privateMessage", content, auth: { signature, confirmationTag: tag } },
    { senderDataSecret: state.secrets.senderDataSecret, secretTree: state.secretTree },
    deps.random,
  );
  return message;
}

/** The tree after the proposals, whatever they are; those of references are looked up. */
function applyBlindly(
  state: GroupState,
  proposals: readonly ProposalOrRef[],
): { tree: RatchetTree; added: Set<number> } {
  let { tree } = state;
  const added = new Set<number>();
  const pending = [...state.proposals.values()];
  for (const entry of proposals) {
    const found =
      entry.kind === "proposal"
        ? { proposal: entry.proposal, sender: { kind: "member" as const, leafIndex: state.ownLeaf } }
        : pending.find(({ ref }) => ref.every((byte, i) => byte === entry.reference[i]));
    const proposal = found?.proposal;
    if (proposal?.kind === "remove" && leafAt(tree, proposal.removed) !== undefined) {
      if (proposal.removed !== state.ownLeaf) tree = removeLeaf(tree, proposal.removed);
    }
    if (proposal?.kind === "update" && found?.sender.kind === "member") {
      const { leafIndex } = found.sender;
      if (leafIndex !== state.ownLeaf) tree = updateLeaf(tree, leafIndex, proposal.leafNode);
    }
    if (proposal?.kind === "add") {
      const result = addLeaf(tree, proposal.keyPackage.leafNode);
      ({ tree } = result);
      added.add(result.leaf);
    }
  }
  return { tree, added };
}

export interface WelcomeForgery {
  /** The tree of the new epoch, which holds the joiner's leaf. */
  readonly tree: RatchetTree;
  readonly signer: GroupState;
  /** Pre-shared keys that the epoch is derived with and the Welcome names. */
  readonly psks?: readonly { readonly id: PreSharedKeyId; readonly psk: Uint8Array }[];
  readonly context?: (context: GroupContext) => GroupContext;
  readonly groupInfo?: (groupInfo: UnsignedGroupInfo) => UnsignedGroupInfo;
  readonly signature?: (signature: Uint8Array) => Uint8Array;
  readonly groupSecrets?: (secrets: GroupSecrets) => GroupSecrets;
  readonly welcome?: (welcome: Welcome) => Welcome;
}

/** A Welcome into a made-up epoch: consistent in itself but for what is asked otherwise. */
export async function forgeWelcome(
  keyPackage: KeyPackage,
  forgery: WelcomeForgery,
  deps: EngineDeps,
): Promise<Uint8Array> {
  const { signer, tree } = forgery;
  const { suite } = signer;
  const honest = {
    ...signer.context,
    epoch: signer.context.epoch + 1n,
    treeHash: treeHash(suite, tree),
    confirmedTranscriptHash: deps.random.bytes(32),
  };
  const context = forgery.context?.(honest) ?? honest;
  const joinerSecret = deps.random.bytes(32);
  const pskSecret = derivePskSecret(suite, forgery.psks ?? []);
  const secrets = deriveEpochSecrets(suite, joinerSecret, pskSecret, encodeGroupContext(context));
  const unsigned: UnsignedGroupInfo = {
    groupContext: context,
    extensions: [{ type: EXTENSION_RATCHET_TREE, data: encodeTree(tree) }],
    confirmationTag: confirmationTag(suite, secrets.confirmationKey, context.confirmedTranscriptHash),
    signer: signer.ownLeaf,
  };
  const signed = await signGroupInfo(suite, forgery.groupInfo?.(unsigned) ?? unsigned, signer.signatureKey);
  const groupInfo = { ...signed, signature: forgery.signature?.(signed.signature) ?? signed.signature };
  const { key, nonce } = deriveWelcomeKey(suite, deriveWelcomeSecret(suite, joinerSecret, pskSecret));
  const encryptedGroupInfo = await suite.seal(
    key,
    nonce,
    new Uint8Array(),
    encode(groupInfoCodec, groupInfo),
  );
  const psks = (forgery.psks ?? []).map(({ id }) => id);
  const groupSecrets: GroupSecrets = { joinerSecret, pathSecret: undefined, psks };
  const encryptedGroupSecrets = await suite.encryptWithLabel(
    keyPackage.initKey,
    "Welcome",
    encryptedGroupInfo,
    encode(groupSecretsCodec, forgery.groupSecrets?.(groupSecrets) ?? groupSecrets),
    deps.random,
  );
  const newMember = keyPackageRef(suite, keyPackage);
  const welcome: Welcome = {
    cipherSuite: suite.id,
    secrets: [{ newMember, encryptedGroupSecrets }],
    encryptedGroupInfo,
  };
  return encode(mlsMessageCodec, { kind: "welcome", welcome: forgery.welcome?.(welcome) ?? welcome });
}
