import { equalBytes } from "../crypto/equal-bytes.ts";
import type { CipherSuite, HpkeKeyPair, Random } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import type { LeafNode } from "../leaf-node.ts";
import type { UpdatePath } from "../commit.ts";
import { containsEncryptionKey, hasEqualKeys } from "./key-uniqueness.ts";
import { chainParentHashes } from "./parent-hash.ts";
import { encryptionKeyAt, replacePath, type RatchetTree } from "./ratchet-tree.ts";
import { filteredDirectPath, resolution } from "./resolution.ts";
import { commonAncestor } from "./tree-math.ts";

/** HPKE private keys that a member holds, by node index (RFC 9420 §4.2). */
export type NodePrivateKeys = ReadonlyMap<number, Uint8Array>;

export interface NewPath {
  readonly tree: RatchetTree;
  readonly leafNode: LeafNode;
  readonly privateKeys: NodePrivateKeys;
  /** Path secret by node index: what the Welcome hands to joiners. */
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
  readonly commitSecret: Uint8Array;
  /** Path secret of the topmost node; undefined where the path is empty (a group of one). */
  readonly rootPathSecret: Uint8Array | undefined;
}

/**
 * A fresh path for member `leaf` in a tree to which the commit's proposals are applied (RFC 9420 §7.4, §7.5).
 * `signLeaf` gets the new public key and the parent hash and returns the signed leaf (source commit).
 */
export async function createPath(
  suite: CipherSuite,
  tree: RatchetTree,
  leaf: number,
  random: Random,
  signLeaf: (encryptionKey: Uint8Array, parentHash: Uint8Array) => Promise<LeafNode>,
): Promise<NewPath> {
  const path = filteredDirectPath(tree, leaf);
  const leafKeys = await suite.deriveKeyPair(random.bytes(suite.hashLength));
  const derived = await derivePath(suite, random.bytes(suite.hashLength), path.length);
  const { nodes, leafParentHash } = chainParentHashes(
    suite,
    path,
    derived.keyPairs.map((pair) => pair.publicKey),
  );
  const leafNode = await signLeaf(leafKeys.publicKey, leafParentHash);
  const privateKeys = new Map([[2 * leaf, leafKeys.privateKey]]);
  const pathSecrets = new Map<number, Uint8Array>();
  path.forEach(({ slot }, i) => {
    const pair = derived.keyPairs[i];
    const secret = derived.pathSecrets[i];
    if (pair === undefined || secret === undefined) throw new RangeError("one key pair per path node");
    privateKeys.set(slot.index, pair.privateKey);
    pathSecrets.set(slot.index, secret);
  });
  return {
    tree: replacePath(tree, leaf, leafNode, nodes),
    leafNode,
    privateKeys,
    pathSecrets,
    commitSecret: derived.commitSecret,
    rootPathSecret: derived.pathSecrets.at(-1),
  };
}

/**
 * Encrypts a new path to the members that were there before (RFC 9420 §7.5, §7.6). `context` is the encoded
 * provisional GroupContext; `added` holds the leaves that this commit adds: they're served by the Welcome.
 */
export async function encryptPath(
  suite: CipherSuite,
  created: NewPath,
  leaf: number,
  added: ReadonlySet<number>,
  context: Uint8Array,
  random: Random,
): Promise<UpdatePath> {
  const { tree, leafNode, pathSecrets } = created;
  const nodes = await Promise.all(
    filteredDirectPath(tree, leaf).map(async ({ slot, copath }) => {
      const secret = pathSecrets.get(slot.index);
      if (secret === undefined || slot.node === undefined)
        throw new RangeError("the path is not of this tree");
      const encryptedPathSecret = await Promise.all(
        resolution(copath, added).map((index) =>
          suite.encryptWithLabel(keyAt(tree, index), "UpdatePathNode", context, secret, random),
        ),
      );
      return { encryptionKey: slot.node.encryptionKey, encryptedPathSecret };
    }),
  );
  return { leafNode, nodes };
}

/**
 * Merges a received path into the tree (RFC 9420 §7.5, §12.4.2) and checks all of it that needs no secret: its
 * shape, its keys, the parent hash. The leaf node's own validity (§7.3) is the caller's to check.
 */
export function mergePath(
  suite: CipherSuite,
  tree: RatchetTree,
  leaf: number,
  path: UpdatePath,
  added: ReadonlySet<number>,
): RatchetTree {
  const filtered = filteredDirectPath(tree, leaf);
  if (path.nodes.length !== filtered.length) {
    throw invalid("the path's length is not that of the filtered direct path", "§7.5");
  }
  filtered.forEach(({ copath }, i) => {
    // §7.6: one ciphertext for each node of the resolution, new leaves excluded.
    if (path.nodes[i]?.encryptedPathSecret.length !== resolution(copath, added).length) {
      throw invalid("the number of encrypted path secrets is not that of the resolution", "§7.6");
    }
  });
  const publicKeys = path.nodes.map((node) => node.encryptionKey);
  const keys = [path.leafNode.encryptionKey, ...publicKeys];
  if (!publicKeys.every((key) => suite.isHpkePublicKey(key))) {
    throw invalid("an encryption key is no key of the suite", "§5.1.1");
  }
  // §12.4.2: none of the path's public keys may appear in the new tree, where the committer's old leaf still
  // stands; nor twice in the path (§12.4.3.1).
  if (hasEqualKeys(keys) || containsEncryptionKey(tree, keys)) {
    throw invalid("the path repeats an encryption key", "§12.4.2");
  }
  const { nodes, leafParentHash } = chainParentHashes(suite, filtered, publicKeys);
  const claimed = path.leafNode.source.kind === "commit" ? path.leafNode.source.parentHash : undefined;
  if (claimed === undefined || !equalBytes(claimed, leafParentHash)) {
    throw invalid("the leaf's parent hash is not that of the path", "§7.9.2");
  }
  return replacePath(tree, leaf, path.leafNode, nodes);
}

