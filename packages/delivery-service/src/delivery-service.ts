import type {
  DeliveryReply,
  DeliveryRequest,
  DeliveryRequests,
  GroupId,
  SeatId,
  Seq,
} from "@thicket/protocol";
import { type DatabaseLocation, type Health, openDatabase } from "@thicket/storage";
import { openBlobFiles } from "./blobs/blob-files.ts";
import { type Blobs, openBlobs } from "./blobs/open-blobs.ts";
import type { DeliveryModel } from "./db/access.ts";
import { DELIVERY } from "./db/definition.ts";
import { tryWriting } from "./db/try-writing.ts";
import { type GroupPlan, NO_GROUPS, type Plan } from "./db/plan.ts";
import type { DeviceIdentity } from "./device-identity.ts";
import { acknowledge } from "./groups/acknowledge.ts";
import { appendEntry } from "./groups/append-entry.ts";
import { type Attached, attachSeats, type Standing } from "./groups/attach-seats.ts";
import { commitEpoch } from "./groups/commit-epoch.ts";
import { confirmEpoch } from "./groups/confirm-epoch.ts";
import { createGroup } from "./groups/create-group.ts";
import { type Head, readHeads } from "./groups/read-heads.ts";
import { readLog } from "./groups/read-log.ts";
import { createHourlyAllowance } from "./hourly-allowance.ts";
import { type ClaimAllowance, createClaimAllowance } from "./key-packages/claim-allowance.ts";
import { claimKeyPackages } from "./key-packages/claim-key-packages.ts";
import { countKeyPackages } from "./key-packages/count-key-packages.ts";
import type { KeyPackageCheck } from "./key-packages/key-package-check.ts";
import { checkKeyPackages, publishKeyPackages } from "./key-packages/publish-key-packages.ts";
import { findDoor, knock } from "./links/knock.ts";
import { openLink } from "./links/open-link.ts";
import { publishLink } from "./links/publish-link.ts";
import { withdrawLink } from "./links/withdraw-link.ts";
import { DEFAULT_LIMITS, type DeliveryLimits } from "./limits.ts";
import { mergeAppended } from "./merge-appended.ts";
import { type Appended, type Effect, refuse, type Refusal } from "./outcome.ts";
import { sweep, type Swept } from "./retention/sweep.ts";
import { acknowledgeWelcomes } from "./welcomes/acknowledge-welcomes.ts";
import { listWelcomes } from "./welcomes/list-welcomes.ts";
import { newestWelcomes } from "./welcomes/newest-welcomes.ts";

/** What is told after it is on the disk, in commit order. Hints: the log and the cursor are the truth. */
export interface DeliveryListeners {
  /** For everybody who listens but those it is hidden from, and for those it is also for. */
  onAppended?(appended: Appended): void;
  /** These seats were dropped for their silence, or their branch was: they hear of nothing any more. */
  onUnseated?(groupId: GroupId, seatIds: readonly SeatId[]): void;
  /** Welcomes are held. Whoever sweeps by a clock does so then, at the latest (ms since 1970). */
  onHeld?(until: number): void;
  onAcked?(groupId: GroupId, seq: Seq): void;
  onWelcome?(device: DeviceIdentity): void;
  onKeyPackagesLow?(device: DeviceIdentity, pool: { suite: number; count: number }): void;
  /** A failing store or a bug, already answered with DISK_FULL, STORE_FAILED or INTERNAL. */
  onFault?(error: unknown): void;
  /** So many writes were committed, or failed, together. */
  onBatch?: ((writes: number) => void) | undefined;
}

