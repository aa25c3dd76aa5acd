import { decode, encode, opaque, optional, struct, u32, u8 } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { encodeGroupContext, type GroupContext, groupContextCodec } from "../group-context.ts";
import { nodeCodec } from "../leaf-node.ts";
import type { RecordDiff } from "../record-diff.ts";
import { diffSecretTree, loadSecretTree } from "../schedule/secret-tree-records.ts";
import { treeChanges } from "../tree/tree-changes.ts";
import { treeHash } from "../tree/tree-hash.ts";
import type { GroupState } from "./group-state.ts";
import type { PastEpoch } from "./past-epoch.ts";
import { damaged, readingRecords, record, storedNodes, storedTree } from "./records.ts";

/** As diffGroup: the first time everything, of the tree only what differs from the epoch after it. */
export function diffPastEpoch(before: PastEpoch | undefined, after: PastEpoch): RecordDiff {
  const diff = diffSecretTree(before?.secretTree, after.secretTree);
  if (before === undefined) {
    const { context, ownLeaf, tree, successor } = after;
    diff.put.push([
      "public/past",
      encode(headCodec, { context, ownLeaf, level: tree.level, rests: successor ? 1 : 0 }),
    ]);
    for (const [index, node] of treeChanges(successor, after.tree)) {
      diff.put.push([`public/node/${index}`, encode(optionalNodeCodec, node)]);
    }
    diff.put.push(["secret/sender-data", encode(opaque, after.senderDataSecret)]);
  }
  return diff;
}

/**
 * The past epoch that these records hold. `newer` is the epoch after it, loaded before: load from the newest to the
 * oldest. Throws RECORD_INVALID, and SUITE_NOT_LOADED as loadGroup does.
 */
export function loadPastEpoch(
  records: Iterable<readonly [string, Uint8Array]>,
  newer: GroupState | PastEpoch | undefined,
): PastEpoch {
  return readingRecords(() => {
    const all = new Map(records);
    const { context, ownLeaf, level, rests } = decode(headCodec, record(all, "public/past"));
    if (rests === 1 && newer?.context.epoch !== context.epoch + 1n) {
      throw damaged("a past epoch is read with the one right after it");
    }
    const suite = cipherSuite(context.cipherSuite);
    const successor = rests === 1 ? newer?.tree : undefined;
    const tree = storedTree(successor, level, storedNodes(all, optionalNodeCodec));
    if (!equalBytes(treeHash(suite, tree), context.treeHash))
      throw damaged("the tree's records are incomplete");
    return {
      suite,
      context,
      encodedContext: encodeGroupContext(context),
      tree,
      successor,
      ownLeaf,
      senderDataSecret: decode(opaque, record(all, "secret/sender-data")),
      secretTree: loadSecretTree(suite, 2 ** level, all),
    };
  });
}

interface Head {
  readonly context: GroupContext;
  readonly ownLeaf: number;
  readonly level: number;
  /** 1 if the tree's records are the difference to the next epoch's tree. */
  readonly rests: number;
}

const headCodec = struct<Head>({ context: groupContextCodec, ownLeaf: u32, level: u8, rests: u8 });

/** Blank is a value here: the node may stand in the epoch after. */
const optionalNodeCodec = optional(nodeCodec);
