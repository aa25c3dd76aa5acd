import type { Branch } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { GroupRow } from "../db/statements.ts";

const SLICE = 100;
/** Epochs before a tip for which a late application entry is still taken. */
const LATE_EPOCHS = 2;

/**
 * Erases ended epochs of which no entry is kept, with their tokens: nobody has anything to write there any more. Those
 * just before a tip stay, for late entries, unless they ended before `cutoff`. -> whether there may be more.
 */
export async function forgetEpochs(tx: Transaction, group: GroupRow, cutoff: number): Promise<boolean> {
  const late = await readLateEpochs(tx, group.no, cutoff);
  const ended = await tx.query
    .selectFrom("epochs")
    .select("branch")
    .where("group_no", "=", group.no)
    .where("is_tip", "=", 0)
    .where("last_seq", "<", group.lowest_seq)
    .orderBy("branch")
    .limit(SLICE + late.size)
    .execute();
  const gone = ended.map(({ branch }) => branch).filter((branch) => !late.has(branch));
  await eraseEpochs(tx, group.no, gone);
  return gone.length >= SLICE;
}

export async function eraseEpochs(
  tx: Transaction,
  groupNo: number,
  branches: readonly Branch[],
): Promise<void> {
  if (branches.length === 0) return;
  for (const table of ["epoch_seats", "epochs"] as const) {
    await tx.change
      .deleteFrom(table)
      .where("group_no", "=", groupNo)
      .where("branch", "in", branches)
      .execute();
  }
}

async function readLateEpochs(tx: Transaction, groupNo: number, cutoff: number): Promise<Set<Branch>> {
  const late = new Set<Branch>();
  for (const tip of await tx.hot.tips(groupNo)) {
    let branch: Branch | null = tip.branch;
    for (let step = 0; step < LATE_EPOCHS && branch !== null; step++) {
      const epoch: { parent_branch: Branch | null; began_at: number } | undefined = await tx.query
        .selectFrom("epochs")
        .select(["parent_branch", "began_at"])
        .where("group_no", "=", groupNo)
        .where("branch", "=", branch)
        .executeTakeFirst();
      branch = epoch === undefined || epoch.began_at < cutoff ? null : epoch.parent_branch;
      if (branch !== null) late.add(branch);
    }
  }
  return late;
}
