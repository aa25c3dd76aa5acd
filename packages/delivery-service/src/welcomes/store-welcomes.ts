import { type Branch, type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { Effect } from "../outcome.ts";
import { dayOf } from "../seats/show-token.ts";

/** Rows per statement: SQLite binds at most 32,766 values. */
const CHUNK = 1000;

/** Where Welcomes wait until somebody could take their commit; undefined lets them go out at once. */
export interface Hold {
  groupNo: number;
  branch: Branch;
  author: Uint8Array;
  dueAt: number;
}

/**
 * Puts a commit's Welcomes into the inboxes of their devices: each payload once, whatever the number of its receivers.
 * One that isn't held is told, and nothing tells which commit or group it came with.
 */
export async function storeWelcomes(
  tx: Transaction,
  welcomes: DeliveryRequest<"group.commit">["welcomes"],
  { now, random, hold }: { now: number; random: (length: number) => Uint8Array; hold: Hold | undefined },
): Promise<Effect[]> {
  const effects: Effect[] = [];
  const created_day = dayOf(now);
  for (const { bytes, to } of welcomes) {
    const { no } = await tx.change
      .insertInto("welcome_payloads")
      .values({ bytes })
      .returning("no")
      .executeTakeFirstOrThrow();
    const rows = to.map(({ userId, deviceId, keyPackageRef }) => ({
      welcome_id: random(16),
      user_id: fromHex(userId),
      device_id: fromHex(deviceId),
      key_package_ref: keyPackageRef,
      payload_no: no,
      created_day,
    }));
    for (let start = 0; start < rows.length; start += CHUNK) {
      await tx.change
        .insertInto("welcomes")
        .values(rows.slice(start, start + CHUNK))
        .execute();
    }
    if (hold === undefined) {
      for (const { userId, deviceId } of to) effects.push({ kind: "welcome", device: { userId, deviceId } });
      continue;
    }
    const { groupNo, branch, author, dueAt } = hold;
    await tx.change
      .insertInto("welcome_holds")
      .values({ payload_no: no, group_no: groupNo, branch, author, due_at: dueAt })
      .execute();
  }
  if (hold !== undefined && welcomes.length > 0) effects.push({ kind: "held", until: hold.dueAt });
  return effects;
}
