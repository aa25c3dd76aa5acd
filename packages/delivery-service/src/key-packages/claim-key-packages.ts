import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { WriteOperation } from "../db/write-queue.ts";
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
  const found = await tx.query
    .selectFrom("key_packages")
    .select(["no", "ref", "not_after", "last_resort", "bytes"])
    .where("user_id", "=", fromHex(device.userId))
    .where("device_id", "=", fromHex(device.deviceId))
    .where("suite", "=", suite)
    .where("not_after", ">", now)
    // The last resort comes after all others; of these the oldest goes first.
    .orderBy("last_resort")
    .orderBy("no")
    .limit(1)
    .executeTakeFirst();
  if (found === undefined) return undefined;
  if (found.last_resort === 1) return { keyPackage: found.bytes, lastResort: true };
  await tx.change.deleteFrom("key_packages").where("no", "=", found.no).execute();
  await tx.change
    .insertInto("spent_key_packages")
    .values({ ref: found.ref, not_after: found.not_after })
    .execute();
  return { keyPackage: found.bytes, lastResort: false };
}
