import { decode, opaque } from "../codec/codec.ts";
import { loadCipherSuite, type CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import {
  EXTENSION_EXTERNAL_PUB,
  EXTENSION_RATCHET_TREE,
  type Extension,
  findExtension,
} from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import type { GroupContext } from "../group-context.ts";
import { leafAt, type Member, membersOf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { decodeTree } from "../tree/tree-extension.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { validateTree } from "../tree/validate-tree.ts";
import { type GroupInfo, verifyGroupInfo } from "../welcome.ts";
import {
  authenticateExternalSenders,
  authenticateLeaf,
  checkClientsDiffer,
  type EngineDeps,
} from "./authentication.ts";
import { checkGroupSupport, checkLeaves, inChunks } from "./leaf-rules.ts";

/**
 * The tree as the data of a `ratchet_tree` extension; or a way to it, asked with the extensions of the GroupInfo. Those
 * aren't verified yet: their signer's key is in the tree. So whoever invites says what is fetched, and it counts only if
 * it is the tree that was signed for. What the function throws comes through as it is.
 */
export type SeparateTree =
  | Uint8Array
  | ((groupInfoExtensions: readonly Extension[]) => Promise<Uint8Array | undefined>);

export interface ReadGroupInfoOptions {
  /** The GroupInfo as an encoded MLSMessage. */
  readonly groupInfo: Uint8Array;
  /** Where the GroupInfo doesn't carry it. */
  readonly ratchetTree?: SeparateTree;
  readonly deps: EngineDeps;
}

/** A group as somebody outside it sees it. */
export interface GroupFromOutside {
  readonly context: GroupContext;
  readonly members: readonly Member[];
  /** Leaf index of the member who vouches for this. */
  readonly signer: number;
  /** Of the GroupInfo; unknown ones are carried through (RFC 9420 §13.4). */
  readonly extensions: readonly Extension[];
  /** What an external commit is sealed to; undefined where the signer doesn't invite to join by one. */
  readonly externalPub: Uint8Array | undefined;
  readonly suite: CipherSuite;
  readonly tree: RatchetTree;
  readonly confirmationTag: Uint8Array;
}

/**
 * Reads a GroupInfo that came without a Welcome (RFC 9420 §12.4.3), with all the checks that somebody outside the
 * group can make: its tree, every member's leaf and credential, the signer. Not that it is of the newest epoch, and
 * not its confirmation tag, which only members can compute. Throws WIRE_FORMAT_UNEXPECTED, GROUP_INFO_INVALID,
 * TREE_INVALID, SUITE_UNSUPPORTED; of the members' leaves LEAF_NODE_INVALID, LIFETIME_INVALID, CERTIFICATE_INVALID,
 * CREDENTIAL_INVALID, CLIENT_REPEATED, CAPABILITY_MISSING.
 */
export async function readGroupInfo(options: ReadGroupInfoOptions): Promise<GroupFromOutside> {
  const message = decode(mlsMessageCodec, options.groupInfo);
  if (message.kind !== "groupInfo") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", `${message.kind} where a GroupInfo belongs`);
  }
  const { groupInfo } = message;
  const { groupContext: context, extensions, signer, confirmationTag } = groupInfo;
  const suite = await loadCipherSuite(context.cipherSuite);
  const externalPub = readExternalPub(suite, extensions);
  const tree = await checkGroupInfo(suite, groupInfo, options.ratchetTree, options.deps);
  return { context, members: membersOf(tree), signer, extensions, externalPub, suite, tree, confirmationTag };
}

/** The tree of a GroupInfo, once the tree, its leaves and the signature are checked (§12.4.3, §12.4.3.1). */
export async function checkGroupInfo(
  suite: CipherSuite,
  groupInfo: GroupInfo,
  separateTree: SeparateTree | undefined,
  deps: EngineDeps,
): Promise<RatchetTree> {
  const tree = await receiveTree(suite, groupInfo, separateTree, deps);
  await checkSigner(suite, tree, groupInfo);
  return tree;
}

/** §12.4.3.2: the group's external key is a key of its suite, so that a kem_output can be made for it. */
function readExternalPub(suite: CipherSuite, extensions: readonly Extension[]): Uint8Array | undefined {
  const data = findExtension(extensions, EXTENSION_EXTERNAL_PUB);
  if (data === undefined) return undefined;
  const externalPub = decode(opaque, data);
  if (!suite.isHpkePublicKey(externalPub)) {
    throw new MlsError("GROUP_INFO_INVALID", "its external_pub is no key of the suite", {
      section: "§12.4.3.2",
    });
  }
  return externalPub;
}

/** §12.4.3.1, "Verify the integrity of the ratchet tree". */
async function receiveTree(
  suite: CipherSuite,
  groupInfo: GroupInfo,
  separate: SeparateTree | undefined,
  deps: EngineDeps,
): Promise<RatchetTree> {
  const { groupContext, extensions } = groupInfo;
  const data =
    findExtension(extensions, EXTENSION_RATCHET_TREE) ??
    (typeof separate === "function" ? await separate(extensions) : separate);
  if (data === undefined) throw invalidInfo("there is no ratchet tree");
  const tree = decodeTree(data);
  if (!equalBytes(treeHash(suite, tree), groupContext.treeHash)) {
    throw new MlsError("TREE_INVALID", "the tree's hash is not the GroupInfo's", { section: "§12.4.3.1" });
  }
  validateTree(suite, tree);
  // §13.4: this includes that the joiner itself supports every extension of the group.
  checkGroupSupport(tree, groupContext.extensions);
  const members = membersOf(tree);
  await checkLeaves(suite, groupContext.groupId, members);
  // §5.3.1: who joins validates the credentials of all members; before that the application compares none of them.
  await inChunks(members, ({ leafNode }) =>
    authenticateLeaf(deps, leafNode, suite.id, groupContext.extensions),
  );
  checkClientsDiffer(deps.authentication, tree, new Set(members.map(({ leaf }) => leaf)));
  await authenticateExternalSenders(deps, suite.id, groupContext.extensions);
  return tree;
}

/** §12.4.3.1: the GroupInfo is signed by the member at leaf `signer`. */
async function checkSigner(suite: CipherSuite, tree: RatchetTree, groupInfo: GroupInfo): Promise<void> {
  const signer = leafAt(tree, groupInfo.signer);
  if (signer === undefined) throw invalidInfo("the signer's leaf is blank");
  if (!(await verifyGroupInfo(suite, groupInfo, signer.signatureKey))) {
    throw invalidInfo("the GroupInfo's signature is invalid");
  }
}

function invalidInfo(message: string): MlsError {
  return new MlsError("GROUP_INFO_INVALID", message, { section: "§12.4.3.1" });
}
