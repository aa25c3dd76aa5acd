import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { Effect } from "../outcome.ts";

const DAY = 24 * 60 * 60 * 1000;
/** Rows per statement: SQLite binds at most 32,766 values. */
const CHUNK = 1000;

/**
 * Puts a commit's Welcomes into the inboxes of their devices: each payload once, whatever the number of its
 * receivers, and nothing that tells which commit or group it came with.
 */
export async function storeWelcomes(
  tx: Transaction,
  welcomes: DeliveryRequest<"group.commit">["welcomes"],
  { now, random }: { now: number; random: (length: number) => Uint8Array },
): Promise<Effect[]> {
  const effects: Effect[] = [];
  const created_day = Math.floor(now / DAY);
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
    for (const { userId, deviceId } of to) effects.push({ kind: "welcome", device: { userId, deviceId } });
  }
  return effects;
}