export interface DeliveryServiceOptions extends DeliveryListeners {
  database: DatabaseLocation;
  /** Milliseconds since 1970 UTC. */
  now: () => number;
  random: { bytes(length: number): Uint8Array };
  checkKeyPackage: KeyPackageCheck;
  /** The directory of blobs, made where there is none. Without one no blobs are taken. */
  blobDirectory?: string;
  /**
   * Whether somebody else than this seat is attached to the group now, at any node: then a commit's Welcomes wait until
   * somebody could take it. Without this, nobody ever is.
   */
  isAnotherSeatAttached?: (groupId: GroupId, seatId: SeatId) => boolean | Promise<boolean>;
  limits?: Partial<DeliveryLimits>;
  /** By default one in this process's memory. */
  claimAllowance?: ClaimAllowance;
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
  /**
   * `group.attach` for who tells the seats of what comes after: `committed` is called as an operation's, and learns too
   * how each attached seat stood at that moment.
   */
  attach(
    request: DeliveryRequest<"group.attach">,
    committed: (reply: DeliveryReply<"group.attach">, standings: readonly (Standing | undefined)[]) => void,
  ): Promise<DeliveryReply<"group.attach">>;
  /** `failing` while the store takes no writes: nothing is lost, and nothing is acknowledged. */
  health(): Health;
  /** Whether a write goes through now. */
  isWriting(): Promise<boolean>;
  /** Where logs stand, for a node that looks for what it wasn't told. Unknown groups are left out. */
  readHeads(groupIds: readonly GroupId[]): Promise<{ ok: true; heads: ReadonlyMap<GroupId, Head> } | Refusal>;
  /** The devices among these for which Welcomes wait, each with a text that changes with what waits. */
  newestWelcomes(
    devices: readonly DeviceIdentity[],
  ): Promise<{ ok: true; waiting: readonly { device: DeviceIdentity; mark: string }[] } | Refusal>;
  /**
   * Does what is due by the clock: releases held Welcomes, and erases what needn't be kept. To be called every second or
   * so; one that comes while another is under way joins it.
   */
  sweep(): Promise<Swept>;
  /** Refuses what is new with SHUTTING_DOWN, finishes what waits, closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the Delivery Service on its database, which is made where there is none.
 * @throws DatabaseStartError, BlobsStartError
 */
export function openDeliveryService(
  options: DeliveryServiceOptions & { blobDirectory: string },
): Promise<DeliveryService & { readonly blobs: Blobs }>;
export function openDeliveryService(options: DeliveryServiceOptions): Promise<DeliveryService>;
export async function openDeliveryService(
  options: DeliveryServiceOptions,
): Promise<DeliveryService & { readonly blobs: Blobs | undefined }> {
  const { now, checkKeyPackage: check } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const random = (length: number) => options.random.bytes(length);
  const allowance: ClaimAllowance =
    options.claimAllowance ?? createClaimAllowance({ now, perHour: limits.claimsPerTargetPerHour });
  const onFault = (error: unknown) => options.onFault?.(error);
  // Before the database: a directory that can't be had leaves it as it was.
  const files = options.blobDirectory === undefined ? undefined : openBlobFiles(options.blobDirectory);
  const knocks = createHourlyAllowance({ now, perHour: limits.knocksPerHour });
  let sweeping: Promise<Swept> | undefined;
  const database = await openDatabase<DeliveryModel>({
    location: options.database,
    definition: DELIVERY,
    defer: options.defer,
    emit: (effect) => tell(options, effect),
    merge: mergeAppended,
    onBatch: options.onBatch,
    onFault,
  });
  const blobs =
    files === undefined ? undefined : openBlobs({ files, database, now, random, limits, onFault });

  const attach: DeliveryService["attach"] = async (request, committed) => {
    const plan = about(...request.seats.map(attachOf));
    return forWire(
      await database.write(attachSeats(request, { now }), plan, (reply) =>
        committed(forWire(reply), reply.ok ? reply.standings : []),
      ),
    );
  };
  const operations: DeliveryOperations = {
    "keyPackages.publish": async (device, request, committed) => {
      const checked = await checkKeyPackages(device, request, { check, now: now() });
      if (!checked.ok) return checked;
      const operation = publishKeyPackages(device, request.suite, checked.accepted, { now: now(), limits });
      return database.write(operation, NO_GROUPS, committed);
    },
    "keyPackages.count": (device, { suite }) => database.read(countKeyPackages(device, suite, now())),
    "keyPackages.claim": async (device, request, committed) => {
      const { claimDevices } = limits;
      if (request.devices.length > claimDevices) return refuse("PAYLOAD_TOO_LARGE", { limit: claimDevices });
      const turn = await allowance.take(device, request.devices);
      if (!turn.ok) {
        const { retryAfter } = turn;
        return refuse("RATE_LIMITED", { limit: limits.claimsPerTargetPerHour, retryAfter });
      }
      const reply = await database.write(
        claimKeyPackages(request, { now: now(), limits }),
        NO_GROUPS,
        committed,
      );
      turn.giveBack(reply.ok ? reply.missing : request.devices);
      return reply;
    },
    "group.create": (_, request, committed) =>
      database.write(createGroup(request, { now }), about({ groupId: request.groupId }), committed),
    "group.attach": (_, request, committed) => attach(request, (reply) => committed?.(reply)),
    "group.append": (_, request, committed) =>
      database.write(appendEntry(request, { now, limits }), about(writeOf(request)), committed),
    "group.commit": async (_, request, committed) => {
      const { groupId, seatId, welcomes } = request;
      const holdWelcomes =
        welcomes.length > 0 && (await options.isAnotherSeatAttached?.(groupId, seatId)) === true;
      const operation = commitEpoch(request, { now, random, limits, holdWelcomes });
      return database.write(operation, about(writeOf(request)), committed);
    },
    "group.read": (_, request) => database.read(readLog(request, { limits })),
    "group.confirm": (_, request, committed) =>
      database.write(confirmEpoch(request, { now }), about(memberOf(request)), committed),
    "group.knock": async (device, request, committed) => {
      const turn = knocks.take([`${device.userId}${device.deviceId}`]);
      if (!turn.ok) {
        return refuse("RATE_LIMITED", { limit: limits.knocksPerHour, retryAfter: turn.retryAfter });
      }
      const door = await database.read(findDoor(request));
      if (!door.ok) return door;
      const { groupId } = door;
      return database.write(knock(request, groupId, { now, limits }), about({ groupId }), committed);
    },
    "cursor.ack": (_, request, committed) =>
      database.write(acknowledge(request), about({ ...seatOf(request), cursors: true }), committed),
    "link.publish": (_, request, committed) =>
      database.write(publishLink(request, { now, limits }), about(memberOf(request)), committed),
    "link.withdraw": (_, request, committed) =>
      database.write(withdrawLink(request, { now }), about(memberOf(request)), committed),
    "link.open": (_, request) => database.read(openLink(request)),
    "welcome.list": (device) => database.read(listWelcomes(device)),
    "welcome.ack": (device, request, committed) =>
      database.write(acknowledgeWelcomes(device, request), NO_GROUPS, committed),
    "blob.ticket": async (device, request, committed) => {
      const reply = await (blobs?.ticket(device, request) ?? refuse("STORE_FAILED"));
      committed?.(reply);
      return reply;
    },
  };

  return {
    operations,
    attach,
    blobs,
    health: () => database.health(),
    async isWriting() {
      const tried = await database.write(tryWriting, NO_GROUPS);
      return tried.ok && database.health() === "ok";
    },
    readHeads: (groupIds) => database.read(readHeads(groupIds)),
    newestWelcomes: (devices) => database.read(newestWelcomes(devices)),
    sweep: () =>
      (sweeping ??= sweep(database, { now, limits }).finally(() => {
        sweeping = undefined;
      })),
    async close() {
      await database.close();
      await sweeping;
    },
  };
}

function forWire(reply: Attached | Refusal): DeliveryReply<"group.attach"> {
  return reply.ok ? { ok: true, results: reply.results } : reply;
}

function about(...groups: GroupPlan[]): Plan {
  return { groups };
}

function seatOf({ groupId, seatId }: Required<Pick<GroupPlan, "groupId" | "seatId">>): GroupPlan {
  return { groupId, seatId };
}

function attachOf(seat: DeliveryRequest<"group.attach">["seats"][number]): GroupPlan {
  return { ...seatOf(seat), attaching: { epochToken: seat.epochToken } };
}

function memberOf(request: Required<Omit<GroupPlan, "cursors" | "attaching" | "entryId">>): GroupPlan {
  const { groupId, seatId, branch } = request;
  return { groupId, seatId, branch };
}

function writeOf(request: Required<Omit<GroupPlan, "cursors" | "attaching">>): GroupPlan {
  return { ...memberOf(request), entryId: request.entryId };
}

function tell(listeners: DeliveryListeners, effect: Effect): void {
  switch (effect.kind) {
    case "appended":
      return listeners.onAppended?.(effect);
    case "held":
      return listeners.onHeld?.(effect.until);
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
