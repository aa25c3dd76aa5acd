import type { Clock, LinkDown, LinkEvent, Log } from "@thicket/client";
import { Hello, Login, type WireError } from "@thicket/protocol";
import type { Login as LoginRequest, Reply } from "@thicket/protocol";
import type { Manager } from "socket.io-client";
import { parseWith, type Schema } from "./parse-with.ts";
import { toWire } from "./to-wire.ts";

/** A request that isn't answered within this time (ms) may or may not have arrived. */
const REQUEST_TIMEOUT = 30_000;
const LINK_DOWN: LinkDown = { ok: false, error: { code: "LINK_DOWN" } };
/** Reasons to refuse a connection that pass by themselves. */
const PASSING = new Set(["SHUTTING_DOWN", "RATE_LIMITED", "INTERNAL", "STORE_FAILED", "DISK_FULL"]);

type Failed = { ok: false; error: WireError };

export interface ServiceLink {
  /** `reply` is the schema of what comes back; a reply that it refuses is answered as INTERNAL. Never rejects. */
  request: <T>(name: string, request: unknown, reply: Schema<T>) => Promise<T | LinkDown | Failed>;
  login: (login: LoginRequest) => Promise<Reply<object> | LinkDown>;
  /** A listener that comes late is told where the link stands. */
  listen(listener: (event: LinkEvent) => void): () => void;
  /** What the service says unasked; the payload is not yet checked. */
  receive(event: string, handle: (payload: unknown) => void): void;
  /** Does nothing where it is connected, connecting, or refused for good. */
  connect(): void;
  close(): void;
}

/**
 * One service's namespace on the shared connection. It doesn't reconnect by itself: it calls `retry` with the time (ms)
 * that it had been up, 0 where the connection couldn't be made.
 */
export function createServiceLink(options: {
  manager: Manager;
  namespace: string;
  log: Log;
  clock: Clock;
  wire: number;
  /** The connection is lost or couldn't be made, and is worth another try. */
  retry: (upFor: number) => void;
  /** The service has let us in: the next loss is a new one. */
  settled: () => void;
}): ServiceLink {
  const { clock, log, namespace } = options;
  const socket = options.manager.socket(namespace, { auth: { wire: options.wire } });
  const listeners = new Set<(event: LinkEvent) => void>();
  /** What was told last; undefined before the first connection was made or has failed. */
  let standing: LinkEvent | undefined;
  /** Asking to connect while a connection is under way would ask the service twice. */
  let connecting = false;
  let upSince = 0;

  socket.on("connect", () => {
    connecting = false;
    upSince = clock.now();
  });

  socket.on("hello", (payload: unknown) => {
    const hello = parseWith<Hello>(Hello, payload);
    if (!hello.ok || socket.id === undefined) return refuse("RELAY_REFUSED");
    tell({ type: "greeted", hello: hello.value, socketId: socket.id });
  });
  socket.on("disconnect", () => {
    connecting = false;
    if (standing?.type === "refused") return;
    tellDown();
    options.retry(clock.now() - upSince);
  });
  socket.on("connect_error", (error) => {
    connecting = false;
    const code = refusalCode(error);
    // Without a code of the service's own the socket is "active" where only the transport failed.
    if (code === "WIRE_VERSION_UNSUPPORTED") refuse(code);
    else if (socket.active || (code !== undefined && PASSING.has(code))) {
      tellDown();
      options.retry(0);
    } else refuse("RELAY_REFUSED");
  });

  function refuse(code: "WIRE_VERSION_UNSUPPORTED" | "RELAY_REFUSED"): void {
    log("error", "relay refused the connection", { namespace, code });
    tell({ type: "refused", code });
    socket.disconnect();
  }

  function tellDown(): void {
    if (standing?.type !== "down") tell({ type: "down" });
  }

  function tell(event: LinkEvent): void {
    standing = event;
    for (const listener of listeners) listener(event);
  }

  async function request<T>(
    name: string,
    payload: unknown,
    reply: Schema<T>,
  ): Promise<T | LinkDown | Failed> {
    if (!socket.connected) return LINK_DOWN; // Never buffered: it would arrive before the login.
    let answer: unknown;
    try {
      answer = await socket.timeout(REQUEST_TIMEOUT).emitWithAck(name, toWire(payload));
    } catch {
      return LINK_DOWN;
    }
    const parsed = parseWith(reply, answer);
    if (parsed.ok) return parsed.value;
    log("error", "relay reply malformed", { request: name });
    return { ok: false, error: { code: "INTERNAL" } };
  }

  return {
    request,
    async login(login) {
      const reply = await request("login", login, Login.reply);
      if (reply.ok) options.settled();
      return reply;
    },
    listen(listener) {
      listeners.add(listener);
      queueMicrotask(() => {
        if (standing && listeners.has(listener)) listener(standing);
      });
      return () => listeners.delete(listener);
    },
    receive(event, handle) {
      socket.on(event, handle);
    },
    connect() {
      if (standing?.type === "refused" || connecting || socket.connected) return;
      connecting = true;
      socket.connect();
    },
    close() {
      listeners.clear();
      socket.off();
      socket.disconnect();
    },
  };
}

function refusalCode(error: object): string | undefined {
  const data: unknown = "data" in error ? error.data : undefined;
  if (typeof data !== "object" || data === null || !("code" in data)) return undefined;
  return typeof data.code === "string" ? data.code : undefined;
}
