import { bytesToHex } from "@noble/hashes/utils.js";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { leafSlots, membersOf, parentSlots, type RatchetTree } from "./ratchet-tree.ts";

/**
 * Whether an encryption key stands at two nodes, or a signature key at two leaves (RFC 9420 §7.3, §12.4.3.1).
 * `touched` holds the node indexes that changed since the last check: only pairs with one of them are looked
 * for. "all" checks the entire tree. One pass over the tree, no pairwise comparison.
 */
export function repeatedKey(
  tree: RatchetTree,
  touched: ReadonlySet<number> | "all",
): "encryption" | "signature" | undefined {
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
  const index = new KeyIndex();
  for (const key of keys) index.add(key);
  for (const slot of leafSlots(tree)) if (slot.leaf && index.has(slot.leaf.encryptionKey)) return true;
  for (const slot of parentSlots(tree)) if (index.has(slot.node.encryptionKey)) return true;
  return false;
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
