import { fromHex } from "@thicket/protocol";
import type { ReadOperation } from "../db/access.ts";
import type { DeviceIdentity } from "../device-identity.ts";

/** Devices in one query. */
const PAGE = 200;

/** The devices among these for which Welcomes wait, each with a text that changes with what waits. */
export function newestWelcomes(
  devices: readonly DeviceIdentity[],
): ReadOperation<{ ok: true; waiting: readonly { device: DeviceIdentity; mark: string }[] }> {
  return async (reader) => {
    const waiting: { device: DeviceIdentity; mark: string }[] = [];
    for (let start = 0; start < devices.length; start += PAGE) {
      const page = devices.slice(start, start + PAGE);
      const rows = await reader.query
        .selectFrom("welcomes")
        .select([
          "user_id",
          "device_id",
          (column) => column.fn.max("no").as("newest"),
          (column) => column.fn.countAll().as("count"),
        ])
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
        .where((column) =>
          column.or(
            page.map(({ userId, deviceId }) =>
              column.and([
                column("user_id", "=", fromHex(userId)),
                column("device_id", "=", fromHex(deviceId)),
              ]),
            ),
          ),
        )
        .groupBy(["user_id", "device_id"])
        .execute();
      for (const row of rows) {
        const device = page.find(
          ({ userId, deviceId }) =>
            Buffer.compare(fromHex(userId), row.user_id) === 0 &&
            Buffer.compare(fromHex(deviceId), row.device_id) === 0,
        );
        if (device !== undefined) waiting.push({ device, mark: `${row.newest} ${row.count}` });
      }
    }
    return { ok: true, waiting };
  };
}
