import { bytesToHex } from "@noble/hashes/utils.js";
import { decode, encode, flag, opaque, optional, struct, u32, u8, vector } from "../codec/codec.ts";
import { cipherSuite, type SignaturePrivateKey } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { type ProposalSender, proposalSenderCodec } from "../framing/message.ts";
import { encodeGroupContext, type GroupContext, groupContextCodec } from "../group-context.ts";
import { type Node, nodeCodec } from "../leaf-node.ts";
import { type Proposal, proposalBodies, proposalCodec, type ReInit } from "../proposal.ts";
import type { RecordDiff } from "../record-diff.ts";
import { loadExports, storedExports, storedExportsCodec } from "../schedule/exporter-tree.ts";
import { diffSecretTree, loadSecretTree } from "../schedule/secret-tree-records.ts";
import { isLeafSlot, type RatchetTree } from "../tree/ratchet-tree.ts";
import { changeTree, type NodeChange, treeChanges } from "../tree/tree-changes.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { type GroupState, type KeptSecrets, type PendingProposal } from "./group-state.ts";

/**
 * The changes from one state to another. After a message that is the sender's ratchet, after a commit the nodes that
 * it changed, whatever the group's size; from undefined it is everything. What was consumed is deleted.
 */
export function diffGroup(before: GroupState | undefined, after: GroupState): RecordDiff {
  const diff = diffSecretTree(before?.secretTree, after.secretTree);
  if (before?.context !== after.context || before.tree !== after.tree) {
    diff.put.push(["public/state", encode(headCodec, headOf(after))]);
  }
  diffTree(before?.tree, after.tree, diff);
  if (before?.secrets !== after.secrets) diff.put.push(["secret/epoch", encode(secretsCodec, after.secrets)]);
  if (before?.privateKeys !== after.privateKeys) {
    const keys = [...after.privateKeys].map(([index, key]) => ({ index, key }));
    diff.put.push(["secret/keys", encode(privateKeysCodec, keys)]);
  }
  if (before?.exporterTree !== after.exporterTree) {
    diff.put.push([EXPORTER_TREE, encode(storedExportsCodec, storedExports(after.exporterTree))]);
  }
  diffProposals(before, after, diff);
  return diff;
}

/**
 * The state that these records hold; the signature key is kept apart from them. Records with unknown keys are passed
 * over. Throws RECORD_INVALID if a record is missing, cut short or misshapen, and SUITE_NOT_LOADED unless the caller
 * awaited loadCipherSuite for a suite beyond 1 to 3. A record of the right form that isn't what was stored, an older
 * one or one with a flipped bit, shows only where other records contradict it: store them all or none, and sealed or
 * with a checksum.
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
    const tree = storedTree(undefined, head.level, storedNodes(all, nodeCodec));
    if (!equalBytes(treeHash(suite, tree), context.treeHash))
      throw damaged("the tree's records are incomplete");
    return {
      suite,
      context,
      encodedContext: encodeGroupContext(context),
      tree,
      interimTranscriptHash: head.interimTranscriptHash,
      ownLeaf: head.ownLeaf,
      needsPath: head.needsPath,
      reinit: head.reinit,
      signatureKey: keys.signatureKey,
      privateKeys: new Map(
        decode(privateKeysCodec, record(all, "secret/keys")).map(({ index, key }) => [index, key]),
      ),
      secrets: decode(secretsCodec, record(all, "secret/epoch")),
      secretTree: loadSecretTree(suite, 2 ** head.level, all),
      exporterTree: loadExports(suite, decode(storedExportsCodec, record(all, EXPORTER_TREE))),
      proposals: storedProposals(all),
    };
  });
}

const EXPORTER_TREE = "secret/exporter-tree";

interface Head {
  readonly context: GroupContext;
  readonly interimTranscriptHash: Uint8Array;
  readonly ownLeaf: number;
  /** Of the tree's root. */
  readonly level: number;
  readonly needsPath: boolean;
  readonly reinit: ReInit | undefined;
}

const headCodec = struct<Head>({
  context: groupContextCodec,
  interimTranscriptHash: opaque,
  ownLeaf: u32,
  level: u8,
  needsPath: flag,
  reinit: optional(proposalBodies.reinit),
});

