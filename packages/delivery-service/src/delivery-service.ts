import type {
  DeliveryReply,
  DeliveryRequest,
  DeliveryRequests,
  Entry,
  GroupId,
  SeatId,
  Seq,
} from "@thicket/protocol";
import { type DatabaseLocation, type Health, openDatabase } from "@thicket/storage";
import type { DeliveryModel } from "./db/access.ts";
import { DELIVERY } from "./db/definition.ts";
import { type GroupPlan, NO_GROUPS, type Plan } from "./db/plan.ts";
import type { DeviceIdentity } from "./device-identity.ts";
import { acknowledge } from "./groups/acknowledge.ts";
import { appendEntry } from "./groups/append-entry.ts";
import { attachSeats } from "./groups/attach-seats.ts";
import { commitEpoch } from "./groups/commit-epoch.ts";
import { createGroup } from "./groups/create-group.ts";
import { readLog } from "./groups/read-log.ts";
import { createClaimAllowance } from "./key-packages/claim-allowance.ts";
import { claimKeyPackages } from "./key-packages/claim-key-packages.ts";
import { countKeyPackages } from "./key-packages/count-key-packages.ts";
import type { KeyPackageCheck } from "./key-packages/key-package-check.ts";
import { checkKeyPackages, publishKeyPackages } from "./key-packages/publish-key-packages.ts";
import { DEFAULT_LIMITS, type DeliveryLimits } from "./limits.ts";
import { mergeAppended } from "./merge-appended.ts";
import { type Effect, refuse } from "./outcome.ts";
import { acknowledgeWelcomes } from "./welcomes/acknowledge-welcomes.ts";
import { listWelcomes } from "./welcomes/list-welcomes.ts";

/** What is told after it is on the disk, in commit order. Hints: the log and the cursor are the truth. */
export interface DeliveryListeners {
  /** `hiddenFrom`: seats of the newest tip that may not read these entries. */
  onAppended?(groupId: GroupId, entries: readonly Entry[], hiddenFrom: readonly SeatId[]): void;
  /**
   * These seats belong to no tip any more. Told after the commit that removed them, and again when one of them
   * attaches: who listens for them hears nothing new.
   */
  onUnseated?(groupId: GroupId, seatIds: readonly SeatId[]): void;
  onAcked?(groupId: GroupId, seq: Seq): void;
  onWelcome?(device: DeviceIdentity): void;
  onKeyPackagesLow?(device: DeviceIdentity, pool: { suite: number; count: number }): void;
  /** A failing store or a bug, already answered with DISK_FULL, STORE_FAILED or INTERNAL. */
  onFault?(error: unknown): void;
}

export interface DeliveryServiceOptions extends DeliveryListeners {
  database: DatabaseLocation;
  /** Milliseconds since 1970 UTC. */
  now: () => number;
  random: { bytes(length: number): Uint8Array };
  checkKeyPackage: KeyPackageCheck;
  limits?: Partial<DeliveryLimits>;
  /** When a batch of waiting writes starts. By default after what is arriving now (setImmediate); a simulation that must replay exactly passes queueMicrotask. */
  defer?: (run: () => void) => void;
}

/** `committed` is called with the reply before any effect of this or a later write is told. */
export type DeliveryOperation<K extends keyof DeliveryRequests> = (
  device: DeviceIdentity,
  request: DeliveryRequest<K>,
  committed?: (reply: DeliveryReply<K>) => void,
) => Promise<DeliveryReply<K>>;

export type DeliveryOperations = { readonly [K in keyof DeliveryRequests]: DeliveryOperation<K> };

export interface DeliveryService {
  /** One for each request of the wire. Requests are already parsed; refusals are replies, never exceptions. */
  readonly operations: DeliveryOperations;
  /** `failing` while the store takes no writes: nothing is lost, and nothing is acknowledged. */
  health(): Health;
  /** Refuses what is new with SHUTTING_DOWN, finishes what waits, closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the Delivery Service on its database, which is made where there is none.
 * @throws DatabaseStartError
 */
export async function openDeliveryService(options: DeliveryServiceOptions): Promise<DeliveryService> {
  const { now, checkKeyPackage: check } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const random = (length: number) => options.random.bytes(length);
  const allowance = createClaimAllowance({ now, perHour: limits.claimsPerTargetPerHour });
  const database = await openDatabase<DeliveryModel>({
    location: options.database,
    definition: DELIVERY,
    defer: options.defer,
    emit: (effect) => tell(options, effect),
    merge: mergeAppended,
    onFault: (error) => options.onFault?.(error),
  });

  const operations: DeliveryOperations = {
    "keyPackages.publish": async (device, request, committed) => {
      const checked = await checkKeyPackages(device, request, { check, now: now() });
      if (!checked.ok) return checked;
      const operation = publishKeyPackages(device, request.suite, checked.accepted, { now: now(), limits });
      return database.write(operation, NO_GROUPS, committed);
    },
    "keyPackages.count": (device, { suite }) => database.read(countKeyPackages(device, suite, now())),
    "keyPackages.claim": async (device, request, committed) => {
      const turn = allowance.take(device, request.devices);
      if (!turn.ok) {
        const { retryAfter } = turn;
        return refuse("RATE_LIMITED", { limit: limits.claimsPerTargetPerHour, retryAfter });
      }
      const operation = claimKeyPackages(request, { now: now(), limits });
      const reply = await database.write(operation, NO_GROUPS, committed);
      turn.giveBack(reply.ok ? reply.missing : request.devices);
      return reply;
    },
    "group.create": (_, request, committed) =>
      database.write(createGroup(request), about({ groupId: request.groupId }), committed),
    "group.attach": (_, request, committed) =>
      database.write(attachSeats(request, { now }), about(...request.seats.map(seatOf)), committed),
    "group.append": (_, request, committed) =>
      database.write(appendEntry(request, { now, limits }), about(writeOf(request)), committed),
    "group.commit": (_, request, committed) =>
      database.write(commitEpoch(request, { now, random, limits }), about(writeOf(request)), committed),
    "group.read": (_, request) => database.read(readLog(request)),
    "cursor.ack": (_, request, committed) =>
      database.write(acknowledge(request), about({ ...seatOf(request), cursors: true }), committed),
    "welcome.list": (device) => database.read(listWelcomes(device)),
    "welcome.ack": (device, request, committed) =>
      database.write(acknowledgeWelcomes(device, request), NO_GROUPS, committed),
  };

  return { operations, health: () => database.health(), close: () => database.close() };
}

function about(...groups: GroupPlan[]): Plan {
  return { groups };
}

function seatOf({ groupId, seatId }: Required<Pick<GroupPlan, "groupId" | "seatId">>): GroupPlan {
  return { groupId, seatId };
}

function writeOf(request: Required<Omit<GroupPlan, "cursors">>): GroupPlan {
  const { groupId, seatId, branch, entryId } = request;
  return { groupId, seatId, branch, entryId };
}

function tell(listeners: DeliveryListeners, effect: Effect): void {
  switch (effect.kind) {
    case "appended":
      return listeners.onAppended?.(effect.groupId, effect.entries, effect.hiddenFrom);
    case "unseated":
      return listeners.onUnseated?.(effect.groupId, effect.seatIds);
    case "acked":
      return listeners.onAcked?.(effect.groupId, effect.seq);
    case "welcome":
      return listeners.onWelcome?.(effect.device);
    case "keyPackagesLow":
      return listeners.onKeyPackagesLow?.(effect.device, { suite: effect.suite, count: effect.count });
  }
}