export interface OpenedPath {
  readonly privateKeys: NodePrivateKeys;
  readonly commitSecret: Uint8Array;
  readonly rootPathSecret: Uint8Array;
}

/**
 * Opens a merged path as member `own` (RFC 9420 §7.5): decrypts the path secret of the lowest common ancestor
 * with a private key that we hold, derives those above it and compares every derived public key with the
 * path's. `privateKeys` are those still valid after the proposals. Throws MlsError PATH_UNREADABLE where the
 * secret doesn't decrypt or doesn't match: that says nothing about what other members can read.
 */
export async function openPath(
  suite: CipherSuite,
  tree: RatchetTree,
  sender: number,
  own: number,
  path: UpdatePath,
  added: ReadonlySet<number>,
  context: Uint8Array,
  privateKeys: NodePrivateKeys,
): Promise<OpenedPath> {
  const filtered = filteredDirectPath(tree, sender);
  const ancestor = commonAncestor(2 * sender, 2 * own);
  const at = filtered.findIndex(({ slot }) => slot.index === ancestor);
  const step = filtered[at];
  if (step === undefined) throw new RangeError("the sender's path doesn't reach this member");
  const covering = resolution(step.copath, added);
  const position = covering.findIndex((index) => privateKeys.has(index));
  const index = covering[position];
  const ciphertext = path.nodes[at]?.encryptedPathSecret[position];
  const privateKey = index === undefined ? undefined : privateKeys.get(index);
  if (index === undefined || ciphertext === undefined || privateKey === undefined) {
    throw unreadable("no path secret is encrypted to a key of this member");
  }
  const secret = await suite
    .decryptWithLabel(privateKey, keyAt(tree, index), "UpdatePathNode", context, ciphertext)
    .catch((cause: unknown) => {
      throw unreadable("the path secret doesn't decrypt", cause);
    });
  return deriveUpwards(
    suite,
    tree,
    filtered.slice(at).map(({ slot }) => slot.index),
    secret,
  );
}

/**
 * Private keys of the nodes `indexes` (a filtered direct path or its upper part, lowest first) from the path
 * secret of the first, each compared with the public key in the tree (RFC 9420 §7.5, §12.4.3.1).
 * Throws MlsError PATH_UNREADABLE where one differs.
 */
export async function deriveUpwards(
  suite: CipherSuite,
  tree: RatchetTree,
  indexes: readonly number[],
  secret: Uint8Array,
): Promise<OpenedPath> {
  if (secret.length !== suite.hashLength) throw unreadable("the path secret has the wrong length");
  const derived = await derivePath(suite, secret, indexes.length);
  const privateKeys = new Map<number, Uint8Array>();
  indexes.forEach((index, i) => {
    const pair = derived.keyPairs[i];
    if (pair === undefined || !equalBytes(pair.publicKey, keyAt(tree, index))) {
      throw unreadable("a derived public key is not the one in the tree");
    }
    privateKeys.set(index, pair.privateKey);
  });
  const rootPathSecret = derived.pathSecrets.at(-1);
  if (rootPathSecret === undefined) throw new RangeError("a path without nodes has no secret to open");
  return { privateKeys, commitSecret: derived.commitSecret, rootPathSecret };
}

interface DerivedPath {
  readonly pathSecrets: Uint8Array[];
  readonly keyPairs: HpkeKeyPair[];
  readonly commitSecret: Uint8Array;
}

async function derivePath(suite: CipherSuite, first: Uint8Array, length: number): Promise<DerivedPath> {
  const pathSecrets: Uint8Array[] = [];
  let secret = first;
  for (let i = 0; i < length; i++) {
    pathSecrets.push(secret);
    secret = suite.deriveSecret(secret, "path");
  }
  const keyPairs = await Promise.all(
    pathSecrets.map((pathSecret) => suite.deriveKeyPair(suite.deriveSecret(pathSecret, "node"))),
  );
  return { pathSecrets, keyPairs, commitSecret: secret };
}

function keyAt(tree: RatchetTree, index: number): Uint8Array {
  const key = encryptionKeyAt(tree, index);
  if (key === undefined) throw new RangeError(`node ${index} is blank`);
  return key;
}

function invalid(message: string, section: string): MlsError {
  return new MlsError("UPDATE_PATH_INVALID", message, { section });
}

function unreadable(message: string, cause?: unknown): MlsError {
  return new MlsError("PATH_UNREADABLE", message, { section: "§7.5", cause });
}
