import type { WireError } from "@thicket/protocol";
import type { Reader } from "../db/access.ts";
import { refused } from "../outcome.ts";

/** The ends of the group's branches, newest first. */
export async function readTips(reader: Reader, groupNo: number) {
  return (await reader.hot.tips(groupNo)).map(({ epoch, branch }) => ({ epoch, branch }));
}

/** EPOCH_STALE with where writing goes on, and with the commit that won the epoch of this branch, if any. */
export async function refuseAsStale(reader: Reader, groupNo: number, branch: number) {
  const [winner] = await reader.hot.candidates(groupNo, branch);
  const details: Omit<WireError, "code"> = { tips: await readTips(reader, groupNo) };
  if (winner !== undefined) details.winner = winner.branch;
  return refused("EPOCH_STALE", details);
}
