import { fromHex, type GroupId, type Seq, toHex } from "@thicket/protocol";
import type { ReadOperation } from "../db/access.ts";

/** Where a group's log stands. */
export interface Head {
  headSeq: Seq;
  ackedSeq: Seq;
}

/** Groups in one query. */
const PAGE = 500;

/** Where the logs of these groups stand; unknown groups are left out. */
export function readHeads(
  groupIds: readonly GroupId[],
): ReadOperation<{ ok: true; heads: ReadonlyMap<GroupId, Head> }> {
  return async (reader) => {
    const heads = new Map<GroupId, Head>();
    for (let start = 0; start < groupIds.length; start += PAGE) {
      const rows = await reader.query
        .selectFrom("groups")
        .select(["group_id", "head_seq", "acked_seq"])
        .where("group_id", "in", groupIds.slice(start, start + PAGE).map(fromHex))
        .execute();
      for (const row of rows) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was a GroupId when it was stored
        const groupId = toHex(row.group_id) as GroupId;
        heads.set(groupId, { headSeq: row.head_seq, ackedSeq: row.acked_seq });
      }
    }
    return { ok: true, heads };
  };
}
