import { utf8ToBytes } from "@noble/hashes/utils.js";
import { NO_BYTES } from "../codec/shared.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { fullWidth } from "../tree/tree-math.ts";
import {
  advance,
  DEFAULT_RATCHET_LIMITS,
  dropSkippedBefore,
  endedRatchet,
  hasEnded,
  keepSkipped,
  markSeen,
  type MessageKey,
  type Ratchet,
  type RatchetLimits,
  startRatchet,
  take,
  type TakenKey,
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
  /**
   * How many generations of each own ratchet were taken for sending, by this value or by any other of its epoch: all of
   * them share it. So two messages that are made from one and the same value don't get one key. It isn't stored: what
   * was loaded goes on from the stored ratchets.
   */
  readonly sent: Map<number, number>;
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
  const oldest = application.skipped.reduce((earliest, { since }) => Math.min(earliest, since), Infinity);
  return { kind: "leaf", handshake, application, oldestSkipped: oldest };
}

function oldestSkipped(node: SecretNode): number {
  return node.kind === "secret" ? Infinity : node.oldestSkipped;
}

/** The tree of an epoch with at least `leafCount` leaves. The secret is consumed: the caller drops it. */
export function createSecretTree(encryptionSecret: Uint8Array, leafCount: number): SecretTree {
  return { width: fullWidth(leafCount), root: { kind: "secret", secret: encryptionSecret }, sent: new Map() };
}

/** A key of a leaf's ratchet that is still there: nothing is used up until `useUp`. */
export interface FoundKey {
  readonly key: MessageKey;
  readonly generation: number;
  readonly tree: SecretTree;
  readonly leaf: number;
  readonly type: RatchetType;
  /** The nodes from the root down to the leaf, derived where they weren't; and the leaf. */
  readonly path: readonly SplitSecret[];
  readonly ratchets: LeafRatchets;
  /** The ratchet without the key. */
  readonly rest: Ratchet;
  /** How many skipped keys the leaf may hold in all. */
  readonly maxSkipped: number;
}

/** The next key of the own leaf that nobody was given before. Throws GENERATION_EXHAUSTED, SENDER_INVALID. */
export function findSendKey(suite: CipherSuite, tree: SecretTree, leaf: number, type: RatchetType): FoundKey {
  return findKey(suite, tree, leaf, type, (ratchet) =>
    advance(suite, ratchet, tree.sent.get(ratchetNumber(leaf, type))),
  );
}

function ratchetNumber(leaf: number, type: RatchetType): number {
  return 2 * leaf + (type === "handshake" ? 1 : 0);
}

/**
 * The key of a received message. Keys that it leaps over are marked with the time `now` (ms). Throws GENERATION_USED,
 * GENERATION_TOO_FAR, SENDER_INVALID.
 */
export function findReceiveKey(
  suite: CipherSuite,
  tree: SecretTree,
  leaf: number,
  type: RatchetType,
  generation: number,
  limits: RatchetLimits = DEFAULT_RATCHET_LIMITS,
  now = 0,
): FoundKey {
  const { maxSkipped } = limits;
  return findKey(
    suite,
    tree,
    leaf,
    type,
    (ratchet) => take(suite, ratchet, generation, limits, now),
    maxSkipped,
  );
}

function findKey(
  suite: CipherSuite,
  tree: SecretTree,
  leaf: number,
  type: RatchetType,
  find: (ratchet: Ratchet) => TakenKey,
  maxSkipped = Infinity,
): FoundKey {
  if (!Number.isInteger(leaf) || leaf < 0 || leaf >= tree.width) {
    throw new MlsError("SENDER_INVALID", `no leaf ${leaf} in this tree`, { section: "§6.3.2" });
  }
  const path: SplitSecret[] = [];
  let node = tree.root;
  for (let half = tree.width / 2; half >= 1; half /= 2) {
    const split = splitOf(suite, node);
    path.push(split);
    node = isLeftOf(leaf, half) ? split.left : split.right;
  }
  const ratchets = leafOf(suite, node);
  const { ratchet: rest, key, generation } = find(ratchets[type]);
  return { key, generation, tree, leaf, type, path, ratchets, rest, maxSkipped };
}

