import { decode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import {
  EXTENSION_REQUIRED_CAPABILITIES,
  type Extension,
  findExtension,
  isDefaultExtension,
  requiredCapabilitiesCodec,
} from "../extension.ts";
import {
  checkLeafItself,
  type LeafNode,
  type LeafNodeSource,
  type LeafPlace,
  verifyLeafNode,
} from "../leaf-node.ts";
import { lookupIn } from "../lookup.ts";
import { isDefaultProposal } from "../proposal.ts";
import type { Member, RatchetTree } from "../tree/ratchet-tree.ts";
import { checkComponentSupport } from "./component-rules.ts";
import { repeatedKey } from "../tree/key-uniqueness.ts";
import { summaryOf } from "../tree/tree-summary.ts";

/** RFC 9420 §7.3: all that a leaf must keep by itself, its signature included; not its credential. */
export async function checkLeaf(
  suite: CipherSuite,
  leafNode: LeafNode,
  place: LeafPlace,
  source?: LeafNodeSource["kind"],
): Promise<void> {
  // §7.3: the source that belongs to the message which carries the leaf.
  if (source !== undefined && leafNode.source.kind !== source) {
    throw new MlsError("LEAF_NODE_INVALID", `the leaf's source is ${leafNode.source.kind}`, {
      section: "§7.3",
    });
  }
  checkLeafItself(leafNode, suite.id);
  if (!suite.isHpkePublicKey(leafNode.encryptionKey)) {
    throw new MlsError("LEAF_NODE_INVALID", "the encryption key is no key of the suite", {
      section: "§5.1.1",
    });
  }
  if (!(await verifyLeafNode(suite, leafNode, place))) {
    throw new MlsError("LEAF_NODE_INVALID", "the leaf's signature is invalid", { section: "§7.3" });
  }
}

/** Checks under way at once: Node verifies them on four threads, Chromium on the caller's own; more would only wait. */
const CHUNK = 64;

/** §12.4.3.1: every leaf of a received tree, a chunk of them at a time. */
export async function checkLeaves(
  suite: CipherSuite,
  groupId: Uint8Array,
  members: readonly Member[],
): Promise<void> {
  await inChunks(members, ({ leaf, leafNode }) => checkLeaf(suite, leafNode, { groupId, leafIndex: leaf }));
}

/** Runs an asynchronous check on all items, at most 64 at the same time. */
export async function inChunks<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += CHUNK) await Promise.all(items.slice(i, i + CHUNK).map(check));
}

/**
 * The rules that bind all members together (§7.3, §11.1, §12.1.7, §13.4): everybody supports what the group
 * requires, the extensions of its context and the credential types in use. Throws CAPABILITY_MISSING.
 */
export function checkGroupSupport(tree: RatchetTree, contextExtensions: readonly Extension[]): void {
  const summary = summaryOf(tree);
  if (summary === null) return;
  const { supported, credentialTypesInUse } = summary;
  const requiredData = findExtension(contextExtensions, EXTENSION_REQUIRED_CAPABILITIES);
  const required =
    requiredData === undefined
      ? { extensions: [], proposals: [], credentials: [] }
      : decode(requiredCapabilitiesCodec, requiredData);
  const present = contextExtensions.map((extension) => extension.type);
  const hasExtension = lookupIn(supported.extensions);
  const hasProposal = lookupIn(supported.proposals);
  const hasCredential = lookupIn(supported.credentials);
  // §13.4: every extension of the GroupContext; §11.1: every required one.
  for (const type of [...present, ...required.extensions]) {
    if (!isDefaultExtension(type) && !hasExtension(type)) {
      throw missing(`extension ${type}`, present.includes(type) ? "§13.4" : "§11.1");
    }
  }
  for (const type of required.proposals) {
    if (!isDefaultProposal(type) && !hasProposal(type)) {
      throw missing(`proposal type ${type}`, "§11.1");
    }
  }
  for (const type of required.credentials) {
    if (!hasCredential(type)) throw missing(`credential type ${type}`, "§11.1");
  }
  // §7.3: each member's credential type is supported by all members.
  for (const type of credentialTypesInUse) {
    if (!hasCredential(type)) throw missing(`credential type ${type}, which is in use`, "§7.3");
  }
  checkComponentSupport(supported, contextExtensions);
}

/** §7.3: signature and encryption keys of these leaves stand nowhere else in the tree. */
export function checkKeysDiffer(tree: RatchetTree, leaves: Iterable<number>): void {
  const touched = new Set([...leaves].map((leaf) => 2 * leaf));
  if (touched.size === 0) return;
  const repeated = repeatedKey(tree, touched);
  if (repeated !== undefined) {
    throw new MlsError("KEY_REPEATED", `the tree holds a ${repeated} key twice`, { section: "§7.3" });
  }
}

function missing(what: string, section: string): MlsError {
  return new MlsError("CAPABILITY_MISSING", `a member doesn't support ${what}`, { section });
}
