import { fromHex } from "@thicket/protocol";
import type { ReadOperation, Reader } from "../db/access.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { Accepted } from "../outcome.ts";

/** `keyPackages.count`: how many of this device's packages can still be claimed. */
export function countKeyPackages(
  device: DeviceIdentity,
  suite: number,
  now: number,
): ReadOperation<Accepted<"keyPackages.count">> {
  return async (reader) => ({ ok: true, ...(await readPool(reader, device, suite, now)) });
}

/** Expired packages don't count: nobody may use them. */
export async function readPool(
  reader: Reader,
  device: DeviceIdentity,
  suite: number,
  now: number,
): Promise<{ count: number; lastResort: boolean }> {
  const rows = await reader.query
    .selectFrom("key_packages")
    .select(["last_resort", (expression) => expression.fn.countAll<number>().as("count")])
    .where("user_id", "=", fromHex(device.userId))
    .where("device_id", "=", fromHex(device.deviceId))
    .where("suite", "=", suite)
    .where("not_after", ">", now)
    .groupBy("last_resort")
    .execute();
  return {
    count: rows.find((row) => row.last_resort === 0)?.count ?? 0,
    lastResort: rows.some((row) => row.last_resort === 1),
  };
}
