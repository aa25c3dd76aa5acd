import { bytesToHex } from "@noble/hashes/utils.js";
import { equalBytes } from "../crypto/equal-bytes.ts";
import {
  encryptionKeyAt,
  isLeafSlot,
  leafAt,
  leafSlots,
  membersOf,
  parentSlots,
  type RatchetTree,
} from "./ratchet-tree.ts";

/** Up to so many keys are looked up one by one; more of them are worth a pass over the whole tree. */
const FEW = 32;

/**
 * Whether an encryption key stands at two nodes, or a signature key at two leaves (RFC 9420 §7.3, §12.4.3.1).
 * `touched` holds the node indexes that changed since the last check: only pairs with one of them are looked
 * for. "all" checks the entire tree. No pairwise comparison; for few touched nodes no pass over the tree either.
 */
export function repeatedKey(
  tree: RatchetTree,
  touched: ReadonlySet<number> | "all",
): "encryption" | "signature" | undefined {
  if (touched !== "all" && touched.size <= FEW) return repeatedAmongFew(tree, touched);
  const encryption: [number, Uint8Array][] = [];
  const signature: [number, Uint8Array][] = [];
  for (const { leaf, leafNode } of membersOf(tree)) {
    encryption.push([2 * leaf, leafNode.encryptionKey]);
    signature.push([2 * leaf, leafNode.signatureKey]);
  }
  for (const slot of parentSlots(tree)) encryption.push([slot.index, slot.node.encryptionKey]);
  if (hasRepetition(encryption, touched)) return "encryption";
  return hasRepetition(signature, touched) ? "signature" : undefined;
}

/** Whether one of these encryption keys stands at any node of the tree. */
export function containsEncryptionKey(tree: RatchetTree, keys: readonly Uint8Array[]): boolean {
  return containsKey(tree, "encryption", keys, new Set());
}

function repeatedAmongFew(
  tree: RatchetTree,
  touched: ReadonlySet<number>,
): "encryption" | "signature" | undefined {
  const encryption: Uint8Array[] = [];
  const signature: Uint8Array[] = [];
  for (const index of touched) {
    const key = encryptionKeyAt(tree, index);
    if (key !== undefined) encryption.push(key);
    const leafNode = index % 2 === 0 ? leafAt(tree, index / 2) : undefined;
    if (leafNode !== undefined) signature.push(leafNode.signatureKey);
  }
  const repeats = (kind: KeyKind, keys: readonly Uint8Array[]): boolean =>
    hasEqualKeys(keys) || containsKey(tree, kind, keys, touched);
  if (repeats("encryption", encryption)) return "encryption";
  return repeats("signature", signature) ? "signature" : undefined;
}

type KeyKind = "encryption" | "signature";

/** Whether one of these keys stands at a node that is not among `except`. */
function containsKey(
  tree: RatchetTree,
  kind: KeyKind,
  keys: readonly Uint8Array[],
  except: ReadonlySet<number>,
): boolean {
  const isHit = ({ node, key }: PlacedKey): boolean =>
    !except.has(node) && keys.some((wanted) => equalBytes(wanted, key));
  const search = (slot: RatchetTree): boolean => {
    if (slot.vacant) return false;
    if (slot.level <= BLOCK_LEVEL) {
      const block = blockOf(slot)[kind];
      return keys.some((key) => block.get(fingerprint(key))?.some(isHit) ?? false);
    }
    if (isLeafSlot(slot)) return false;
    const own = kind === "encryption" ? slot.node?.encryptionKey : undefined;
    if (own !== undefined && isHit({ node: slot.index, key: own })) return true;
    return search(slot.left) || search(slot.right);
  };
  return search(tree);
}

interface PlacedKey {
  readonly node: number;
  readonly key: Uint8Array;
}

/** The keys of a subtree, found by their fingerprints. */
type Block = Readonly<Record<KeyKind, ReadonlyMap<number, readonly PlacedKey[]>>>;

/**
 * Height of the subtrees whose keys are remembered together: 64 leaves. A commit changes one of them, and the others
 * are shared with the tree before; so a lookup costs a step per block.
 */
const BLOCK_LEVEL = 6;
const blocks = new WeakMap<RatchetTree, Block>();

function blockOf(slot: RatchetTree): Block {
  let block = blocks.get(slot);
  if (block === undefined) {
    block = readBlock(slot);
    blocks.set(slot, block);
  }
  return block;
}

function readBlock(slot: RatchetTree): Block {
  const block = { encryption: new Map<number, PlacedKey[]>(), signature: new Map<number, PlacedKey[]>() };
  const place = (kind: KeyKind, node: number, key: Uint8Array): void => {
    const mark = fingerprint(key);
    const known = block[kind].get(mark);
    if (known === undefined) block[kind].set(mark, [{ node, key }]);
    else known.push({ node, key });
  };
  for (const { index, leaf } of leafSlots(slot)) {
    if (leaf === undefined) continue;
    place("encryption", index, leaf.encryptionKey);
    place("signature", index, leaf.signatureKey);
  }
  for (const { index, node } of parentSlots(slot)) place("encryption", index, node.encryptionKey);
  return block;
}

/** Whether two of these keys are equal. */
export function hasEqualKeys(keys: readonly Uint8Array[]): boolean {
  const index = new KeyIndex();
  return keys.some((key) => !index.add(key));
}

function hasRepetition(
  keys: readonly (readonly [node: number, key: Uint8Array])[],
  touched: ReadonlySet<number> | "all",
): boolean {
  const index = new KeyIndex();
  for (const [node, key] of keys) {
    if ((touched === "all" || touched.has(node)) && !index.add(key)) return true;
  }
  if (touched === "all") return false;
  return keys.some(([node, key]) => !touched.has(node) && index.has(key));
}

/** Keys that share their last bytes are few by chance; whoever makes many of them shall not make us compare each pair. */
const BUCKET = 8;

/** A set of public keys, found by their last bytes: cheaper than a string per key. */
class KeyIndex {
  readonly #buckets = new Map<number, Uint8Array[]>();
  /** Those that their bucket has no room for. */
  readonly #others = new Set<string>();

  /** False if the key is there already. */
  add(key: Uint8Array): boolean {
    if (this.has(key)) return false;
    const mark = fingerprint(key);
    const bucket = this.#buckets.get(mark);
    if (bucket === undefined) this.#buckets.set(mark, [key]);
    else if (bucket.length < BUCKET) bucket.push(key);
    else this.#others.add(bytesToHex(key));
    return true;
  }

  has(key: Uint8Array): boolean {
    const bucket = this.#buckets.get(fingerprint(key));
    if (bucket === undefined) return false;
    if (bucket.some((other) => equalBytes(other, key))) return true;
    return bucket.length === BUCKET && this.#others.has(bytesToHex(key));
  }
}

function fingerprint(key: Uint8Array): number {
  const end = key.length;
  return (
    ((key[end - 1] ?? 0) << 24) |
    ((key[end - 2] ?? 0) << 16) |
    ((key[end - 3] ?? 0) << 8) |
    (key[end - 4] ?? 0)
  );
}
