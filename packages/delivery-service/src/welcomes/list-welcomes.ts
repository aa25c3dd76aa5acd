import { fromHex } from "@thicket/protocol";
import { storedWelcomeId } from "../db/own-ids.ts";
import type { ReadOperation } from "../db/access.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { Accepted } from "../outcome.ts";

/** One reply carries at most this many Welcomes, and no more bytes than PAGE_BYTES but for the first; the rest follow once these are acknowledged. */
const PAGE = 64;
const PAGE_BYTES = 8 * 1024 * 1024;

/** `welcome.list`: what waits for this device, oldest first. */
export function listWelcomes(device: DeviceIdentity): ReadOperation<Accepted<"welcome.list">> {
  return async (reader) => {
    const waiting = await reader.query
      .selectFrom("welcomes")
      .innerJoin("welcome_payloads", "welcome_payloads.no", "welcomes.payload_no")
      .select(["welcomes.no", (expression) => expression.fn<number>("length", ["bytes"]).as("size")])
      .where("user_id", "=", fromHex(device.userId))
      .where("device_id", "=", fromHex(device.deviceId))
      // Not those that are held until somebody could take their commit.
      .where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom("welcome_holds")
              .select("welcome_holds.payload_no")
              .whereRef("welcome_holds.payload_no", "=", "welcomes.payload_no"),
          ),
        ),
      )
      .orderBy("welcomes.no")
      .limit(PAGE)
      .execute();
    let total = 0;
    const page = waiting.filter(({ size }, index) => (total += size) <= PAGE_BYTES || index === 0);
    if (page.length === 0) return { ok: true, welcomes: [] };
    const rows = await reader.query
      .selectFrom("welcomes")
      .innerJoin("welcome_payloads", "welcome_payloads.no", "welcomes.payload_no")
      .select(["welcome_id", "key_package_ref", "bytes"])
      .where(
        "welcomes.no",
        "in",
        page.map(({ no }) => no),
      )
      .orderBy("welcomes.no")
      .execute();
    return {
      ok: true,
      welcomes: rows.map((row) => ({
        welcomeId: storedWelcomeId(row.welcome_id),
        keyPackageRef: row.key_package_ref,
        bytes: row.bytes,
      })),
    };
  };
}
