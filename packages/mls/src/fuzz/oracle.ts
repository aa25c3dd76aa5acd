import { bytesToHex } from "@noble/hashes/utils.js";
import { encode } from "../codec/codec.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import type { Sender } from "../framing/message.ts";
import type { EngineDeps } from "../group/authentication.ts";
import type { GroupState } from "../group/group-state.ts";
import { processMessage, type ProcessedMessage } from "../group/process-message.ts";
import { diffGroup, loadGroup } from "../group/records.ts";
import { verifyLeafNode } from "../leaf-node.ts";
import { proposalCodec } from "../proposal.ts";
import { errorCode } from "../testing/error-code.ts";
import { repeatedKey } from "../tree/key-uniqueness.ts";
import { encryptionKeyAt, leafAt, membersOf } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { validateTree } from "../tree/validate-tree.ts";
import { fingerprint, type World } from "./world.ts";

/** What the fuzzer looks for: an engine that took what it shouldn't, changed what it shouldn't, or fell over. */
export class Finding extends Error {
  override name = "Finding";
}

/** What the action gives, or the code of the MlsError that it ends with. */
export async function attempt<T>(action: () => Promise<T>): Promise<T | string> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
}

/** A message by its meaning: two that say the same have one name. */
export function meaningOf(processed: ProcessedMessage): string {
  const { kind, authenticatedData } = processed;
  const aad = bytesToHex(authenticatedData);
  switch (kind) {
    case "application":
      return `application ${processed.sender} ${bytesToHex(processed.data)} ${aad}`;
    case "proposal":
      return `proposal ${senderName(processed.sender)} ${bytesToHex(encode(proposalCodec, processed.proposal))} ${aad}`;
    case "commit": {
      const { next } = processed.staged;
      const leadsTo = next === undefined ? "out" : bytesToHex(next.secrets.epochAuthenticator);
      return `commit ${senderName(processed.sender)} ${leadsTo} ${aad}`;
    }
  }
}

function senderName(sender: Sender): string {
  if (sender.kind === "member") return `member ${sender.leafIndex}`;
  return sender.kind === "external" ? `external ${sender.senderIndex}` : sender.kind;
}

/** Meanings of everything that was really sent to Bob. */
export async function genuineMeanings(world: World, deps: EngineDeps): Promise<ReadonlySet<string>> {
  const meanings = new Set<string>();
  for (const { bytes } of world.genuine) {
    meanings.add(meaningOf(await processMessage(world.bob, bytes, deps, { allowPublic: true })));
  }
  return meanings;
}

/**
 * Throws a Finding unless Bob was right to take a message: it says what was really sent, or Mallory, whose keys the
 * forger has, is who it claims to be from.
 */
export async function checkAccepted(
  world: World,
  meanings: ReadonlySet<string>,
  processed: ProcessedMessage,
): Promise<void> {
  if (processed.kind === "commit") await checkCommit(world, processed);
  if (meanings.has(meaningOf(processed))) return;
  if (!isByMallory(world, processed)) throw new Finding(`a forgery was taken: ${meaningOf(processed)}`);
}

function isByMallory(world: World, processed: ProcessedMessage): boolean {
  const { malloryLeaf, mallory } = world;
  if (processed.kind === "application") return processed.sender === malloryLeaf;
  const { sender } = processed;
  const key = leafAt(mallory.tree, malloryLeaf)?.signatureKey;
  switch (sender.kind) {
    case "member":
      return sender.leafIndex === malloryLeaf;
    case "external":
      return false;
    case "newMemberProposal": {
      const added = processed.kind === "proposal" && processed.proposal.kind === "add" && processed.proposal;
      return added !== false && key !== undefined && equalBytes(added.keyPackage.leafNode.signatureKey, key);
    }
    case "newMemberCommit": {
      const { committer, next } =
        processed.kind === "commit" ? processed.staged : { committer: 0, next: undefined };
      const joiner = next && leafAt(next.tree, committer);
      return joiner !== undefined && key !== undefined && equalBytes(joiner.signatureKey, key);
    }
  }
}

async function checkCommit(world: World, processed: ProcessedMessage & { kind: "commit" }): Promise<void> {
  const { next, effects } = processed.staged;
  if (next === undefined) {
    if (!effects.selfRemoved) throw new Finding("a commit without a next epoch that removes nobody here");
    return;
  }
  if (next.context.epoch !== world.bob.context.epoch + 1n) throw new Finding("an epoch was left out");
  if (leafAt(next.tree, world.bob.ownLeaf) === undefined) throw new Finding("a member without a leaf");
  await checkState(next);
}

/** Throws a Finding unless the state is sound in itself: tree, keys and records fit each other. */
export async function checkState(state: GroupState): Promise<void> {
  const { suite, tree, context, privateKeys, ownLeaf, signatureKey } = state;
  if (!equalBytes(treeHash(suite, tree), context.treeHash))
    throw new Finding("the tree hash is not the context's");
  if (repeatedKey(tree, "all") !== undefined) throw new Finding("a key stands twice in the tree");
  const code = await errorCode(() => validateTree(suite, tree));
  if (code !== undefined) throw new Finding(`the tree of a state is not valid: ${code}`);
  for (const { leaf, leafNode } of membersOf(tree)) {
    const place = { groupId: context.groupId, leafIndex: leaf };
    if (!(await verifyLeafNode(suite, leafNode, place))) throw new Finding("a leaf nobody signed");
  }
  if (!privateKeys.has(2 * ownLeaf)) throw new Finding("the own leaf's private key is missing");
  for (const [index, key] of privateKeys) {
    const expected = encryptionKeyAt(tree, index);
    if (expected === undefined || !equalBytes(await suite.hpkePublicKey(key), expected)) {
      throw new Finding(`the private key of node ${index} is not that of the tree`);
    }
  }
  const loaded = loadGroup(diffGroup(undefined, state).put, { signatureKey });
  if (fingerprint(loaded) !== fingerprint(state)) throw new Finding("a state that its records don't hold");
}