function headOf(state: GroupState): Head {
  const { context, interimTranscriptHash, ownLeaf, tree, needsPath, reinit } = state;
  return { context, interimTranscriptHash, ownLeaf, level: tree.level, needsPath, reinit };
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

/** Leaf indexes have 32 bits (RFC 9420 §7.7), so a tree is at most this high. */
const MAX_LEVEL = 32;

/** As changeTree, of stored parts: a tree that was stored is no wider than its members ask for. Throws RECORD_INVALID. */
export function storedTree(
  base: RatchetTree | undefined,
  level: number,
  nodes: readonly NodeChange[],
): RatchetTree {
  if (level > MAX_LEVEL) throw damaged("a tree of impossible size");
  const tree = changeTree(base, level, nodes);
  if (!isLeafSlot(tree) && tree.right.members === 0)
    throw damaged("the tree is wider than its members ask for");
  return tree;
}

/** The nodes among the records. */
export function storedNodes<T extends Node | undefined>(
  records: ReadonlyMap<string, Uint8Array>,
  codec: Parameters<typeof decode<T>>[0],
): NodeChange[] {
  return withPrefix(records, "public/node/").map(([text, value]): NodeChange => {
    const index = nodeIndex(text);
    const node = decode(codec, value);
    // §7.8: leaves stand at even indexes. Read as blank, a stray node would vanish where blank is what belongs.
    if (node !== undefined && (node.kind === "leaf") !== (index % 2 === 0)) {
      throw damaged(`node ${index} is of the wrong type`);
    }
    return [index, node];
  });
}

/** HPKE private keys by node index: some log n of them, new with every commit. */
const privateKeysCodec = vector(struct<{ index: number; key: Uint8Array }>({ index: u32, key: opaque }));

interface StoredProposal {
  readonly sender: ProposalSender;
  readonly proposal: Proposal;
}

const storedProposalCodec = struct<StoredProposal>({
  sender: proposalSenderCodec,
  proposal: proposalCodec,
});

/** Proposals in the order of their arrival. */
const proposalListCodec = vector(struct<ListedProposal>({ ref: opaque, hasPrivateKey: flag }));

/**
 * Which proposals there are: always written, so that none can be lost unnoticed. Full chunks of the list have records of
 * their own, so that one more proposal doesn't write all of it. The mark is no length: older records are a list only.
 */
const proposalsHeadCodec = struct<{ mark: number; chunks: number; rest: readonly ListedProposal[] }>({
  mark: u8,
  chunks: u32,
  rest: proposalListCodec,
});
const CHUNKED = 0xff;
const PROPOSALS_CHUNK = 4;

interface ListedProposal {
  readonly ref: Uint8Array;
  /** Of an own Update, whose private key has a record of its own. */
  readonly hasPrivateKey: boolean;
}

function diffProposals(before: GroupState | undefined, after: GroupState, diff: RecordDiff): void {
  if (before?.proposals === after.proposals) return;
  diffProposalList(before?.proposals ?? new Map(), after.proposals, diff);
  for (const [ref, pending] of after.proposals) {
    if (before?.proposals.get(ref) === pending) continue;
    diff.put.push([`public/proposal/${ref}`, encode(storedProposalCodec, pending)]);
    const { encryptionPrivateKey: key } = pending;
    if (key !== undefined) diff.put.push([`secret/proposal/${ref}`, encode(opaque, key)]);
  }
  for (const [ref, { encryptionPrivateKey }] of before?.proposals ?? []) {
    if (after.proposals.has(ref)) continue;
    diff.delete.push(`public/proposal/${ref}`);
    if (encryptionPrivateKey !== undefined) diff.delete.push(`secret/proposal/${ref}`);
  }
}

function diffProposalList(
  before: GroupState["proposals"],
  after: GroupState["proposals"],
  diff: RecordDiff,
): void {
  const [had, has] = [[...before.values()], [...after.values()]];
  const changedAt = has.findIndex((pending, place) => had[place] !== pending);
  const alike = changedAt < 0 ? has : has.slice(0, changedAt);
  const kept = loadedUnchunked.has(before) ? 0 : fullChunks(alike);
  const chunks = fullChunks(has);
  const listed = (from: number, to?: number): readonly ListedProposal[] =>
    has.slice(from, to).map(({ ref, encryptionPrivateKey }) => ({
      ref,
      hasPrivateKey: encryptionPrivateKey !== undefined,
    }));
  for (let chunk = kept; chunk < chunks; chunk++) {
    const list = listed(chunk * PROPOSALS_CHUNK, (chunk + 1) * PROPOSALS_CHUNK);
    diff.put.push([`public/proposals/${chunk}`, encode(proposalListCodec, list)]);
  }
  for (let chunk = chunks; chunk < fullChunks(had); chunk++) diff.delete.push(`public/proposals/${chunk}`);
  const head = { mark: CHUNKED, chunks, rest: listed(chunks * PROPOSALS_CHUNK) };
  diff.put.push(["public/proposals", encode(proposalsHeadCodec, head)]);
}

/** Lists that were loaded from records without chunks: what goes on from them writes all of its own. */
const loadedUnchunked = new WeakSet<GroupState["proposals"]>();

function fullChunks(proposals: readonly PendingProposal[]): number {
  return Math.floor(proposals.length / PROPOSALS_CHUNK);
}

function storedChunks(
  records: ReadonlyMap<string, Uint8Array>,
  bytes: Uint8Array,
): readonly ListedProposal[] {
  const { chunks, rest } = decode(proposalsHeadCodec, bytes);
  const lists: (readonly ListedProposal[])[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    const list = decode(proposalListCodec, record(records, `public/proposals/${chunk}`));
    if (list.length !== PROPOSALS_CHUNK) throw damaged("a chunk of the list of proposals isn't full");
    lists.push(list);
  }
  return [...lists.flat(), ...rest];
}

function storedProposals(records: ReadonlyMap<string, Uint8Array>): Map<string, PendingProposal> {
  const head = record(records, "public/proposals");
  const isChunked = head[0] === CHUNKED;
  const list = isChunked ? storedChunks(records, head) : decode(proposalListCodec, head);
  const proposals = new Map(
    list.map(({ ref, hasPrivateKey }): [string, PendingProposal] => {
      const name = bytesToHex(ref);
      const { sender, proposal } = decode(storedProposalCodec, record(records, `public/proposal/${name}`));
      if (!hasPrivateKey) return [name, { ref, proposal, sender }];
      const encryptionPrivateKey = decode(opaque, record(records, `secret/proposal/${name}`));
      return [name, { ref, proposal, sender, encryptionPrivateKey }];
    }),
  );
  if (!isChunked) loadedUnchunked.add(proposals);
  return proposals;
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

/** Whatever is wrong with stored bytes is one error for the caller: a state that can't be read; or can't be yet. */
export function readingRecords<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof MlsError && cause.code !== "RECORD_INVALID" && cause.code !== "SUITE_NOT_LOADED") {
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
