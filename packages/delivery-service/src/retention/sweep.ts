import { type Branch, fromHex, type GroupId } from "@thicket/protocol";
import type { Database } from "@thicket/storage";
import type { DeliveryModel, ReadOperation, WriteOperation } from "../db/access.ts";
import { NO_GROUPS } from "../db/plan.ts";
import { storedGroupId } from "../db/own-ids.ts";
import type { DeliveryLimits } from "../limits.ts";
import { releaseWelcomes } from "../welcomes/release-welcomes.ts";
import { purgeGroup } from "./purge-group.ts";
import { purgeInboxes } from "./purge-inboxes.ts";

/** Groups of one sweep, and slices of one group in it: the rest has its turn in the next. */
const GROUPS = 20;
const SLICES = 10;
const HELD = 100;

export interface Swept {
  /** When the next held Welcome is to be released; undefined where none is held. */
  heldUntil: number | undefined;
}

interface SweepDeps {
  now: () => number;
  limits: DeliveryLimits;
}

/**
 * Does what is due by the clock: lets held Welcomes go, and erases what needn't be kept. Each slice is a write of its
 * own, so that requests come in between.
 */
export async function sweep(database: Database<DeliveryModel>, deps: SweepDeps): Promise<Swept> {
  await releaseDue(database, deps);
  for (let slice = 0; slice < SLICES; slice++) {
    const done = await database.write(purgeInboxes(deps), NO_GROUPS);
    if (!done.ok || !done.more) break;
  }
  const due = await database.read(readDueGroups(deps.now()));
  for (const groupId of due.ok ? due.groupIds : []) {
    for (let slice = 0; slice < SLICES; slice++) {
      const done = await database.write(purgeGroup(groupId, deps), { groups: [{ groupId }] });
      if (!done.ok || !done.more) break;
    }
  }
  const next = await database.read(readNextHeld);
  return { heldUntil: next.ok ? next.dueAt : undefined };
}

async function releaseDue(database: Database<DeliveryModel>, { now, limits }: SweepDeps): Promise<void> {
  const due = await database.read(async (reader) => {
    const commits = await reader.query
      .selectFrom("welcome_holds")
      .innerJoin("groups", "groups.no", "welcome_holds.group_no")
      .select(["groups.group_id", "welcome_holds.branch"])
      .distinct()
      .where((where) =>
        where.or([
          where("due_at", "<=", now()),
          // The clock went back since: none waits longer than that.
          where("due_at", ">", now() + limits.welcomeHold),
        ]),
      )
      .limit(HELD)
      .execute();
    return { ok: true, commits };
  });
  for (const { group_id, branch } of due.ok ? due.commits : []) {
    const groupId = storedGroupId(group_id);
    await database.write(release(groupId, branch), { groups: [{ groupId }] });
  }
}

function release(groupId: GroupId, branch: Branch): WriteOperation<{ ok: true }> {
  return async (tx) => {
    const group = await tx.hot.group(fromHex(groupId));
    const effects = group === undefined ? [] : await releaseWelcomes(tx, group.no, branch);
    return { reply: { ok: true }, effects };
  };
}

function readDueGroups(now: number): ReadOperation<{ ok: true; groupIds: GroupId[] }> {
  return async (reader) => {
    const rows = await reader.query
      .selectFrom("groups")
      .select("group_id")
      .where("sweep_at", "<=", now)
      .orderBy("sweep_at")
      .limit(GROUPS)
      .execute();
    return { ok: true, groupIds: rows.map((row) => storedGroupId(row.group_id)) };
  };
}

const readNextHeld: ReadOperation<{ ok: true; dueAt: number | undefined }> = async (reader) => {
  const row = await reader.query
    .selectFrom("welcome_holds")
    .select((expression) => expression.fn.min("due_at").as("due_at"))
    .executeTakeFirst();
  return { ok: true, dueAt: row?.due_at ?? undefined };
};
