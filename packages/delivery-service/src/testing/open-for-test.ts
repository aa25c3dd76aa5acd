import type { GroupId, SeatId, Seq } from "@thicket/protocol";
import type { DatabaseLocation } from "@thicket/storage";
import type { MakeDatabase } from "@thicket/storage/contract";
import { type DeliveryServiceOptions, openDeliveryService } from "../delivery-service.ts";
import type { Appended } from "../outcome.ts";
import type { DeviceIdentity } from "../device-identity.ts";
import { createKeyPackageCheck } from "../key-packages/create-key-package-check.ts";
import { createAsKey } from "./real-device.ts";
import { type SeededRandom, seededRandom } from "./seeded-random.ts";

export type Told =
  | ({ kind: "appended" } & Appended)
  | { kind: "unseated"; groupId: GroupId; seatIds: readonly SeatId[] }
  | { kind: "held"; until: number }
  | { kind: "acked"; groupId: GroupId; seq: Seq }
  | { kind: "welcome"; device: DeviceIdentity }
  | { kind: "keyPackagesLow"; device: DeviceIdentity; suite: number; count: number };

/**
 * A Delivery Service on a real database, with a clock that the test moves and a record of what it told. A database that
 * is made for it goes with it; one whose location is given stays.
 */
export async function openForTest(
  where: MakeDatabase | DatabaseLocation,
  options: { seed?: number; limits?: DeliveryServiceOptions["limits"] } = {},
) {
  const random: SeededRandom = seededRandom(options.seed ?? 1);
  const as = await createAsKey(seededRandom(77));
  const made = typeof where === "function" ? where() : { location: where, remove: async () => undefined };
  const { location } = made;
  const clock = { now: 1_800_000_000_000 };
  const connected = { anotherSeat: false };
  const told: Told[] = [];
  const faults: unknown[] = [];
  const service = await openDeliveryService({
    database: location,
    now: () => clock.now,
    random,
    checkKeyPackage: createKeyPackageCheck({ trustedAsKeys: () => [as.asKey] }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    isAnotherSeatAttached: () => connected.anotherSeat,
    onAppended: (appended) => told.push({ kind: "appended", ...appended }),
    onUnseated: (groupId, seatIds) => told.push({ kind: "unseated", groupId, seatIds }),
    onHeld: (until) => told.push({ kind: "held", until }),
    onAcked: (groupId, seq) => told.push({ kind: "acked", groupId, seq }),
    onWelcome: (device) => told.push({ kind: "welcome", device }),
    onKeyPackagesLow: (device, pool) => told.push({ kind: "keyPackagesLow", device, ...pool }),
    onFault: (error) => faults.push(error),
  });
  return {
    service,
    operations: service.operations,
    random,
    as,
    clock,
    /** What the transport says of who is attached. */
    connected,
    told,
    faults,
    location,
    async close() {
      await service.close();
      await made.remove();
    },
  };
}

export type TestService = Awaited<ReturnType<typeof openForTest>>;
