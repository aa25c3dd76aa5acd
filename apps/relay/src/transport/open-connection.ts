import type { Socket } from "socket.io";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { addressOf } from "./address.ts";
import { watchIntake } from "./intake.ts";
import type { Limits } from "./limits.ts";
import { type Handler, serveRequests } from "./serve-requests.ts";
import type { UnderWay } from "./under-way.ts";

/** No request of somebody who hasn't logged in is larger; the frame limit itself is for commits. */
const BYTES_BEFORE_LOGIN = 64 * 1024;
/** In the long run; a burst is ten times as much, which is more than the largest request. */
const BYTES_PER_SECOND = 1024 * 1024;

/** What every connection is served with. */
export interface ConnectionDeps {
  /** What a login may have signed. */
  origins: readonly string[];
  now: () => number;
  log: Log;
  metrics: Metrics;
  limits: Limits;
  trustedProxies: number;
  packetsPerSecond: number;
  underWay: UnderWay;
}

/** Connections on which somebody has logged in to either service. */
const known = new WeakSet<Socket["conn"]>();

/**
 * A socket of either service from its greeting on: its requests within the limits, the deadline of its login, and its
 * place among what is to be finished when the relay drains.
 */
export function openConnection(
  socket: Socket,
  options: {
    namespace: "ds" | "as";
    handlers: ReadonlyMap<string, Handler>;
    loggedIn: () => boolean;
    /** Milliseconds. */
    loginWithin: number;
    deps: ConnectionDeps;
  },
): void {
  const { namespace, loggedIn, deps } = options;
  const { limits, metrics, log } = deps;
  const address = addressOf(socket.request, deps.trustedProxies);
  const intake = watchIntake(
    socket.conn,
    { packetsPerSecond: deps.packetsPerSecond, bytesPerSecond: BYTES_PER_SECOND },
    { now: () => performance.now(), onRest: () => metrics.rest() },
  );
  const handlers = new Map(options.handlers);
  const logIn = handlers.get("login");
  if (logIn !== undefined) {
    handlers.set("login", async (value) => {
      const limited = await limits.logins(address);
      if (limited !== undefined) return { ok: false, error: limited };
      const reply = await logIn(value);
      if (reply.ok) known.add(socket.conn);
      return reply;
    });
  }
  const requests = serveRequests(socket, {
    handlers,
    limit: () => limits.requests(address),
    intake,
    log,
    metrics,
  });

  const cutLarge = ({ data }: { data?: unknown }) => {
    if (data instanceof Uint8Array && data.byteLength > BYTES_BEFORE_LOGIN && !known.has(socket.conn)) {
      socket.conn.close(true);
    }
  };
  socket.conn.on("packet", cutLarge);

  const cut = setTimeout(() => {
    if (!loggedIn()) socket.disconnect();
  }, options.loginWithin);
  metrics.socket(namespace, 1);
  const forget = deps.underWay.add(socket, requests);
  socket.on("disconnect", () => {
    clearTimeout(cut);
    socket.conn.off("packet", cutLarge);
    metrics.socket(namespace, -1);
    forget();
  });
}
