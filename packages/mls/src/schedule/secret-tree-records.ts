import { decode, encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import type { RecordDiff } from "../record-diff.ts";
import { fullWidth } from "../tree/tree-math.ts";
import { type Ratchet, type SkippedKey, storedRatchetCodec, storedSkippedKeyCodec } from "./ratchet.ts";
import {
  chunkOf,
  closedChunks,
  nothingSeen,
  SEEN_CHUNK,
  type SeenMessages,
  storedSeenCodec,
  withSeen,
} from "./seen-messages.ts";
import {
  type LeafRatchets,
  leafRatchets,
  type RatchetType,
  type SecretNode,
  type SecretTree,
  splitSecret,
} from "./secret-tree.ts";

/**
 * The changes from one tree to another, in time of the order of what differs: shared subtrees are passed over by
 * identity. Records: `secret/node/<node index>`, `secret/ratchet/<leaf>/<type>`,
 * `secret/skipped/<leaf>/<type>/<generation>`, `secret/seen/<leaf>/<type>/<chunk>`.
 */
export function diffSecretTree(before: SecretTree | undefined, after: SecretTree | undefined): RecordDiff {
  const changes: RecordDiff = { put: [], delete: [] };
  if (before !== undefined && after !== undefined && before.width === after.width) {
    diffNode(before.root, after.root, 0, after.width, changes);
    return changes;
  }
  const gone = before === undefined ? [] : recordKeys(before.root, 0, before.width);
  const wanted = after === undefined ? [] : recordsOf(after.root, 0, after.width);
  replaceRecords(gone, wanted, changes);
  return changes;
}

/**
 * The tree that these records hold; records of other kinds are passed over. Throws RECORD_INVALID if they do not
 * make up a tree of `leafCount` leaves.
 */
export function loadSecretTree(
  suite: CipherSuite,
  leafCount: number,
  records: ReadonlyMap<string, Uint8Array>,
): SecretTree {
  const width = fullWidth(leafCount);
  return { width, root: loadNode(suite, 0, width, records), sent: new Map() };
}

const RATCHET_TYPES: readonly RatchetType[] = ["handshake", "application"];

const nodeKey = (first: number, width: number): string => `secret/node/${2 * first + width - 1}`;
const ratchetKey = (leaf: number, type: RatchetType): string => `secret/ratchet/${leaf}/${type}`;
const skippedKey = (leaf: number, type: RatchetType, generation: number): string =>
  `secret/skipped/${leaf}/${type}/${generation}`;
const seenKey = (leaf: number, type: RatchetType, chunk: number): string =>
  `secret/seen/${leaf}/${type}/${chunk}`;

function diffNode(
  before: SecretNode,
  after: SecretNode,
  first: number,
  width: number,
  changes: RecordDiff,
): void {
  if (before === after) return;
  if (before.kind === "split" && after.kind === "split") {
    const half = width / 2;
    diffNode(before.left, after.left, first, half, changes);
    diffNode(before.right, after.right, first + half, half, changes);
    return;
  }
  if (before.kind === "leaf" && after.kind === "leaf") {
    for (const type of RATCHET_TYPES) diffRatchet(before[type], after[type], first, type, changes);
    return;
  }
  replaceRecords(recordKeys(before, first, width), recordsOf(after, first, width), changes);
}

function diffRatchet(
  before: Ratchet,
  after: Ratchet,
  leaf: number,
  type: RatchetType,
  changes: RecordDiff,
): void {
  if (before === after) return;
  const moved = before.secret !== after.secret || before.skipped !== after.skipped;
  if (moved || before.generation !== after.generation || before.seen !== after.seen) {
    changes.put.push([ratchetKey(leaf, type), encodeRatchet(after)]);
  }
  diffSkipped(before.skipped, after.skipped, leaf, type, changes);
  // Closed chunks never change, so only those that were closed since are looked at.
  for (const record of seenRecords(after.seen, closedChunks(before.seen), leaf, type))
    changes.put.push(record);
}

function diffSkipped(
  before: readonly SkippedKey[],
  after: readonly SkippedKey[],
  leaf: number,
  type: RatchetType,
  changes: RecordDiff,
): void {
  if (before === after) return;
  const had = new Set(before);
  const wanted = new Set(after.map(({ generation }) => generation));
  changes.put.push(
    ...skippedRecords(
      after.filter((key) => !had.has(key)),
      leaf,
      type,
    ),
  );
  for (const { generation } of before) {
    if (!wanted.has(generation)) changes.delete.push(skippedKey(leaf, type, generation));
  }
}

function replaceRecords(
  gone: Iterable<string>,
  wanted: readonly [string, Uint8Array][],
  changes: RecordDiff,
): void {
  const kept = new Set(wanted.map(([key]) => key));
  for (const record of wanted) changes.put.push(record);
  for (const key of gone) if (!kept.has(key)) changes.delete.push(key);
}

function recordKeys(node: SecretNode, first: number, width: number): string[] {
  return recordsOf(node, first, width).map(([key]) => key);
}

function recordsOf(node: SecretNode, first: number, width: number): [string, Uint8Array][] {
  if (node.kind === "secret") return [[nodeKey(first, width), node.secret]];
  if (node.kind === "split") {
    const half = width / 2;
    return [...recordsOf(node.left, first, half), ...recordsOf(node.right, first + half, half)];
  }
  return RATCHET_TYPES.flatMap((type) => [
    [ratchetKey(first, type), encodeRatchet(node[type])] as [string, Uint8Array],
    ...skippedRecords(node[type].skipped, first, type),
    ...seenRecords(node[type].seen, 0, first, type),
  ]);
}

function skippedRecords(
  skipped: readonly SkippedKey[],
  leaf: number,
  type: RatchetType,
): [string, Uint8Array][] {
  return skipped.map((key) => [skippedKey(leaf, type, key.generation), encode(storedSkippedKeyCodec, key)]);
}

function seenRecords(
  seen: SeenMessages,
  from: number,
  leaf: number,
  type: RatchetType,
): [string, Uint8Array][] {
  const records: [string, Uint8Array][] = [];
  for (let chunk = from; chunk < closedChunks(seen); chunk++) {
    records.push([seenKey(leaf, type, chunk), encode(storedSeenCodec, chunkOf(seen, chunk))]);
  }
  return records;
}

function loadNode(
  suite: CipherSuite,
  first: number,
  width: number,
  records: ReadonlyMap<string, Uint8Array>,
): SecretNode {
  const secret = records.get(nodeKey(first, width));
  if (secret !== undefined) {
    if (secret.length !== suite.hashLength)
      invalid(`the secret of ${nodeKey(first, width)} has a wrong length`);
    return { kind: "secret", secret };
  }
  if (width === 1) return loadLeaf(suite, first, records);
  const half = width / 2;
  return splitSecret(loadNode(suite, first, half, records), loadNode(suite, first + half, half, records));
}

function loadLeaf(suite: CipherSuite, leaf: number, records: ReadonlyMap<string, Uint8Array>): LeafRatchets {
  return leafRatchets(
    loadRatchet(suite, leaf, "handshake", records),
    loadRatchet(suite, leaf, "application", records),
  );
}

function loadRatchet(
  suite: CipherSuite,
  leaf: number,
  type: RatchetType,
  records: ReadonlyMap<string, Uint8Array>,
): Ratchet {
  const bytes = records.get(ratchetKey(leaf, type));
  if (bytes === undefined) invalid(`${ratchetKey(leaf, type)} is missing`);
  const stored = decode(storedRatchetCodec, bytes);
  if (stored.secret.length !== suite.hashLength)
    invalid(`${ratchetKey(leaf, type)} holds a secret of wrong length`);
  const { generation, secret, seenChunks, seenTail } = stored;
  if (seenTail.length >= SEEN_CHUNK) invalid(`${ratchetKey(leaf, type)} holds a chunk that wasn't closed`);
  const seen = loadSeen(leaf, type, seenChunks, seenTail, records);
  const skipped = stored.skipped.map((at) => loadSkippedKey(leaf, type, at, records));
  return { generation, secret, skipped, seen };
}

function loadSkippedKey(
  leaf: number,
  type: RatchetType,
  generation: number,
  records: ReadonlyMap<string, Uint8Array>,
): SkippedKey {
  const bytes = records.get(skippedKey(leaf, type, generation));
  if (bytes === undefined) invalid(`${skippedKey(leaf, type, generation)} is missing`);
  const { since, key, nonce } = decode(storedSkippedKeyCodec, bytes);
  return { generation, since, key, nonce };
}

function encodeRatchet({ generation, secret, skipped, seen }: Ratchet): Uint8Array {
  const seenChunks = closedChunks(seen);
  return encode(storedRatchetCodec, {
    generation,
    secret,
    skipped: skipped.map((key) => key.generation),
    seenChunks,
    seenTail: chunkOf(seen, seenChunks),
  });
}

/** The ids one after the other, as they were noted: one that comes twice was never written. */
function loadSeen(
  leaf: number,
  type: RatchetType,
  count: number,
  tail: readonly string[],
  records: ReadonlyMap<string, Uint8Array>,
): SeenMessages {
  let seen = nothingSeen();
  const note = (ids: readonly string[], key: string): void => {
    try {
      for (const id of ids) seen = withSeen(seen, id);
    } catch {
      invalid(`${key} holds an id that was there already`);
    }
  };
  for (let chunk = 0; chunk < count; chunk++) {
    const key = seenKey(leaf, type, chunk);
    const bytes = records.get(key);
    const ids = bytes === undefined ? [] : decode(storedSeenCodec, bytes);
    if (ids.length !== SEEN_CHUNK) invalid(`${key} is missing or incomplete`);
    note(ids, key);
  }
  note(tail, ratchetKey(leaf, type));
  return seen;
}

function invalid(what: string): never {
  throw new MlsError("RECORD_INVALID", what);
}
