import { hexToBytes } from "@noble/hashes/utils.js";
import { decode, encode, opaque, optional, struct, u32, u8 } from "../codec/codec.ts";
import { cipherSuite, type SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { encodeGroupContext, type GroupContext, groupContextCodec } from "../group-context.ts";
import { type Node, nodeCodec } from "../leaf-node.ts";
import { type Proposal, proposalCodec } from "../proposal.ts";
import { diffSecretTree, loadSecretTree } from "../schedule/secret-tree-records.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { changeTree, type NodeChange, treeChanges } from "../tree/tree-changes.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { type GroupState, type KeptSecrets, type PendingProposal } from "./group-state.ts";

/**
 * What to write and what to erase so that stored records come to hold a state. Keys start with `public/` (nothing
 * that a removed member or a server could use) or `secret/`. Apply both lists in one transaction.
 */
export interface RecordDiff {
  readonly put: [key: string, value: Uint8Array][];
  readonly delete: string[];
}

/**
 * The changes from one state to another. After a message that is the sender's ratchet, after a commit the nodes that
 * it changed, whatever the group's size; from undefined it is everything. What was consumed is deleted.
 */
export function diffGroup(before: GroupState | undefined, after: GroupState): RecordDiff {
  const diff: RecordDiff = { put: [], delete: [] };
  if (before?.context !== after.context || before.tree !== after.tree) {
    diff.put.push(["public/state", encode(headCodec, headOf(after))]);
  }
  diffTree(before?.tree, after.tree, diff);
  if (before?.secrets !== after.secrets) diff.put.push(["secret/epoch", encode(secretsCodec, after.secrets)]);
  diffMap(
    before?.privateKeys,
    after.privateKeys,
    (index) => `secret/key/${index}`,
    (key) => key,
    diff,
  );
  diffProposals(before, after, diff);
  const secrets = diffSecretTree(before?.secretTree, after.secretTree);
  for (const [key, value] of secrets.put) diff.put.push([key, value]);
  diff.delete.push(...secrets.delete);
  return diff;
}

/**
 * The state that these records hold; the signature key is kept apart from them. Records with unknown keys are passed
 * over. Throws RECORD_INVALID if a record is missing or damaged: never a state that silently differs.
 */
export function loadGroup(
  records: Iterable<readonly [string, Uint8Array]>,
  keys: { readonly signatureKey: SignaturePrivateKey },
): GroupState {
  return readingRecords(() => {
    const all = new Map(records);
    const head = decode(headCodec, record(all, "public/state"));
    const { context } = head;
    const suite = cipherSuite(context.cipherSuite);
    const tree = changeTree(undefined, head.level, storedNodes(all, nodeCodec));
    if (!equalBytes(treeHash(suite, tree), context.treeHash))
      throw damaged("the tree's records are incomplete");
    return {
      suite,
      context,
      encodedContext: encodeGroupContext(context),
      tree,
      interimTranscriptHash: head.interimTranscriptHash,
      ownLeaf: head.ownLeaf,
      signatureKey: keys.signatureKey,
      privateKeys: new Map(withPrefix(all, "secret/key/").map(([index, key]) => [nodeIndex(index), key])),
      secrets: decode(secretsCodec, record(all, "secret/epoch")),
      secretTree: loadSecretTree(suite, 2 ** head.level, all),
      proposals: storedProposals(all),
    };
  });
}

interface Head {
  readonly context: GroupContext;
  readonly interimTranscriptHash: Uint8Array;
  readonly ownLeaf: number;
  /** Of the tree's root. */
  readonly level: number;
}

const headCodec = struct<Head>({
  context: groupContextCodec,
  interimTranscriptHash: opaque,
  ownLeaf: u32,
  level: u8,
});

function headOf(state: GroupState): Head {
  const { context, interimTranscriptHash, ownLeaf, tree } = state;
  return { context, interimTranscriptHash, ownLeaf, level: tree.level };
}

const secretsCodec = struct<KeptSecrets>({
  senderDataSecret: opaque,
  exporterSecret: opaque,
  externalSecret: opaque,
  confirmationKey: opaque,
  membershipKey: opaque,
  resumptionPsk: opaque,
  epochAuthenticator: opaque,
  initSecret: opaque,
});

function diffTree(before: RatchetTree | undefined, after: RatchetTree, diff: RecordDiff): void {
  for (const [index, node] of treeChanges(before, after)) {
    const key = `public/node/${index}`;
    if (node === undefined) diff.delete.push(key);
    else diff.put.push([key, encode(nodeCodec, node)]);
  }
}

/** The nodes among the records. */
export function storedNodes<T extends Node | undefined>(
  records: ReadonlyMap<string, Uint8Array>,
  codec: Parameters<typeof decode<T>>[0],
): NodeChange[] {
  return withPrefix(records, "public/node/").map(([index, value]) => [
    nodeIndex(index),
    decode(codec, value),
  ]);
}

interface StoredProposal {
  /** Position in the order of arrival. */
  readonly order: number;
  readonly sender: number;
  readonly proposal: Proposal;
}

const storedProposalCodec = struct<StoredProposal>({ order: u32, sender: u32, proposal: proposalCodec });
const privateKeyCodec = optional(opaque);

function diffProposals(before: GroupState | undefined, after: GroupState, diff: RecordDiff): void {
  if (before?.proposals === after.proposals) return;
  const order = new Map([...after.proposals.keys()].map((ref, position) => [ref, position]));
  diffMap(
    before?.proposals,
    after.proposals,
    (ref) => `public/proposal/${ref}`,
    ({ sender, proposal }, ref) =>
      encode(storedProposalCodec, { order: order.get(ref) ?? 0, sender, proposal }),
    diff,
  );
  diffMap(
    before && ownUpdates(before),
    ownUpdates(after),
    (ref) => `secret/proposal/${ref}`,
    (key) => encode(privateKeyCodec, key),
    diff,
  );
}

function ownUpdates(state: GroupState): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [ref, { encryptionPrivateKey }] of state.proposals) {
    if (encryptionPrivateKey !== undefined) keys.set(ref, encryptionPrivateKey);
  }
  return keys;
}

