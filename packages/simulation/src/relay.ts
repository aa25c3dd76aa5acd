/**
 * The relay without its sockets: the real operations of both services on their real databases, and what
 * the relay's transport does around them (parse, login, rooms).
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuthenticationService, openAuthenticationService } from "@thicket/authentication-service";
import type { DeliveryLinkEvent, LinkEvent, Random } from "@thicket/client";
import type { AsKey } from "@thicket/credential";
import {
  createKeyPackageCheck,
  createLoginCheck,
  type Appended,
  type DeliveryOperations,
  type DeliveryService,
  type DeviceIdentity,
  type LoginCheck,
  openDeliveryService,
  type Standing,
} from "@thicket/delivery-service";

import {
  type AuthenticationReply,
  type AuthenticationRequest,
  type AuthenticationRequests,
  authenticationRequests,
  type DeliveryReply,
  type DeliveryRequest,
  type DeliveryRequests,
  deliveryRequests,
  type GroupId,
  Hello,
  LIMITS,
  Login,
  type SeatId,
  toHex,
  type WireErrorCode,
} from "@thicket/protocol";
import {
  type AuthenticationRequestFunction,
  type DeliveryRequestFunction,
  ORIGIN,
  type Session,
  type Told,
} from "./link.ts";
import { createSeatWatch } from "./seat-watch.ts";
import type { Trace } from "./trace.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const HOUR = 60 * 60_000;
const HOST = "relay.simulation.example";

export interface Relay {
  /** On the databases of its directory, as they are. */
  open(): Promise<void>;
  /** All connections go down; what was acknowledged is on the disk. */
  close(): Promise<void>;
  connectDelivery(
    tell: (told: Told<DeliveryLinkEvent>) => void,
  ): Session<DeliveryRequestFunction> | undefined;
  connectAuthentication(
    tell: (told: Told<LinkEvent>) => void,
  ): Session<AuthenticationRequestFunction> | undefined;
  /** The first entry that was handed to a seat that may not read it. */
  overread(): string | undefined;
  /** What a service met that it shouldn't have: a failing database or a bug. */
  faults(): readonly string[];
  /** A copy of the closed relay's directory. */
  copyTo(directory: string): void;
  /** Closes it and deletes its directory. */
  remove(): Promise<void>;
}

export interface RelayOptions {
  clock: VirtualClock;
  random: Random;
  trace: Trace;
  directory: string;
}

/** A directory for the databases of one world: in memory where the system has such a place, since the disk isn't what is tested here. */
export function makeDirectory(): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "thicket-world-"));
}

type AuthenticationOperations = {
  [K in keyof AuthenticationRequests]: (request: AuthenticationRequest<K>) => Promise<AuthenticationReply<K>>;
};

interface DeliverySession {
  tell: (told: Told<DeliveryLinkEvent>) => void;
  device: DeviceIdentity | undefined;
  /** The seat that hears of each group. */
  rooms: Map<GroupId, SeatId>;
  /** Seats that were removed: they hear of what is also for them. */
  asides: Map<GroupId, SeatId>;
}

