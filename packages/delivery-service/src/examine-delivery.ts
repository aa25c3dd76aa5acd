import { copyDatabase, type DatabaseLocation, examineDatabase, type Finding } from "@thicket/storage";
import type { ExpressionBuilder } from "kysely";
import type { Reader } from "./db/access.ts";
import { DELIVERY } from "./db/definition.ts";
import type { Schema } from "./db/schema.ts";

/** Checks the Delivery Service's database and changes nothing, also while a relay runs on it. */
export function examineDelivery(location: DatabaseLocation): Promise<Finding[]> {
  return examineDatabase(location, DELIVERY, async (reader) => [
    ...(await examineLogs(reader)),
    ...(await examineTips(reader)),
    ...(await examineWelcomes(reader)),
  ]);
}

/** Copies it, as it is at this moment, also while a relay runs on it. @throws DatabaseStartError */
export function copyDelivery(from: string, to: string): void {
  copyDatabase(from, to, DELIVERY);
}

/** A group that nobody belongs to any more is erased slice by slice, its entries first: it isn't looked at. */
function isInhabited(where: ExpressionBuilder<Schema, "groups">) {
  return where.exists(
    where
      .selectFrom("seats")
      .select("seats.seat_id")
      .whereRef("seats.group_no", "=", "groups.no")
      .where("seats.tips", ">", 0),
  );
}

/** A log has every seq from its lowest to its head once: a hole would be an entry that was acknowledged and is lost. */
async function examineLogs({ query }: Reader): Promise<Finding[]> {
  const logs = await query
    .selectFrom("groups")
    .leftJoin("entries", "entries.group_no", "groups.no")
    .select(["groups.no", "head_seq", "lowest_seq"])
    .select((expression) => [
      expression.fn.count<number>("seq").as("count"),
      expression.fn.min<number | null>("seq").as("first"),
      expression.fn.max<number | null>("seq").as("last"),
    ])
    .where(isInhabited)
    .groupBy(["groups.no", "head_seq", "lowest_seq"])
    .execute();
  const broken = logs.filter(({ head_seq: head, lowest_seq: lowest, count, first, last }) =>
    head < lowest ? count > 0 : count !== head - lowest + 1 || first !== lowest || last !== head,
  );
  return found(
    broken.length,
    "LOG_BROKEN",
    "logs don't hold every entry from their lowest seq to their head once",
  );
}

/** A tip has no candidate, and a group knows how many it has. A branch begins with a commit of the log. */
async function examineTips({ query }: Reader): Promise<Finding[]> {
  const ended = await query
    .selectFrom("epochs")
    .innerJoin("epochs as next", (join) =>
      join.onRef("next.group_no", "=", "epochs.group_no").onRef("next.parent_branch", "=", "epochs.branch"),
    )
    .select("epochs.branch")
    .where("epochs.is_tip", "=", 1)
    .execute();
  const groups = await query
    .selectFrom("groups")
    .leftJoin("epochs", (join) => join.onRef("epochs.group_no", "=", "groups.no").on("epochs.is_tip", "=", 1))
    .select(["groups.no", "groups.tips", (expression) => expression.fn.count<number>("branch").as("count")])
    .groupBy(["groups.no", "groups.tips"])
    .execute();
  const miscounted = groups.filter(({ tips, count }) => count === 0 || count !== tips);
  const uncommitted = await query
    .selectFrom("groups")
    .innerJoin("epochs", "epochs.group_no", "groups.no")
    .leftJoin("entries", (join) =>
      join.onRef("entries.group_no", "=", "epochs.group_no").onRef("entries.seq", "=", "epochs.branch"),
    )
    .select("epochs.branch")
    .whereRef("epochs.branch", ">=", "groups.lowest_seq")
    .where((where) => where.or([where("entries.kind", "is", null), where("entries.kind", "!=", "commit")]))
    .where(isInhabited)
    .execute();
  return [
    ...found(ended.length, "TIP_WRONG", "branches are marked as tips and have candidates"),
    ...found(miscounted.length, "TIP_WRONG", "groups have more or fewer tips than they count"),
    ...found(uncommitted.length, "BRANCH_WITHOUT_COMMIT", "branches begin with no commit of their log"),
  ];
}

/** A payload goes with its last receiver. */
async function examineWelcomes({ query }: Reader): Promise<Finding[]> {
  const left = await query
    .selectFrom("welcome_payloads")
    .leftJoin("welcomes", "welcomes.payload_no", "welcome_payloads.no")
    .select("welcome_payloads.no")
    .where("welcomes.no", "is", null)
    .execute();
  return found(left.length, "WELCOME_WITHOUT_RECEIVER", "Welcomes are kept for nobody");
}

function found(count: number, code: string, sentence: string): Finding[] {
  return count === 0 ? [] : [{ code, sentence: `${count} ${sentence}.` }];
}
