import type { Branch, SeatId } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import { FIRST_BRANCH, nextSeq } from "../db/own-ids.ts";
import type { GroupRow } from "../db/statements.ts";
import { readSeatsAt } from "../groups/begin-epoch.ts";
import { eraseEpochs } from "./forget-epochs.ts";
import { forgetLine } from "./forget-seats.ts";

/**
 * Drops one tip on which nobody wrote and whose token nobody showed since `cutoff`, with the epochs before it that lead
 * to no other tip. A group's last tip is not dropped here. -> the seats that belong to no tip any more, or undefined
 * where there is no such tip. O(seats).
 */
export async function dropSilentBranch(
  tx: Transaction,
  group: GroupRow,
  cutoff: number,
): Promise<SeatId[] | undefined> {
  if (group.tips < 2) return undefined;
  const tip = await tx.query
    .selectFrom("epochs")
    .select(["branch", "line"])
    .where("group_no", "=", group.no)
    .where("is_tip", "=", 1)
    .where("written_at", "<", cutoff)
    .orderBy("written_at")
    .limit(1)
    .executeTakeFirst();
  if (tip === undefined) return undefined;
  const from = await readFirstOwn(tx, group.no, tip);
  const gone = await tx.query
    .selectFrom("epochs")
    .select("branch")
    .where("group_no", "=", group.no)
    .where("line", "=", tip.line)
    .where("branch", ">=", from)
    .execute();
  const heldAtTip = await readSeatsAt(tx, group.no, tip);
  const branches = gone.map(({ branch }) => branch);
  for (let start = 0; start < branches.length; start += 1000) {
    await eraseEpochs(tx, group.no, branches.slice(start, start + 1000));
  }
  await tx.change
    .updateTable("groups")
    .set({ tips: group.tips - 1 })
    .where("no", "=", group.no)
    .execute();
  return forgetLine(tx, group.no, { line: tip.line, from, heldAtTip });
}

/** The first epoch of the line from which no other line that is still there has set out, nor from any after it. */
async function readFirstOwn(
  tx: Transaction,
  groupNo: number,
  tip: { line: number; branch: Branch },
): Promise<Branch> {
  const fork = await tx.query
    .selectFrom("epochs as child")
    .innerJoin("epochs as parent", (join) =>
      join.onRef("parent.group_no", "=", "child.group_no").onRef("parent.branch", "=", "child.parent_branch"),
    )
    .select((expression) => expression.fn.max("parent.branch").as("branch"))
    .where("child.group_no", "=", groupNo)
    .where("child.line", "<>", tip.line)
    .where("parent.line", "=", tip.line)
    .executeTakeFirst();
  return fork === undefined || fork.branch === null ? FIRST_BRANCH : nextSeq(fork.branch);
}
