import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { WriteOperation } from "../db/access.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import type { Accepted } from "../outcome.ts";

/** `welcome.ack`: erases them from this device's inbox; ids that aren't there (any more) are passed over. */
export function acknowledgeWelcomes(
  device: DeviceIdentity,
  request: DeliveryRequest<"welcome.ack">,
): WriteOperation<Accepted<"welcome.ack">> {
  return async (tx) => {
    const done = { reply: { ok: true }, effects: [] } as const;
    if (request.welcomeIds.length === 0) return done;
    const erased = await tx.change
      .deleteFrom("welcomes")
      .where("user_id", "=", fromHex(device.userId))
      .where("device_id", "=", fromHex(device.deviceId))
      .where("welcome_id", "in", request.welcomeIds.map(fromHex))
      .returning("payload_no")
      .execute();
    await eraseUnclaimedPayloads(tx, [...new Set(erased.map((row) => row.payload_no))]);
    return done;
  };
}

/** The payload goes with its last receiver. */
export async function eraseUnclaimedPayloads(tx: Transaction, payloads: readonly number[]): Promise<void> {
  if (payloads.length === 0) return;
  await tx.change
    .deleteFrom("welcome_payloads")
    .where("no", "in", payloads)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom("welcomes")
            .select("welcomes.no")
            .whereRef("welcomes.payload_no", "=", "welcome_payloads.no"),
        ),
      ),
    )
    .execute();
}
