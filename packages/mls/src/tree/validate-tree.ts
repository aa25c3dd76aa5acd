import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { MlsError } from "../errors.ts";
import { repeatedKey } from "./key-uniqueness.ts";
import { parentHash } from "./parent-hash.ts";
import {
  isLeafSlot,
  leafAt,
  parentSlots,
  slotAt,
  type FilledParentSlot,
  type RatchetTree,
} from "./ratchet-tree.ts";
import { resolution } from "./resolution.ts";
import { covers } from "./tree-math.ts";

/**
 * Checks of a tree received from someone else that need no signature and no application (RFC 9420 §12.4.3.1):
 * unmerged leaves, key uniqueness, parent hashes. Throws MlsError TREE_INVALID.
 */
export function validateTree(suite: CipherSuite, tree: RatchetTree): void {
  for (const slot of parentSlots(tree)) {
    // Nobody could encrypt to it: one bad key would stop every commit. The leaves' keys are checkLeaf's.
    if (!suite.isHpkePublicKey(slot.node.encryptionKey)) {
      throw invalid("a parent's encryption key is no key of the suite", "§5.1.1");
    }
    checkUnmergedLeaves(tree, slot);
  }
  // §12.4.3.1: a parent's key in no other node; §7.3: each leaf's keys unique among the members.
  const repeated = repeatedKey(tree, "all");
  if (repeated !== undefined) throw invalid(`the tree holds a ${repeated} key twice`, "§12.4.3.1");
  for (const slot of parentSlots(tree)) checkParentHash(suite, tree, slot);
}

function checkUnmergedLeaves(tree: RatchetTree, slot: FilledParentSlot): void {
  // Their order (§7.1) is the codec's to check.
  for (const leaf of slot.node.unmergedLeaves) {
    // §12.4.3.1: a non-blank leaf that is a descendant of the parent.
    if (!covers(slot.index, 2 * leaf) || leafAt(tree, leaf) === undefined) {
      throw invalid("an unmerged leaf is blank or not below its parent node", "§12.4.3.1");
    }
    // §12.4.3.1: every non-blank node in between has the entry as well.
    let between = 2 * leaf < slot.index ? slot.left : slot.right;
    while (!isLeafSlot(between)) {
      if (between.node !== undefined && !includesSorted(between.node.unmergedLeaves, leaf)) {
        throw invalid("a node in between doesn't list an unmerged leaf", "§12.4.3.1");
      }
      between = 2 * leaf < between.index ? between.left : between.right;
    }
  }
}

/**
 * RFC 9420 §7.9.2, "top down": exactly one descendant D of P was set together with it. D is the one node of the
 * resolution of a child C that is not an unmerged leaf of P, and it carries P's parent hash for C's sibling.
 */
function checkParentHash(suite: CipherSuite, tree: RatchetTree, slot: FilledParentSlot): void {
  const unmerged = new Set(slot.node.unmergedLeaves.map((leaf) => 2 * leaf));
  const chained = [[slot.left, slot.right] as const, [slot.right, slot.left] as const].filter(
    ([child, sibling]) => {
      // All of P's unmerged leaves below C are in its resolution: the nodes in between list them (checkUnmergedLeaves).
      const [descendant, ...others] = resolution(child).filter((index) => !unmerged.has(index));
      if (descendant === undefined || others.length > 0) return false;
      const claimed = parentHashAt(tree, descendant);
      return claimed !== undefined && equalBytes(claimed, parentHash(suite, slot.node, sibling));
    },
  );
  if (chained.length !== 1) throw invalid(`parent node ${slot.index} is not parent-hash valid`, "§7.9.2");
}

function parentHashAt(tree: RatchetTree, index: number): Uint8Array | undefined {
  const slot = slotAt(tree, index);
  if (slot === undefined) return undefined;
  if (!isLeafSlot(slot)) return slot.node?.parentHash;
  return slot.leaf?.source.kind === "commit" ? slot.leaf.source.parentHash : undefined;
}

function includesSorted(sorted: readonly number[], value: number): boolean {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const entry = sorted[middle] ?? 0;
    if (entry === value) return true;
    if (entry < value) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

function invalid(message: string, section: string): MlsError {
  return new MlsError("TREE_INVALID", message, { section });
}