/**
 * The tree in which a key is used up and the signed bytes that it was found for are noted, by their seenId. Of a
 * received message it is taken only once that proved genuine; of an own one it is stored before that leaves the device.
 * Throws REPLAYED if the leaf's signed bytes were noted before.
 */
export function useUp(
  { tree, leaf, type, path, ratchets, rest, maxSkipped }: FoundKey,
  id: string | undefined,
): SecretTree {
  const ratchet = id === undefined ? rest : markSeen(rest, id);
  const handshake = type === "handshake" ? ratchet : ratchets.handshake;
  const application = type === "handshake" ? ratchets.application : ratchet;
  // What texts leap over is dropped first: on handshakes all members have to come to the same verdict.
  const room = maxSkipped - handshake.skipped.length;
  const after = leafRatchets(handshake, keepSkipped(application, room));
  // While the oldest skipped key stays, the nodes beside the path needn't be read: in a large tree each is a cache miss.
  const isOldestKept = after.oldestSkipped === ratchets.oldestSkipped;
  let root: SecretNode = after;
  let half = 1;
  for (const split of path.toReversed()) {
    const isLeft = isLeftOf(leaf, half);
    const left: SecretNode = isLeft ? root : split.left;
    const right: SecretNode = isLeft ? split.right : root;
    root = isOldestKept ? { ...split, left, right } : splitSecret(left, right);
    half *= 2;
  }
  return { width: tree.width, root, sent: tree.sent };
}

/** The same for a key to send with, which from now on nobody is given again. */
export function useUpToSend(found: FoundKey, id: string | undefined): SecretTree {
  const tree = useUp(found, id);
  tree.sent.set(ratchetNumber(found.leaf, found.type), found.generation + 1);
  return tree;
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

/**
 * What reads late application messages of others (RFC 9420 §15.3): the other ratchets that had begun are gone. The same
 * tree where none is left.
 */
export function readingOnly(suite: CipherSuite, tree: SecretTree, ownLeaf: number): SecretTree {
  const ended = endedRatchet(suite);
  /** Deep as the tree; `node` covers `width` leaves from `first` on. */
  const without = (node: SecretNode, first: number, width: number): SecretNode => {
    if (node.kind === "secret") return node;
    if (node.kind === "leaf") {
      const isOwn = first === ownLeaf;
      if (hasEnded(node.handshake) && (!isOwn || hasEnded(node.application))) return node;
      return leafRatchets(ended, isOwn ? ended : node.application);
    }
    const left = without(node.left, first, width / 2);
    const right = without(node.right, first + width / 2, width / 2);
    return left === node.left && right === node.right ? node : splitSecret(left, right);
  };
  const root = without(tree.root, 0, tree.width);
  return root === tree.root ? tree : { ...tree, root };
}

/** Whether the leaf is in the left half of the subtree of width 2 * half that it is in. */
function isLeftOf(leaf: number, half: number): boolean {
  return leaf % (2 * half) < half;
}

function splitOf(suite: CipherSuite, node: SecretNode): SplitSecret {
  if (node.kind === "split") return node;
  if (node.kind === "leaf") throw new MlsError("RECORD_INVALID", "a leaf in the place of a parent");
  const child = (side: Uint8Array): SecretNode => ({
    kind: "secret",
    secret: suite.expandWithLabel(node.secret, "tree", side, suite.hashLength),
  });
  return splitSecret(child(LEFT), child(RIGHT));
}

function leafOf(suite: CipherSuite, node: SecretNode): LeafRatchets {
  if (node.kind === "leaf") return node;
  if (node.kind === "split") throw new MlsError("RECORD_INVALID", "a parent in the place of a leaf");
  const ratchet = (label: RatchetType): Ratchet =>
    startRatchet(suite.expandWithLabel(node.secret, label, NO_BYTES, suite.hashLength));
  return leafRatchets(ratchet("handshake"), ratchet("application"));
}

const LEFT = utf8ToBytes("left");
const RIGHT = utf8ToBytes("right");
