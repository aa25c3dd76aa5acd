import type { WireError } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import type { EpochRow, GroupRow, TipRow } from "../db/statements.ts";
import { refuse, type Refusal } from "../outcome.ts";

/** The ends of the group's branches, newest first. */
export async function readTips(reader: Reader, groupNo: number) {
  return (await reader.hot.tips(groupNo)).map(tipOf);
}

export function tipOf({ epoch, branch }: TipRow): TipRow {
  return { epoch, branch };
}

/** Nearly every group has one tip, and nearly everybody is on it: then nothing has to be looked up. */
export function isOnlyTip(group: Pick<GroupRow, "tips">, place: Pick<EpochRow, "is_tip">): boolean {
  return group.tips === 1 && place.is_tip === 1;
}

/** EPOCH_STALE with where writing goes on, and with the first and the last candidate of this branch, if any. */
export async function refuseAsStale(reader: Reader, groupNo: number, branch: number): Promise<Refusal> {
  const candidates = await reader.hot.candidates(groupNo, branch);
  const [winner] = candidates;
  const last = candidates.at(-1);
  const details: Omit<WireError, "code"> = { tips: await readTips(reader, groupNo) };
  if (winner !== undefined && last !== undefined) {
    details.winner = winner.branch;
    details.last = last.branch;
  }
  return refuse("EPOCH_STALE", details);
}