export function createRelay(options: RelayOptions): Relay {
  const { clock, random, directory } = options;
  const watch = createSeatWatch();
  const faults: string[] = [];
  const fault = (error: unknown) => {
    faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  const sessions = new Set<DeliverySession>();
  let purging = false;
  const authenticationSessions = new Set<(told: Told<LinkEvent>) => void>();
  let services:
    | { delivery: DeliveryService; authentication: AuthenticationService; checkDelivery: LoginCheck }
    | undefined;

  const relay: Relay = {
    async open() {
      const authentication = await openAuthenticationService({
        database: { kind: "sqlite", file: join(directory, "authentication.sqlite") },
        defer: queueMicrotask,
        now: () => clock.now(),
        random,
        onFault: fault,
      });
      const trustedAsKeys = () => authentication.asKeys;
      const delivery = await openDeliveryService({
        database: { kind: "sqlite", file: join(directory, "delivery.sqlite") },
        now: () => clock.now(),
        random,
        checkKeyPackage: createKeyPackageCheck({ trustedAsKeys }),
        // A seed's people meet more often in its few minutes than anybody does in an hour.
        limits: { claimsPerTargetPerHour: 10_000, keyPackagesLow: 4 },
        defer: queueMicrotask,
        onAppended: fanOut,
        onUnseated: (groupId, seatIds) => {
          for (const { rooms, asides } of sessions) move(rooms, asides, groupId, seatIds);
        },
        isAnotherSeatAttached: (groupId, seatId) =>
          [...sessions].some(({ rooms, asides }) => {
            const attached = rooms.get(groupId) ?? asides.get(groupId);
            return attached !== undefined && attached !== seatId;
          }),
        onHeld: sweepAt,
        onAcked: (groupId, seq) => tellRoom(groupId, { type: "acked", event: { groupId, seq } }),
        onWelcome: (device) => tellDevice(device, { type: "welcome", event: {} }),
        onKeyPackagesLow: (device, pool) => tellDevice(device, { type: "keyPackagesLow", event: pool }),
        onFault: fault,
      });
      const checkDelivery = createLoginCheck({
        trustedAsKeys,
        now: () => clock.now(),
      });
      services = { delivery, authentication, checkDelivery };
      await sweep();
    },
    async close() {
      const closing = services;
      services = undefined;
      for (const session of sessions) session.tell({ type: "down" });
      for (const tell of authenticationSessions) tell({ type: "down" });
      sessions.clear();
      authenticationSessions.clear();
      await closing?.delivery.close();
      await closing?.authentication.close();
    },
    connectDelivery(tell) {
      if (!services) return undefined;
      const session: DeliverySession = { tell, device: undefined, rooms: new Map(), asides: new Map() };
      sessions.add(session);
      return openDelivery(session);
    },
    connectAuthentication(tell) {
      if (!services) return undefined;
      authenticationSessions.add(tell);
      return openAuthentication(tell);
    },
    overread: () => watch.overread(),
    faults: () => faults,
    copyTo: (target) => cpSync(directory, target, { recursive: true }),
    async remove() {
      await relay.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return relay;

  function hello(asKeys?: readonly AsKey[]): Hello {
    const greeting = parse(Hello, {
      nonce: random.bytes(32),
      host: HOST,
      serverTime: clock.now(),
      limits: { applicationEntry: LIMITS.applicationEntry, commitBundle: LIMITS.commitBundle },
      ...(asKeys && { asKeys }),
    });
    if (!greeting) throw new Error("the relay greets as the wire says");
    return greeting;
  }

  function openDelivery(session: DeliverySession): Session<DeliveryRequestFunction> {
    const greeting = hello();
    const socketId = `ds-${toHex(random.bytes(8))}`;
    let nonceUsed = false;
    return {
      hello: greeting,
      socketId,
      async login(request) {
        if (!services || !sessions.has(session)) return refused("SHUTTING_DOWN");
        const proof = parse(Login.request, request);
        if (!proof || nonceUsed) return refused("LOGIN_REFUSED");
        nonceUsed = true;
        const device = await services.checkDelivery(proof, {
          nonce: greeting.nonce,
          origin: ORIGIN,
          socketId,
        });
        if (!device) return refused("LOGIN_REFUSED");
        session.device = device;
        return { ok: true };
      },
      async request(name, raw) {
        if (!services || !sessions.has(session)) return refused("SHUTTING_DOWN");
        if (!session.device) return refused("NOT_LOGGED_IN");
        const request = parse(deliveryRequests[name].request, raw);
        if (!request) return refused("MALFORMED_REQUEST");
        return perform(services.delivery, session, session.device, name, request);
      },
      end: () => sessions.delete(session),
    };
  }

  async function perform<K extends keyof DeliveryRequests>(
    delivery: DeliveryService,
    session: DeliverySession,
    device: DeviceIdentity,
    name: K,
    request: DeliveryRequest<K>,
  ): Promise<DeliveryReply<K>> {
    const operations: DeliveryOperations = {
      ...delivery.operations,
      "group.attach": (_, { seats }) =>
        delivery.attach({ seats }, (_committed, standings) => listen(session, seats, standings)),
    };
    const reply = await operations[name](device, request);
    if (reply.ok && "epochTokenHash" in request) watch.created(request.groupId, request.seatId);
    if (reply.ok && "entries" in reply && "seatId" in request)
      for (const entry of reply.entries) watch.handed("a reader", request.groupId, request.seatId, entry);
    return reply;
  }

  function openAuthentication(tell: (told: Told<LinkEvent>) => void): Session<AuthenticationRequestFunction> {
    const greeting = hello(services?.authentication.asKeys);
    const socketId = `as-${toHex(random.bytes(8))}`;
    let loggedIn: DeviceIdentity | undefined;
    return {
      hello: greeting,
      socketId,
      async login(request) {
        const proof = parse(Login.request, request);
        if (!services || !authenticationSessions.has(tell)) return refused("SHUTTING_DOWN");
        if (!proof || loggedIn) return refused("LOGIN_REFUSED");
        const challenge = { nonce: greeting.nonce, origin: ORIGIN, socketId };
        const reply = await services.authentication.checkLogin(proof, challenge);
        if (!reply.ok) return reply;
        loggedIn = { userId: reply.userId, deviceId: reply.deviceId };
        return { ok: true };
      },
      async request(name, raw) {
        if (!services || !authenticationSessions.has(tell)) return refused("SHUTTING_DOWN");
        const request = parse(authenticationRequests[name].request, raw);
        if (!request) return refused("MALFORMED_REQUEST");
        return operationsFor(services.authentication, greeting, loggedIn)[name](request);
      },
      end: () => authenticationSessions.delete(tell),
    };
  }

  function operationsFor(
    service: AuthenticationService,
    { nonce }: Hello,
    loggedIn: DeviceIdentity | undefined,
  ): AuthenticationOperations {
    return {
      "account.register": (request) => service.register(request, nonce),
      "handle.check": (request) => service.handleCheck(request),
      "handle.lookup": async (request) => (loggedIn ? service.lookup(request) : refused("NOT_LOGGED_IN")),
      "attestation.renew": async () => (loggedIn ? service.renew(loggedIn) : refused("NOT_LOGGED_IN")),
    };
  }

  /** Hints for who is connected. */
  function fanOut({ groupId, entries, hiddenFrom, alsoTo, unseated, seated }: Appended): void {
    for (const entry of entries) watch.appended(groupId, entry);
    purgeLater();
    for (const session of sessions) {
      const listener = session.rooms.get(groupId);
      const aside = session.asides.get(groupId);
      const listens = listener !== undefined && !hiddenFrom.includes(listener);
      const seatId = listens ? listener : aside !== undefined && alsoTo.includes(aside) ? aside : undefined;
      if (seatId === undefined) continue;
      for (const entry of entries) watch.handed("a listener", groupId, seatId, entry);
      session.tell({ type: "event", event: { type: "entries", event: { groupId, entries: [...entries] } } });
    }
    for (const { rooms, asides } of sessions) {
      move(rooms, asides, groupId, unseated);
      move(asides, rooms, groupId, seated);
    }
  }

  /** What the relay does every second, done when there is something to do: so that a world can come to rest. */
  async function sweep(): Promise<void> {
    const swept = await services?.delivery.sweep();
    if (swept?.heldUntil !== undefined) sweepAt(swept.heldUntil);
  }

  /** In an hour a log that was written to now is looked at for what needn't be kept. */
  function purgeLater(): void {
    if (purging) return;
    purging = true;
    clock.after(HOUR, () => {
      purging = false;
      void sweep();
    });
  }

  function sweepAt(time: number): void {
    const asked = services;
    clock.after(time - clock.now(), () => {
      if (services === asked) void sweep();
    });
  }

  function tellRoom(groupId: GroupId, event: DeliveryLinkEvent): void {
    for (const session of sessions) if (session.rooms.has(groupId)) session.tell({ type: "event", event });
  }

  function tellDevice(device: DeviceIdentity, event: DeliveryLinkEvent): void {
    for (const session of sessions) {
      if (session.device?.userId === device.userId && session.device.deviceId === device.deviceId)
        session.tell({ type: "event", event });
    }
  }
}

/** Attached seats hear of what comes after; one that was removed, of what is also for it. */
function listen(
  { rooms, asides }: DeliverySession,
  seats: DeliveryRequest<"group.attach">["seats"],
  standings: readonly (Standing | undefined)[],
): void {
  for (const [index, { groupId, seatId }] of seats.entries()) {
    const standing = standings[index];
    if (standing === undefined) continue;
    rooms.delete(groupId);
    asides.delete(groupId);
    (standing.seated ? rooms : asides).set(groupId, seatId);
  }
}

function move(
  from: Map<GroupId, SeatId>,
  to: Map<GroupId, SeatId>,
  groupId: GroupId,
  seatIds: readonly SeatId[],
): void {
  const seatId = from.get(groupId);
  if (seatId === undefined || !seatIds.includes(seatId)) return;
  from.delete(groupId);
  to.set(groupId, seatId);
}

function refused(code: WireErrorCode): { ok: false; error: { code: WireErrorCode } } {
  return { ok: false, error: { code } };
}

interface StandardSchema<T> {
  "~standard": {
    validate(
      value: unknown,
    ): { value: T; issues?: undefined } | { issues: readonly unknown[] } | Promise<unknown>;
  };
}

/** What the relay does with everything that it receives: undefined for what isn't as the wire says. */
function parse<T>(schema: StandardSchema<T>, value: unknown): T | undefined {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new Error("the wire's schemas answer at once");
  return result.issues === undefined ? result.value : undefined;
}
