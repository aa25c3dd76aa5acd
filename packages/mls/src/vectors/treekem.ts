import { bytesToHex } from "@noble/hashes/utils.js";
import { decode, encode } from "../codec/codec.ts";
import { type UpdatePath, updatePathCodec } from "../commit.ts";
import { type CipherSuite, cipherSuite } from "../crypto/cipher-suite.ts";
import { encodeGroupContext } from "../group-context.ts";
import { signLeafNode } from "../leaf-node.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { encryptionKeyAt, leafAt, membersOf, type RatchetTree, treeWidth } from "../tree/ratchet-tree.ts";
import { filteredDirectPath } from "../tree/resolution.ts";
import { decodeTree, encodeTree } from "../tree/tree-extension.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { commonAncestor } from "../tree/tree-math.ts";
import {
  createPath,
  deriveUpwards,
  encryptPath,
  mergePath,
  type NodePrivateKeys,
  type OpenedPath,
  openPath,
} from "../tree/update-path.ts";
import { checkSignatureKey, hpkePrivateKey, signaturePrivateKey } from "./client-parts.ts";
import { hex, same, sameBytes, VectorMismatch } from "./compare.ts";

interface LeafPrivate {
  index: number;
  encryption_priv: string;
  signature_priv: string;
  path_secrets: { node: number; path_secret: string }[];
}

interface UpdatePathVector {
  sender: number;
  update_path: string;
  path_secrets: (string | null)[];
  commit_secret: string;
  tree_hash_after: string;
}

export interface TreeKemVector {
  cipher_suite: number;
  group_id: string;
  epoch: number | bigint;
  confirmed_transcript_hash: string;
  ratchet_tree: string;
  leaves_private: LeafPrivate[];
  update_paths: UpdatePathVector[];
}

/** The file's group, with all that its members know. */
interface Group {
  readonly suite: CipherSuite;
  readonly groupId: Uint8Array;
  readonly tree: RatchetTree;
  readonly privateKeys: ReadonlyMap<number, NodePrivateKeys>;
  readonly signatureKeys: ReadonlyMap<number, string>;
  /** The encoded GroupContext of the vector around a tree. */
  context(tree: RatchetTree): Uint8Array;
}

const NOBODY_ADDED: ReadonlySet<number> = new Set();

export async function checkTreeKem(vector: TreeKemVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const tree = decodeTree(hex(vector.ratchet_tree));
  sameBytes("ratchet_tree encoded again", encodeTree(tree), vector.ratchet_tree);
  const members = membersOf(tree).map(({ leaf }) => leaf);
  const known = vector.leaves_private.map(({ index }) => index);
  same("the leaves in leaves_private", known.sort((a, b) => a - b).join(), members.join());
  const privateKeys = new Map<number, NodePrivateKeys>();
  for (const leaf of vector.leaves_private)
    privateKeys.set(leaf.index, await privateState(suite, tree, leaf));
  const group: Group = {
    suite,
    groupId: hex(vector.group_id),
    tree,
    privateKeys,
    signatureKeys: new Map(vector.leaves_private.map((leaf) => [leaf.index, leaf.signature_priv])),
    context: (after) =>
      encodeGroupContext({
        cipherSuite: suite.id,
        groupId: hex(vector.group_id),
        epoch: BigInt(vector.epoch),
        treeHash: treeHash(suite, after),
        confirmedTranscriptHash: hex(vector.confirmed_transcript_hash),
        extensions: [],
      }),
  };
  for (const path of vector.update_paths) {
    await checkGivenPath(group, path);
    await checkOwnPath(group, path.sender);
  }
}

/** The private keys that a member starts with, each compared with the public key in the tree. */
async function privateState(
  suite: CipherSuite,
  tree: RatchetTree,
  leaf: LeafPrivate,
): Promise<NodePrivateKeys> {
  const leafNode = leafAt(tree, leaf.index);
  if (leafNode === undefined) throw new VectorMismatch(`leaf ${leaf.index} is blank`);
  const privateKey = hpkePrivateKey(leaf.encryption_priv, leafNode.encryptionKey);
  const keys = new Map([[2 * leaf.index, privateKey]]);
  const encryption = await suite.hpkePublicKey(privateKey);
  sameBytes(`encryption_priv of leaf ${leaf.index}`, encryption, bytesToHex(leafNode.encryptionKey));
  await checkSignatureKey(suite, leafNode.signatureKey, leaf.signature_priv);
  for (const { node, path_secret } of leaf.path_secrets) {
    const pair = await suite.deriveKeyPair(suite.deriveSecret(hex(path_secret), "node"));
    const inTree = encryptionKeyAt(tree, node);
    if (inTree === undefined)
      throw new VectorMismatch(`leaf ${leaf.index} has a secret of the blank ${node}`);
    sameBytes(`path secret of leaf ${leaf.index} at node ${node}`, pair.publicKey, bytesToHex(inTree));
    keys.set(node, pair.privateKey);
  }
  return keys;
}