function storedProposals(records: ReadonlyMap<string, Uint8Array>): Map<string, PendingProposal> {
  const stored = withPrefix(records, "public/proposal/").map(([ref, value]) => {
    const { order, sender, proposal } = decode(storedProposalCodec, value);
    const secret = records.get(`secret/proposal/${ref}`);
    const encryptionPrivateKey = secret && decode(privateKeyCodec, secret);
    return {
      order,
      ref,
      pending: {
        ref: hexToBytes(ref),
        proposal,
        sender,
        ...(encryptionPrivateKey && { encryptionPrivateKey }),
      },
    };
  });
  stored.sort((a, b) => a.order - b.order);
  return new Map(stored.map(({ ref, pending }) => [ref, pending]));
}

function diffMap<K extends string | number, V>(
  before: ReadonlyMap<K, V> | undefined,
  after: ReadonlyMap<K, V>,
  keyOf: (key: K) => string,
  bytesOf: (value: V, key: K) => Uint8Array,
  diff: RecordDiff,
): void {
  if (before === after) return;
  for (const [key, value] of after) {
    if (before?.get(key) !== value) diff.put.push([keyOf(key), bytesOf(value, key)]);
  }
  for (const key of before?.keys() ?? []) if (!after.has(key)) diff.delete.push(keyOf(key));
}

/** The record with this key. Throws RECORD_INVALID. */
export function record(records: ReadonlyMap<string, Uint8Array>, key: string): Uint8Array {
  const value = records.get(key);
  if (value === undefined) throw damaged(`the record ${key} is missing`);
  return value;
}

function withPrefix(records: ReadonlyMap<string, Uint8Array>, prefix: string): [string, Uint8Array][] {
  return [...records]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value]);
}

/** Whatever is wrong with stored bytes is one error for the caller: a state that can't be read. */
export function readingRecords<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof MlsError && cause.code !== "RECORD_INVALID") {
      throw new MlsError("RECORD_INVALID", "the records of a group are damaged", { cause });
    }
    throw cause;
  }
}

function nodeIndex(text: string): number {
  const index = Number(text);
  if (!Number.isSafeInteger(index) || index < 0) throw damaged(`${text} is no node index`);
  return index;
}

export function damaged(message: string): MlsError {
  return new MlsError("RECORD_INVALID", message);
}
