import { fromHex, type GroupId } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { GroupRow } from "../db/statements.ts";
import type { WriteOperation } from "../db/access.ts";
import { refreshAcked } from "../groups/acked.ts";
import type { DeliveryLimits } from "../limits.ts";
import type { Effect } from "../outcome.ts";
import { dayOf } from "../seats/show-token.ts";
import { deleteGroup } from "./delete-group.ts";
import { dropSilentBranch } from "./drop-branch.ts";
import { forgetEntries } from "./forget-entries.ts";
import { forgetEpochs } from "./forget-epochs.ts";
import { dropSeats, forgetSeats } from "./forget-seats.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/**
 * One slice of a group's purge: what needn't be kept any more goes, a bounded number of rows of each kind. `more` says
 * that the next slice is due at once; else the group is looked at again in an hour while its log holds something, or
 * in a day.
 */
export function purgeGroup(
  groupId: GroupId,
  deps: { now: () => number; limits: DeliveryLimits },
): WriteOperation<{ ok: true; more: boolean }> {
  return async (tx) => {
    const now = deps.now();
    const cutoff = now - deps.limits.retentionDays * DAY;
    const effects: Effect[] = [];
    const read = async () => tx.hot.group(fromHex(groupId));

    const first = await read();
    if (first === undefined) return { reply: { ok: true, more: false }, effects };
    const dropped = await dropSeats(tx, first.no, dayOf(cutoff));
    const unseated = await dropSilentBranch(tx, first, cutoff);
    const seatIds = [...dropped, ...(unseated ?? [])];
    if (seatIds.length > 0) effects.push({ kind: "unseated", groupId, seatIds });
    if (await isAbandoned(tx, first, cutoff)) {
      return { reply: { ok: true, more: await deleteGroup(tx, first.no) }, effects };
    }
    effects.push(...(await refreshAcked(tx, groupId, first)).effects);

    const moreEntries = await forgetEntries(tx, (await read()) ?? first, cutoff);
    const second = (await read()) ?? first;
    const moreEpochs = await forgetEpochs(tx, second, cutoff);
    const moreSeats = await forgetSeats(tx, second);
    await tx.change
      .deleteFrom("supersedes")
      .where("group_no", "=", second.no)
      .where("at", "<", cutoff)
      .execute();
    const more = moreEntries || moreEpochs || moreSeats || dropped.length > 0 || unseated !== undefined;
    const wait = more ? 0 : second.lowest_seq <= second.head_seq ? HOUR : DAY;
    await tx.change
      .updateTable("groups")
      .set({ sweep_at: now + wait })
      .where("no", "=", second.no)
      .execute();
    return { reply: { ok: true, more }, effects };
  };
}

/** No seat is left that anybody waits for, and nobody wrote since. */
async function isAbandoned(tx: Transaction, group: GroupRow, cutoff: number): Promise<boolean> {
  if ((await tx.hot.lowestCursor(group.no)) !== undefined) return false;
  const alive = await tx.query
    .selectFrom("epochs")
    .select("branch")
    .where("group_no", "=", group.no)
    .where("is_tip", "=", 1)
    .where("written_at", ">=", cutoff)
    .limit(1)
    .executeTakeFirst();
  return alive === undefined;
}
