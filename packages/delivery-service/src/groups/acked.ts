import type { GroupId, Seq } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { GroupRow } from "../db/statements.ts";
import type { Effect } from "../outcome.ts";

/**
 * What every seat of every tip has acknowledged, after cursors or seats changed: the seq, and an effect where it moved.
 * Whoever may be on whichever branch, "delivered to all" is never said too early. O(log seats), by an index over the
 * cursors of the seats of tips.
 */
export async function refreshAcked(
  tx: Transaction,
  groupId: GroupId,
  group: GroupRow,
): Promise<{ ackedSeq: Seq; effects: Effect[] }> {
  const lowest = await tx.hot.lowestCursor(group.no);
  // Nobody counts in a group without seats; and what was once told stays told.
  if (lowest === undefined || lowest <= group.acked_seq) {
    return { ackedSeq: group.acked_seq, effects: [] };
  }
  await tx.hot.setAcked(group.no, lowest);
  const ackedSeq = lowest;
  return { ackedSeq, effects: [{ kind: "acked", groupId, seq: ackedSeq }] };
}
