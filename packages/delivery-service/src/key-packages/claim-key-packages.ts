import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction, WriteOperation } from "../db/access.ts";
import type { PoolKey } from "../db/statements.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { DeliveryLimits } from "../limits.ts";
import type { Accepted, Effect } from "../outcome.ts";
import { readPool } from "./count-key-packages.ts";

type Reply = Accepted<"keyPackages.claim">;

/**
 * `keyPackages.claim`: one package for each device, erased with the claim; the last resort stays and is given only
 * when the pool is empty. A device that is named twice gets one. Owners whose pool is low are told.
 */
export function claimKeyPackages(
  request: DeliveryRequest<"keyPackages.claim">,
  deps: { now: number; limits: DeliveryLimits },
): WriteOperation<Reply> {
  const { suite } = request;
  return async (tx) => {
    const reply: Reply = { ok: true, keyPackages: [], missing: [] };
    const effects: Effect[] = [];
    for (const device of distinct(request.devices)) {
      const claimed = await claimOne(tx, device, suite, deps.now);
      if (claimed === undefined) {
        reply.missing.push(device);
        continue;
      }
      reply.keyPackages.push({ ...device, ...claimed });
      const { count } = await readPool(tx, device, suite, deps.now);
      if (count < deps.limits.keyPackagesLow) effects.push({ kind: "keyPackagesLow", device, suite, count });
    }
    return { reply, effects };
  };
}

function distinct(devices: readonly DeviceIdentity[]): Iterable<DeviceIdentity> {
  return new Map(devices.map((device) => [`${device.userId} ${device.deviceId}`, device])).values();
}

async function claimOne(tx: Transaction, device: DeviceIdentity, suite: number, now: number) {
  const pool = { userId: fromHex(device.userId), deviceId: fromHex(device.deviceId), suite, now };
  const taken = await tx.hot.takeKeyPackage(pool);
  if (taken === undefined) return readLastResort(tx, pool);
  await tx.change
    .insertInto("spent_key_packages")
    .values({ ref: taken.ref, not_after: taken.not_after })
    .execute();
  return { keyPackage: taken.bytes, lastResort: false };
}

/** It stays, whoever gets it. */
async function readLastResort(tx: Transaction, pool: PoolKey) {
  const found = await tx.query
    .selectFrom("key_packages")
    .select("bytes")
    .where("user_id", "=", pool.userId)
    .where("device_id", "=", pool.deviceId)
    .where("suite", "=", pool.suite)
    .where("last_resort", "=", 1)
    .where("not_after", ">", pool.now)
    .executeTakeFirst();
  return found && { keyPackage: found.bytes, lastResort: true };
}
