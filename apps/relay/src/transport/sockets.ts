import { type IncomingMessage, type Server as HttpServer, ServerResponse } from "node:http";
import type { AuthenticationService } from "@thicket/authentication-service";
import type { DeliveryService, LoginCheck } from "@thicket/delivery-service";
import { type Hello, LIMITS, NAMESPACES, WIRE_VERSION, type WireErrorCode } from "@thicket/protocol";
import { Server, type Socket } from "socket.io";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { RedisClient } from "../nodes/connect-redis.ts";
import { connectNodes } from "../nodes/connect-nodes.ts";
import { addressOf } from "./address.ts";
import { serveAuthentication } from "./authentication-namespace.ts";
import { serveDelivery } from "./delivery-namespace.ts";
import { frameOnce } from "./frame-once.ts";
import { frameParser } from "./frame-parser.ts";
import { greet } from "./greet.ts";
import type { Limits } from "./limits.ts";
import { lookForMissed } from "./look-for-missed.ts";
import { createRooms, type Rooms } from "./rooms.ts";
import type { ConnectionDeps } from "./open-connection.ts";
import { bareHeaders } from "./security-headers.ts";
import { createUnderWay } from "./under-way.ts";

/** Room for the largest request: a commit bundle, 10,000 seats and as many receivers, and what msgpack adds. */
const FRAME_LIMIT = 2 * LIMITS.commitBundle;
/** So long (ms) a connection over its address's rate waits for its refusal, where not too many wait already. */
const REFUSED_AFTER = 500;
const WAITING = 1000;
/** Ends a connection that joins no namespace within this time, ms. */
const CONNECT_WITHIN = 10_000;

export interface SocketsOptions {
  server: HttpServer;
  config: Config;
  origins: readonly string[];
  now: () => number;
  log: Log;
  metrics: Metrics;
  limits: Limits;
  redis: RedisClient | undefined;
}

export interface Sockets {
  rooms: Rooms;
  /** Begins to take connections, for the services that are there. */
  serve(services: {
    delivery?: { service: DeliveryService; checkLogin: LoginCheck };
    authentication?: AuthenticationService;
  }): void;
  /** Takes no new connections, and hands over those that there are within so many ms. */
  drain(ms: number): Promise<void>;
  /** Cuts every connection. */
  close(): Promise<void>;
}

/** Both services as namespaces of one Socket.IO server: WebSocket only, msgpack, no compression. */
export function createSockets(options: SocketsOptions): Sockets {
  const { config, redis, log, metrics, now } = options;
  const door = createDoor(options);
  const silence = 1000 * config.pingSeconds;
  let waiting = 0;
  const nodes = redis && connectNodes(redis);
  const io = new Server({
    parser: frameParser,
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
    maxHttpBufferSize: FRAME_LIMIT,
    connectTimeout: CONNECT_WITHIN,
    // What is half open is asked for a sign of life, and cut where none comes.
    pingInterval: silence,
    pingTimeout: silence,
    ...(nodes === undefined ? {} : { adapter: nodes.adapter }),
    allowRequest: (request, decide) => {
      door.refuses(request).then(
        (reason) => {
          if (reason === undefined) return decide(null, true);
          metrics.connectionRefused(reason);
          const refuse = () => decide(reason, false);
          // A flood waits on its sender's side: who is told at once is back at once.
          if (reason === "RATE_LIMITED" && waiting < WAITING) {
            waiting += 1;
            setTimeout(() => {
              waiting -= 1;
              refuse();
            }, REFUSED_AFTER).unref();
          } else refuse();
        },
        (error: unknown) => {
          log.fault(error);
          decide("INTERNAL", false);
        },
      );
    },
  });
  io.of("/").use((_, next) => next(refusalFor("MALFORMED_REQUEST")));
  const underWay = createUnderWay();
  const deps: ConnectionDeps = {
    ...options,
    trustedProxies: config.trustedProxies,
    packetsPerSecond: config.limitRequests,
    underWay,
  };
  const delivery = io.of(NAMESPACES.delivery);
  const rooms = createRooms(delivery, {
    others: nodes?.of(delivery),
    onMissed: (seats) => metrics.recovered(seats),
  });
  let stopLooking = () => Promise.resolve();
  const open = (namespace: ReturnType<Server["of"]>) => {
    frameOnce(namespace.adapter);
    namespace.use((socket, next) => {
      if (socket.handshake.auth["wire"] === WIRE_VERSION) return next();
      log.info("wire version refused");
      return next(refusalFor("WIRE_VERSION_UNSUPPORTED"));
    });
    namespace.on("connection", closeWithLastNamespace);
    return namespace;
  };
  const limits: Hello["limits"] = {
    applicationEntry: config.limitMessageBytes,
    commitBundle: config.limitCommitBytes,
  };
  const hello = () => ({ host: config.mimiHost, serverTime: now(), limits });

  return {
    rooms,
    serve(services) {
      if (services.delivery !== undefined) {
        const { service, checkLogin } = services.delivery;
        const served = { ...deps, delivery: service, checkLogin, rooms };
        serveDelivery(open(delivery), (socket) => greet(socket, hello()), served);
        if (redis !== undefined) {
          stopLooking = lookForMissed({
            rooms,
            delivery: service,
            areTold: () => redis.isReady,
            log,
          });
        }
      } else {
        // As for any other namespace that isn't there.
        delivery.use((_, next) => next(new Error("Invalid namespace")));
      }
      const { authentication } = services;
      if (authentication !== undefined) {
        serveAuthentication(
          open(io.of(NAMESPACES.authentication)),
          (socket) =>
            greet(socket, {
              ...hello(),
              asKeys: authentication.asKeys,
              registration: config.registration,
            }),
          { ...deps, service: authentication },
        );
      }
      io.attach(options.server);
      // Engine.IO answers what isn't a WebSocket itself.
      const headers = new Map(Object.entries(bareHeaders(options.origins)));
      io.engine.use((_: IncomingMessage, response: ServerResponse, next: () => void) => {
        if (response instanceof ServerResponse) response.setHeaders(headers);
        next();
      });
      io.engine.on("connection", (connection) => door.count(connection));
    },
    async drain(ms) {
      door.shut();
      await underWay.drain(ms);
    },
    async close() {
      await stopLooking();
      io.disconnectSockets(true);
      await io.close();
    },
  };
}