async function checkGivenPath(group: Group, vector: UpdatePathVector): Promise<void> {
  const { suite, tree } = group;
  const { sender } = vector;
  const path = decode(updatePathCodec, hex(vector.update_path));
  sameBytes("update_path encoded again", encode(updatePathCodec, path), vector.update_path);
  // mergePath checks the parent hash, among all that needs no secret.
  const after = mergePath(suite, tree, sender, path, NOBODY_ADDED);
  sameBytes("tree_hash_after", treeHash(suite, after), vector.tree_hash_after);
  for (let leaf = 0; leaf < Math.max(treeWidth(tree), vector.path_secrets.length); leaf++) {
    const secret = vector.path_secrets[leaf] ?? undefined;
    const reads = leaf !== sender && leafAt(tree, leaf) !== undefined;
    same(`whether path_secrets[${leaf}] is there`, String(secret !== undefined), String(reads));
    if (secret === undefined) continue;
    const opened = await openAs(group, leaf, sender, path, after);
    sameBytes(`commit_secret for leaf ${leaf}`, opened.commitSecret, vector.commit_secret);
    await checkPathSecret(suite, after, sender, leaf, hex(secret), opened);
  }
}

/** The secret that a leaf decrypted is told by the private keys that it gives, from the common ancestor upwards. */
async function checkPathSecret(
  suite: CipherSuite,
  tree: RatchetTree,
  sender: number,
  leaf: number,
  secret: Uint8Array,
  opened: OpenedPath,
): Promise<void> {
  const indexes = filteredDirectPath(tree, sender).map(({ slot }) => slot.index);
  const above = indexes.slice(indexes.indexOf(commonAncestor(2 * sender, 2 * leaf)));
  const expected = await deriveUpwards(suite, tree, above, secret);
  same("the number of private keys", opened.privateKeys.size, above.length);
  for (const [index, key] of expected.privateKeys) {
    sameBytes(`path_secrets[${leaf}] at node ${index}`, opened.privateKeys.get(index), bytesToHex(key));
  }
  sameBytes(`root path secret for leaf ${leaf}`, opened.rootPathSecret, bytesToHex(expected.rootPathSecret));
}

/** A path of our own making is read by everybody else in the same way. */
async function checkOwnPath(group: Group, sender: number): Promise<void> {
  const { suite, groupId, tree } = group;
  const before = leafAt(tree, sender);
  const given = group.signatureKeys.get(sender);
  if (before === undefined || given === undefined) throw new VectorMismatch(`no member at ${sender}`);
  const signatureKey = signaturePrivateKey(given, before.signatureKey);
  const random = seededRandom(`treekem ${sender}`);
  const created = await createPath(suite, tree, sender, random, (encryptionKey, parentHash) =>
    signLeafNode(suite, { ...before, encryptionKey, source: { kind: "commit", parentHash } }, signatureKey, {
      groupId,
      leafIndex: sender,
    }),
  );
  const context = group.context(created.tree);
  const path = await encryptPath(suite, created, sender, NOBODY_ADDED, context, random);
  const after = mergePath(suite, tree, sender, path, NOBODY_ADDED);
  sameBytes("the tree after an own path", treeHash(suite, after), bytesToHex(treeHash(suite, created.tree)));
  for (const { leaf } of membersOf(tree)) {
    if (leaf === sender) continue;
    const opened = await openAs(group, leaf, sender, path, after);
    const expected = bytesToHex(created.commitSecret);
    sameBytes(`commit secret of an own path for leaf ${leaf}`, opened.commitSecret, expected);
  }
}

function openAs(
  group: Group,
  leaf: number,
  sender: number,
  path: UpdatePath,
  after: RatchetTree,
): Promise<OpenedPath> {
  const keys = group.privateKeys.get(leaf);
  if (keys === undefined) throw new VectorMismatch(`no private keys of leaf ${leaf}`);
  return openPath(group.suite, after, sender, leaf, path, NOBODY_ADDED, group.context(after), keys);
}
