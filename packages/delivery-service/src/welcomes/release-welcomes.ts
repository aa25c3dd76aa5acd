import { createHash } from "node:crypto";
import type { Branch } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import { storedDevice } from "../db/own-ids.ts";
import type { Effect } from "../outcome.ts";

/** What is kept of a held commit's author: nobody but the author can show the token that it is made of. */
export function authorMark(seatToken: Uint8Array): Uint8Array {
  return createHash("sha256").update("thicket held welcomes").update(seatToken).digest();
}

/**
 * Somebody showed the token of the epoch that this commit began: its Welcomes go out unless that was its author, and
 * those of the commits before it that still wait.
 */
export async function releaseForOther(
  tx: Transaction,
  groupNo: number,
  branch: Branch,
  seatToken: Uint8Array,
): Promise<Effect[]> {
  const own = authorMark(seatToken);
  const effects: Effect[] = [];
  let waiting = false;
  for (const at of await readHeldChain(tx, groupNo, branch)) {
    const held = await tx.query
      .selectFrom("welcome_holds")
      .select("author")
      .where("group_no", "=", groupNo)
      .where("branch", "=", at)
      .executeTakeFirst();
    if (held !== undefined && Buffer.from(held.author).equals(own)) waiting = true;
    else if (held !== undefined) effects.push(...(await eraseHolds(tx, groupNo, at)));
    if (!waiting) await clearHeld(tx, groupNo, at);
  }
  return effects;
}

/** The epochs up to this one of which, or before which, something is held; oldest first. */
async function readHeldChain(tx: Transaction, groupNo: number, branch: Branch): Promise<Branch[]> {
  const chain: Branch[] = [];
  for (let at: Branch | null = branch; at !== null;) {
    const epoch: { held: number; parent_branch: Branch | null } | undefined = await tx.query
      .selectFrom("epochs")
      .select(["held", "parent_branch"])
      .where("group_no", "=", groupNo)
      .where("branch", "=", at)
      .executeTakeFirst();
    if (epoch?.held !== 1) break;
    chain.unshift(at);
    at = epoch.parent_branch;
  }
  return chain;
}

/** The commit's Welcomes are listed from now on, and nothing ties them to it any more. */
export async function releaseWelcomes(tx: Transaction, groupNo: number, branch: Branch): Promise<Effect[]> {
  await clearHeld(tx, groupNo, branch);
  return eraseHolds(tx, groupNo, branch);
}

async function clearHeld(tx: Transaction, groupNo: number, branch: Branch): Promise<void> {
  await tx.change
    .updateTable("epochs")
    .set({ held: 0 })
    .where("group_no", "=", groupNo)
    .where("branch", "=", branch)
    .execute();
}

async function eraseHolds(tx: Transaction, groupNo: number, branch: Branch): Promise<Effect[]> {
  const released = await tx.change
    .deleteFrom("welcome_holds")
    .where("group_no", "=", groupNo)
    .where("branch", "=", branch)
    .returning("payload_no")
    .execute();
  if (released.length === 0) return [];
  const waiting = await tx.query
    .selectFrom("welcomes")
    .select(["user_id", "device_id"])
    .where(
      "payload_no",
      "in",
      released.map((row) => row.payload_no),
    )
    .orderBy("no")
    .execute();
  return waiting.map((row) => ({ kind: "welcome", device: storedDevice(row.user_id, row.device_id) }));
}