/** Who may open a connection: pages of our own origins, within the counts and rates of connections. */
function createDoor({ config, limits, origins }: SocketsOptions) {
  const perAddress = new Map<string, number>();
  let total = 0;
  let isShut = false;
  return {
    /** -> why not. */
    async refuses(request: IncomingMessage): Promise<string | undefined> {
      if (isShut) return "SHUTTING_DOWN";
      const { origin } = request.headers;
      // A page of another origin has no business here. Programs other than browsers send none.
      if (origin !== undefined && !origins.includes(origin)) return "ORIGIN_REFUSED";
      if (total >= config.limitConnections) return "CONNECTIONS_FULL";
      const address = addressOf(request, config.trustedProxies);
      if (address === undefined) return undefined;
      if ((perAddress.get(address) ?? 0) >= config.limitConnectionsPerAddress)
        return "CONNECTIONS_OF_ADDRESS_FULL";
      return (await limits.connecting(address))?.code;
    },
    count(connection: Socket["conn"]) {
      const address = addressOf(connection.request, config.trustedProxies);
      total += 1;
      if (address !== undefined) perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
      connection.once("close", (reason: string) => {
        // Who gives no sign of life answers no farewell either, for which the library would wait.
        if (reason === "ping timeout") connection.request.socket.destroy();
        total -= 1;
        if (address === undefined) return;
        const left = (perAddress.get(address) ?? 1) - 1;
        if (left === 0) perAddress.delete(address);
        else perAddress.set(address, left);
      });
    },
    shut() {
      isShut = true;
    },
  };
}

/** Socket.IO carries an error's `data` to the client's `connect_error`. */
function refusalFor(code: WireErrorCode): Error & { data: { code: WireErrorCode } } {
  return Object.assign(new Error(code), { data: { code } });
}

const namespacesOf = new WeakMap<Socket["conn"], number>();
/** A connection that is in no namespace any more and comes back to none within this time (ms) is closed. */
const IDLE = 10_000;

function closeWithLastNamespace(socket: Socket): void {
  const { conn } = socket;
  namespacesOf.set(conn, (namespacesOf.get(conn) ?? 0) + 1);
  socket.on("disconnect", () => {
    namespacesOf.set(conn, (namespacesOf.get(conn) ?? 1) - 1);
    setTimeout(() => {
      if (namespacesOf.get(conn) === 0) conn.close();
    }, IDLE).unref();
  });
}
