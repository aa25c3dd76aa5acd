import type { DeliveryOperations, DeviceIdentity, LoginCheck } from "@thicket/delivery-service";
import {
  type DeliveryRequest,
  type DeliveryRequests,
  deliveryRequests,
  type WireError,
} from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { watchBacklog } from "./backlog.ts";
import { catchUp, listenAtOnce } from "./catch-up.ts";
import { checkOrigins, type Greeting } from "./greet.ts";
import { logInOnce } from "./log-in-once.ts";
import { parseRequest } from "./parse-request.ts";
import { createRateLimit, type Rate, type RateLimit } from "./rate-limit.ts";
import type { Rooms } from "./rooms.ts";
import { type Answer, type Handler, refusal, serveRequests } from "./serve-requests.ts";
import type { TransportDeps } from "./sockets.ts";

/** A socket that hasn't logged in after this time (ms) is cut. */
const LOGIN_WITHIN = 5000;
const REQUESTS: Rate = { burst: 2000, perSecond: 200 };
/** By device. The burst lets an outbox drain that filled while offline. */
const APPENDS: Rate = { burst: 200, perSecond: 20 };
const CLAIMS: Rate = { burst: 10, perSecond: 5 };
const TICKETS: Rate = { burst: 20, perSecond: 1 };
/** By seat. */
const COMMITS: Rate = { burst: 10, perSecond: 1 };

export interface DeliveryDeps extends TransportDeps {
  operations: DeliveryOperations;
  checkLogin: LoginCheck;
  rooms: Rooms;
}

/** `/ds`: greets, lets devices log in, and serves the Delivery Service's requests to those. */
export function serveDelivery(
  namespace: Namespace,
  greet: (socket: Socket) => Greeting,
  deps: DeliveryDeps,
): void {
  const requests = createRateLimit(REQUESTS, deps.now);
  const limits = createLimits(deps.now);
  namespace.on("connection", (socket) => {
    const session = openSession(socket, greet(socket), deps, limits);
    serveRequests(socket, {
      handlers: session.handlers,
      limit: { take: requests, perSecond: REQUESTS.perSecond },
      log: deps.log,
    });
    const cut = setTimeout(() => {
      if (!session.loggedIn()) socket.disconnect();
    }, LOGIN_WITHIN);
    socket.on("disconnect", () => {
      clearTimeout(cut);
      deps.rooms.leave(socket);
    });
  });
}

interface Limits {
  appends: RateLimit;
  claims: RateLimit;
  tickets: RateLimit;
  commits: RateLimit;
}

function createLimits(now: () => number): Limits {
  return {
    appends: createRateLimit(APPENDS, now),
    claims: createRateLimit(CLAIMS, now),
    tickets: createRateLimit(TICKETS, now),
    commits: createRateLimit(COMMITS, now),
  };
}

function openSession(socket: Socket, greeting: Greeting, deps: DeliveryDeps, limits: Limits) {
  const { operations, rooms } = deps;
  const backlog = watchBacklog(socket.conn);
  let device: DeviceIdentity | undefined;

  const logIn = logInOnce(async (login) => {
    device = await checkOrigins(deps.origins, (origin) =>
      deps.checkLogin(login, { nonce: greeting.nonce, origin, socketId: socket.id }),
    );
    if (device !== undefined) rooms.addDevice(socket, device);
    return device !== undefined;
  });

  /** A request of a logged-in device, within its limits. */
  const serve =
    <K extends keyof DeliveryRequests>(
      name: K,
      perform: (device: DeviceIdentity, request: DeliveryRequest<K>) => Promise<Answer>,
      refuses: (device: DeviceIdentity, request: DeliveryRequest<K>) => WireError | undefined = () =>
        undefined,
    ): Handler =>
    async (value) => {
      if (device === undefined) return refusal({ code: "NOT_LOGGED_IN" });
      const parsed = parseRequest(schemaOf(name), value);
      if (!parsed.ok) return parsed;
      const limited = refuses(device, parsed.request);
      return limited === undefined ? perform(device, parsed.request) : refusal(limited);
    };
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- ties the schema to the operation of its name
  const plain = <K extends keyof DeliveryRequests>(name: K): [string, Handler] => [
    name,
    serve(name, (from, request) => operations[name](from, request)),
  ];
  const byDevice = (limit: RateLimit, rate: Rate) => (from: DeviceIdentity) =>
    overLimit(limit(`${from.userId}${from.deviceId}`), rate);

  const handlers = new Map<string, Handler>([
    ["login", logIn],
    plain("keyPackages.publish"),
    plain("keyPackages.count"),
    plain("group.create"),
    plain("group.read"),
    plain("group.confirm"),
    plain("link.publish"),
    plain("link.withdraw"),
    plain("link.open"),
    plain("group.knock"),
    plain("cursor.ack"),
    plain("welcome.list"),
    plain("welcome.ack"),
    [
      "keyPackages.claim",
      serve("keyPackages.claim", operations["keyPackages.claim"], byDevice(limits.claims, CLAIMS)),
    ],
    ["blob.ticket", serve("blob.ticket", operations["blob.ticket"], byDevice(limits.tickets, TICKETS))],
    ["group.append", serve("group.append", operations["group.append"], byDevice(limits.appends, APPENDS))],
    [
      "group.commit",
      serve("group.commit", operations["group.commit"], (_, { groupId, seatId }) =>
        overLimit(limits.commits(`${groupId}${seatId}`), COMMITS),
      ),
    ],
    ["group.attach", serve("group.attach", attach)],
  ]);

  async function attach(from: DeviceIdentity, request: DeliveryRequest<"group.attach">): Promise<Answer> {
    let behind: DeliveryRequest<"group.attach">["seats"] = [];
    const reply = await operations["group.attach"](from, request, (committed) => {
      if (socket.connected) behind = listenAtOnce(socket, rooms, request.seats, committed);
    });
    // After the reply has gone out: it says where each seat's log ends.
    setImmediate(() => {
      catchUp(socket, rooms, behind, { operations, device: from, backlog }).catch((error: unknown) => {
        deps.log.fault(error);
        socket.conn.close();
      });
    });
    return reply;
  }

  return { handlers, loggedIn: () => device !== undefined };
}

function schemaOf<K extends keyof DeliveryRequests>(name: K): DeliveryRequests[K]["request"] {
  return deliveryRequests[name].request;
}

function overLimit(turn: ReturnType<RateLimit>, rate: Rate): WireError | undefined {
  return turn.ok ? undefined : { code: "RATE_LIMITED", limit: rate.perSecond, retryAfter: turn.retryAfter };
}
