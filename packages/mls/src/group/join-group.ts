import { encode } from "../codec/codec.ts";
import { loadCipherSuite, type CipherSuite, type SignatureKeyPair } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import type { KeyPackage } from "../key-package.ts";
import { leafNodeCodec } from "../leaf-node.ts";
import { interimTranscriptHash } from "../schedule/transcript.ts";
import { isLeafSlot, membersOf, pathFromRoot, type RatchetTree } from "../tree/ratchet-tree.ts";
import { filteredDirectPath } from "../tree/resolution.ts";
import { commonAncestor } from "../tree/tree-math.ts";
import { deriveUpwards, type NodePrivateKeys } from "../tree/update-path.ts";
import type { EngineDeps } from "./authentication.ts";
import { checkGroupInfo, type SeparateTree } from "./check-group-info.ts";
import { type GroupState, startEpoch } from "./group-state.ts";
import { invalidWelcome } from "./invalid-welcome.ts";
import { type FindPredecessor, openWelcome } from "./open-welcome.ts";
import { checkSuccessor } from "./successor-rules.ts";

export interface JoinGroupOptions {
  /** The encoded MLSMessage. */
  readonly welcome: Uint8Array;
  readonly keyPackage: KeyPackage;
  readonly initPrivateKey: Uint8Array;
  readonly encryptionPrivateKey: Uint8Array;
  /** The key pair whose public half stands in the key package. */
  readonly signatureKey: SignatureKeyPair;
  /** Where the Welcome doesn't carry the tree. */
  readonly ratchetTree?: SeparateTree;
  /**
   * Asked about the old epoch where the Welcome is for a reinitialized or branched group (RFC 9420 §11.2, §11.3):
   * `predecessorOf` of it, or undefined where this client has no such state; it is then not joined.
   */
  readonly predecessor?: FindPredecessor;
  readonly deps: EngineDeps;
}

/**
 * Joins a group by a Welcome, with every check of RFC 9420 §12.4.3.1 but one: that no other group of this client has
 * the same id is the caller's to check. The caller also erases the init key after it has stored the result. Throws
 * WIRE_FORMAT_UNEXPECTED, KEY_INVALID, NOT_INVITED, WELCOME_INVALID, PSK_UNAVAILABLE, GROUP_INFO_INVALID,
 * CONFIRMATION_TAG_INVALID, TREE_INVALID, SUCCESSOR_INVALID, SUITE_UNSUPPORTED; of the members' leaves
 * LEAF_NODE_INVALID, LIFETIME_INVALID, CERTIFICATE_INVALID, CREDENTIAL_INVALID, CLIENT_REPEATED, CAPABILITY_MISSING.
 */
export async function joinGroup(options: JoinGroupOptions): Promise<GroupState> {
  const { keyPackage, deps } = options;
  const suite = await loadCipherSuite(keyPackage.cipherSuite);
  await checkOwnKeys(suite, options);
  const { welcome, initPrivateKey, predecessor } = options;
  const opened = await openWelcome(suite, welcome, keyPackage, initPrivateKey, predecessor, deps);
  const { groupInfo, secrets, epochSecrets } = opened;
  const tree = await checkGroupInfo(suite, groupInfo, options.ratchetTree, deps);
  if (opened.origin !== undefined) {
    const credentials = membersOf(tree).map(({ leafNode }) => leafNode.credential);
    const { succession, old } = opened.origin;
    checkSuccessor(succession, old, groupInfo.groupContext, credentials, deps.authentication);
  }
  const ownLeaf = findOwnLeaf(tree, keyPackage);
  const privateKeys = await receivedKeys(suite, tree, ownLeaf, groupInfo.signer, secrets.pathSecret);
  checkKeysAbove(tree, ownLeaf, privateKeys);
  privateKeys.set(2 * ownLeaf, options.encryptionPrivateKey);
  const { groupContext: context, confirmationTag } = groupInfo;
  return startEpoch({
    suite,
    context,
    tree,
    interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, confirmationTag),
    ownLeaf,
    needsPath: false,
    reinit: undefined,
    signatureKey: options.signatureKey.privateKey,
    privateKeys,
    secrets: epochSecrets,
  });
}

/** The private keys handed in are those of the key package: a mix-up must not become a state. */
async function checkOwnKeys(suite: CipherSuite, options: JoinGroupOptions): Promise<void> {
  const { keyPackage } = options;
  const [init, encryption] = await Promise.all([
    suite.hpkePublicKey(options.initPrivateKey),
    suite.hpkePublicKey(options.encryptionPrivateKey),
  ]);
  const fits =
    equalBytes(init, keyPackage.initKey) &&
    equalBytes(encryption, keyPackage.leafNode.encryptionKey) &&
    equalBytes(options.signatureKey.publicKey, keyPackage.leafNode.signatureKey);
  if (!fits) throw new MlsError("KEY_INVALID", "the private keys are not those of the key package");
}

/** §12.4.3.1: the leaf that is identical to the key package's. */
function findOwnLeaf(tree: RatchetTree, keyPackage: KeyPackage): number {
  const own = encode(leafNodeCodec, keyPackage.leafNode);
  const found = membersOf(tree).find(
    ({ leafNode }) =>
      equalBytes(leafNode.signatureKey, keyPackage.leafNode.signatureKey) &&
      equalBytes(encode(leafNodeCodec, leafNode), own),
  );
  if (found === undefined) throw invalidWelcome("the key package's leaf is not in the tree");
  return found.leaf;
}

/** §12.4.3.1: private keys of the nodes above both the joiner and the signer. */
async function receivedKeys(
  suite: CipherSuite,
  tree: RatchetTree,
  ownLeaf: number,
  signer: number,
  pathSecret: Uint8Array | undefined,
): Promise<Map<number, Uint8Array>> {
  if (pathSecret === undefined) return new Map();
  const path = filteredDirectPath(tree, signer).map(({ slot }) => slot.index);
  const at = path.indexOf(commonAncestor(2 * ownLeaf, 2 * signer));
  if (at === -1) throw invalidWelcome("a path secret for a node that isn't on the signer's path");
  try {
    const { privateKeys } = await deriveUpwards(suite, tree, path.slice(at), pathSecret);
    return new Map(privateKeys);
  } catch (cause) {
    throw invalidWelcome("the path secret doesn't give the keys in the tree", { cause });
  }
}

/**
 * §12.4.3.1: the path secret is left out only where the commit had no path, and then the joiner is unmerged everywhere.
 * Without it, who joins would be a member that can't follow the others.
 */
function checkKeysAbove(tree: RatchetTree, ownLeaf: number, known: NodePrivateKeys): void {
  for (const slot of pathFromRoot(tree, ownLeaf)) {
    if (isLeafSlot(slot) || slot.node === undefined || known.has(slot.index)) continue;
    if (!slot.node.unmergedLeaves.includes(ownLeaf)) {
      throw invalidWelcome("no path secret for a node at which the joiner is merged");
    }
  }
}
