import { type IncomingMessage, type Server as HttpServer, ServerResponse } from "node:http";
import type { AuthenticationService } from "@thicket/authentication-service";
import type { DeliveryOperations, LoginCheck } from "@thicket/delivery-service";
import { LIMITS, NAMESPACES, WIRE_VERSION, type WireErrorCode } from "@thicket/protocol";
import { Server, type Socket } from "socket.io";
import parser from "socket.io-msgpack-parser";
import type { Log } from "../log.ts";
import { serveAuthentication } from "./authentication-namespace.ts";
import { serveDelivery } from "./delivery-namespace.ts";
import { frameOnce } from "./frame-once.ts";
import { greet } from "./greet.ts";
import { createRooms, type Rooms } from "./rooms.ts";
import { bareHeaders } from "./security-headers.ts";

/** Room for the largest request: a commit bundle, 10,000 seats and as many receivers, and what msgpack adds. */
const FRAME_LIMIT = 2 * LIMITS.commitBundle;

export interface TransportDeps {
  /** What a login may have signed. */
  origins: readonly string[];
  now: () => number;
  log: Log;
}

export interface SocketsOptions extends TransportDeps {
  server: HttpServer;
  /** The host part of `mimi://` ids. */
  host: string;
}

export interface Sockets {
  rooms: Rooms;
  /** Begins to take connections. */
  serve(services: {
    operations: DeliveryOperations;
    checkDeliveryLogin: LoginCheck;
    authentication: AuthenticationService;
  }): void;
  /** Cuts every connection. */
  close(): Promise<void>;
}

/** Both services as namespaces of one Socket.IO server: WebSocket only, msgpack, no compression. */
export function createSockets(options: SocketsOptions): Sockets {
  const { log, now, origins, host } = options;
  const io = new Server({
    parser,
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
    maxHttpBufferSize: FRAME_LIMIT,
    connectTimeout: 10_000,
    // A page of another origin has no business here. Programs other than browsers send none.
    allowRequest: ({ headers }, decide) =>
      decide(null, headers.origin === undefined || origins.includes(headers.origin)),
  });
  io.of("/").use((_, next) => next(refusalFor("MALFORMED_REQUEST")));
  const delivery = io.of(NAMESPACES.delivery);
  const authentication = io.of(NAMESPACES.authentication);
  for (const namespace of [delivery, authentication]) {
    frameOnce(namespace.adapter);
    namespace.use((socket, next) => {
      if (socket.handshake.auth["wire"] === WIRE_VERSION) return next();
      log.info("wire version refused");
      return next(refusalFor("WIRE_VERSION_UNSUPPORTED"));
    });
    namespace.on("connection", closeWithLastNamespace);
  }
  const rooms = createRooms(delivery);

  return {
    rooms,
    serve(services) {
      const deps: TransportDeps = { origins, now, log };
      const hello = () => ({ host, serverTime: now() });
      serveDelivery(delivery, (socket) => greet(socket, hello()), {
        ...deps,
        operations: services.operations,
        checkLogin: services.checkDeliveryLogin,
        rooms,
      });
      serveAuthentication(
        authentication,
        (socket) => greet(socket, { ...hello(), asKeys: services.authentication.asKeys }),
        { ...deps, service: services.authentication },
      );
      io.attach(options.server);
      // Engine.IO answers what isn't a WebSocket itself.
      const headers = new Map(Object.entries(bareHeaders(origins)));
      io.engine.use((_: IncomingMessage, response: ServerResponse, next: () => void) => {
        if (response instanceof ServerResponse) response.setHeaders(headers);
        next();
      });
    },
    async close() {
      io.disconnectSockets(true);
      await io.close();
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
