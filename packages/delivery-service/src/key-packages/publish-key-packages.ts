import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction, WriteOperation } from "../db/access.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, refuse, type Refusal, refused } from "../outcome.ts";
import { readPool } from "./count-key-packages.ts";
import type { CheckedKeyPackage, KeyPackageCheck } from "./key-package-check.ts";

type Request = DeliveryRequest<"keyPackages.publish">;

/** A device whose clock is ahead by less than this may still publish. */
const CLOCK_SKEW = 24 * 60 * 60 * 1000;

export interface AcceptedKeyPackage extends CheckedKeyPackage {
  bytes: Uint8Array;
}

/**
 * Before the transaction: every package is valid, belongs to the device, lives now, and is marked as last resort
 * exactly where it is published as one. One that isn't refuses them all with KEY_PACKAGE_INVALID.
 */
export async function checkKeyPackages(
  device: DeviceIdentity,
  request: Request,
  deps: { check: KeyPackageCheck; now: number },
): Promise<{ ok: true; accepted: AcceptedKeyPackage[] } | Refusal> {
  const published = request.keyPackages.map((bytes) => ({ bytes, lastResort: false }));
  if (request.lastResort !== undefined) published.push({ bytes: request.lastResort, lastResort: true });
  const accepted: AcceptedKeyPackage[] = [];
  for (const { bytes, lastResort } of published) {
    const checked = await deps.check(bytes, { suite: request.suite, owner: device });
    const usable =
      checked?.lastResort === lastResort &&
      checked.notBefore <= deps.now + CLOCK_SKEW &&
      checked.notAfter > deps.now;
    if (!usable) return refuse("KEY_PACKAGE_INVALID");
    accepted.push({ ...checked, bytes });
  }
  return { ok: true, accepted };
}

/**
 * `keyPackages.publish`: adds to the pool and replaces the last resort. Packages that are already there, or were
 * claimed before, are passed over, so a resend is harmless and a claimed one never comes back.
 * Refuses with KEY_PACKAGE_LIMIT.
 */
export function publishKeyPackages(
  device: DeviceIdentity,
  suite: number,
  accepted: readonly AcceptedKeyPackage[],
  deps: { now: number; limits: DeliveryLimits },
): WriteOperation<Accepted<"keyPackages.publish">> {
  return async (tx) => {
    await forgetExpired(tx, device, deps.now);
    for (const keyPackage of accepted) {
      if (keyPackage.lastResort) await forgetLastResort(tx, device, suite);
      await tx.change
        .insertInto("key_packages")
        .values({
          user_id: fromHex(device.userId),
          device_id: fromHex(device.deviceId),
          suite,
          ref: keyPackage.ref,
          not_after: keyPackage.notAfter,
          last_resort: keyPackage.lastResort ? 1 : 0,
          bytes: keyPackage.bytes,
        })
        .onConflict((conflict) => conflict.column("ref").doNothing())
        .execute();
    }
    await forgetSpent(
      tx,
      accepted.map(({ ref }) => ref),
    );
    const pool = await readPool(tx, device, suite, deps.now);
    if (pool.count > deps.limits.keyPackagesPerDevice) {
      return refused("KEY_PACKAGE_LIMIT", { limit: deps.limits.keyPackagesPerDevice });
    }
    return { reply: { ok: true, ...pool }, effects: [] };
  };
}

/**
 * Asked after they were inserted: another node that is claiming one of them has been waited for by then, and its mark is
 * seen. Before, the package would be gone and not yet marked, and would come back.
 */
async function forgetSpent(tx: Transaction, refs: readonly Uint8Array[]): Promise<void> {
  if (refs.length === 0) return;
  await tx.change
    .deleteFrom("key_packages")
    .where("ref", "in", refs)
    .where("ref", "in", (spent) => spent.selectFrom("spent_key_packages").select("ref"))
    .execute();
}

async function forgetLastResort(tx: Transaction, device: DeviceIdentity, suite: number): Promise<void> {
  await tx.change
    .deleteFrom("key_packages")
    .where("user_id", "=", fromHex(device.userId))
    .where("device_id", "=", fromHex(device.deviceId))
    .where("suite", "=", suite)
    .where("last_resort", "=", 1)
    .execute();
}

/** An expired package can't be published again, so its mark as spent has served. */
async function forgetExpired(tx: Transaction, device: DeviceIdentity, now: number): Promise<void> {
  await tx.change
    .deleteFrom("key_packages")
    .where("user_id", "=", fromHex(device.userId))
    .where("device_id", "=", fromHex(device.deviceId))
    .where("not_after", "<=", now)
    .execute();
  await tx.change.deleteFrom("spent_key_packages").where("not_after", "<=", now).execute();
}
