import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { fullWidth } from "../tree/tree-math.ts";
import {
  advance,
  DEFAULT_RATCHET_LIMITS,
  dropSkippedBefore,
  markSeen,
  type MessageKey,
  type Ratchet,
  type RatchetLimits,
  startRatchet,
  take,
} from "./ratchet.ts";

export type RatchetType = "handshake" | "application";

/**
 * The secret tree of an epoch (RFC 9420 §9) as an immutable value. It is expanded lazily: a node holds its secret
 * only until its children are derived from it. A change copies the path to one leaf and shares everything else, so
 * that what a message changed is found by identity.
 */
export interface SecretTree {
  /** Number of leaf places, a power of two. */
  readonly width: number;
  readonly root: SecretNode;
}

export type SecretNode =
  | { readonly kind: "secret"; readonly secret: Uint8Array }
  | SplitSecret
  | LeafRatchets;

export interface SplitSecret {
  readonly kind: "split";
  readonly left: SecretNode;
  readonly right: SecretNode;
  /**
   * The earliest `since` of a skipped application key below, Infinity for none: so that expired ones are found by
   * their path.
   */
  readonly oldestSkipped: number;
}

export interface LeafRatchets {
  readonly kind: "leaf";
  readonly handshake: Ratchet;
  readonly application: Ratchet;
  readonly oldestSkipped: number;
}

export function splitSecret(left: SecretNode, right: SecretNode): SplitSecret {
  return { kind: "split", left, right, oldestSkipped: Math.min(oldestSkipped(left), oldestSkipped(right)) };
}

export function leafRatchets(handshake: Ratchet, application: Ratchet): LeafRatchets {
  let oldest = Infinity;
  for (const { since } of application.skipped) oldest = Math.min(oldest, since);
  return { kind: "leaf", handshake, application, oldestSkipped: oldest };
}

function oldestSkipped(node: SecretNode): number {
  return node.kind === "secret" ? Infinity : node.oldestSkipped;
}

/** The tree of an epoch with at least `leafCount` leaves. The secret is consumed: the caller drops it. */
export function createSecretTree(encryptionSecret: Uint8Array, leafCount: number): SecretTree {
  return { width: fullWidth(leafCount), root: { kind: "secret", secret: encryptionSecret } };
}

/** The next key of the own leaf. The new tree must be stored before the message leaves the device. */
export function takeSendKey(
  suite: CipherSuite,
  tree: SecretTree,
  leaf: number,
  type: RatchetType,
): { tree: SecretTree; generation: number; key: MessageKey } {
  const path = pathTo(suite, tree, leaf);
  const { ratchet, generation, key } = advance(suite, path.ratchets[type]);
  return { tree: withRatchet(tree, leaf, path, type, ratchet), generation, key };
}

/**
 * The key of a received message, and the tree in which it is used up. The caller takes the new tree only once the
 * message proved genuine. Keys that it leaps over are marked with the time `now` (ms). Throws GENERATION_USED,
 * GENERATION_TOO_FAR, SENDER_INVALID.
 */
export function takeReceiveKey(
  suite: CipherSuite,
  tree: SecretTree,
  leaf: number,
  type: RatchetType,
  generation: number,
  limits: RatchetLimits = DEFAULT_RATCHET_LIMITS,
  now = 0,
): { tree: SecretTree; key: MessageKey } {
  const path = pathTo(suite, tree, leaf);
  const { ratchet, key } = take(suite, path.ratchets[type], generation, limits, now);
  return { tree: withRatchet(tree, leaf, path, type, ratchet), key };
}

/**
 * The tree without the application keys that were skipped before this time (ms); the same tree where there are none.
 * Those of handshake messages stay: members read them at different times and by different clocks, and must all come to
 * the same verdict on a proposal or a commit, or a member that goes back to a skipped generation splits the group.
 */
export function dropSkippedKeysBefore(tree: SecretTree, time: number): SecretTree {
  const root = dropBelow(tree.root, time);
  return root === tree.root ? tree : { ...tree, root };
}

/** Deep as the tree; subtrees without expired keys are passed over. */
function dropBelow(node: SecretNode, time: number): SecretNode {
  if (node.kind === "secret" || node.oldestSkipped >= time) return node;
  if (node.kind === "split") return splitSecret(dropBelow(node.left, time), dropBelow(node.right, time));
  return leafRatchets(node.handshake, dropSkippedBefore(node.application, time));
}

/** The tree in which this leaf's signed bytes are noted, by their seenId. Throws REPLAYED if they already were. */
export function markReceived(
  suite: CipherSuite,
  tree: SecretTree,
  leaf: number,
  type: RatchetType,
  id: string,
): SecretTree {
  const path = pathTo(suite, tree, leaf);
  return withRatchet(tree, leaf, path, type, markSeen(path.ratchets[type], id));
}

/** A leaf's ratchets and what hangs beside the way to them, from the root's child on. */
interface LeafPath {
  readonly ratchets: LeafRatchets;
  readonly siblings: readonly SecretNode[];
}

function pathTo(suite: CipherSuite, tree: SecretTree, leaf: number): LeafPath {
  if (!Number.isInteger(leaf) || leaf < 0 || leaf >= tree.width) {
    throw new MlsError("SENDER_INVALID", `no leaf ${leaf} in this tree`, { section: "§6.3.2" });
  }
  const siblings: SecretNode[] = [];
  let node = tree.root;
  for (let half = tree.width / 2; half >= 1; half /= 2) {
    const { left, right } = splitOf(suite, node);
    const goesLeft = isLeftOf(leaf, half);
    siblings.push(goesLeft ? right : left);
    node = goesLeft ? left : right;
  }
  return { ratchets: leafOf(suite, node), siblings };
}

/** The tree with another ratchet at the end of the path. */
function withRatchet(
  tree: SecretTree,
  leaf: number,
  { ratchets, siblings }: LeafPath,
  type: RatchetType,
  ratchet: Ratchet,
): SecretTree {
  let node: SecretNode =
    type === "handshake"
      ? leafRatchets(ratchet, ratchets.application)
      : leafRatchets(ratchets.handshake, ratchet);
  let half = 1;
  for (const sibling of siblings.toReversed()) {
    node = isLeftOf(leaf, half) ? splitSecret(node, sibling) : splitSecret(sibling, node);
    half *= 2;
  }
  return { width: tree.width, root: node };
}

/** Whether the leaf is in the left half of the subtree of width 2 * half that it is in. */
function isLeftOf(leaf: number, half: number): boolean {
  return leaf % (2 * half) < half;
}

function splitOf(suite: CipherSuite, node: SecretNode): { left: SecretNode; right: SecretNode } {
  if (node.kind === "split") return node;
  if (node.kind === "leaf") throw new MlsError("RECORD_INVALID", "a leaf in the place of a parent");
  const child = (side: Uint8Array): SecretNode => ({
    kind: "secret",
    secret: suite.expandWithLabel(node.secret, "tree", side, suite.hashLength),
  });
  return { left: child(LEFT), right: child(RIGHT) };
}

function leafOf(suite: CipherSuite, node: SecretNode): LeafRatchets {
  if (node.kind === "leaf") return node;
  if (node.kind === "split") throw new MlsError("RECORD_INVALID", "a parent in the place of a leaf");
  const ratchet = (label: RatchetType): Ratchet =>
    startRatchet(suite.expandWithLabel(node.secret, label, NO_CONTEXT, suite.hashLength));
  return leafRatchets(ratchet("handshake"), ratchet("application"));
}

const NO_CONTEXT = new Uint8Array();
const LEFT = utf8ToBytes("left");
const RIGHT = utf8ToBytes("right");
