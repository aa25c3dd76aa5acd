import type { WireError } from "@thicket/protocol";
import type { Socket } from "socket.io";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Intake } from "./intake.ts";

export type Answer = { ok: true } | { ok: false; error: WireError };
/** -> the reply to one request; `value` is what came, not yet parsed. */
export type Handler = (value: unknown) => Promise<Answer>;

export interface ServeOptions {
  handlers: ReadonlyMap<string, Handler>;
  /** Asked before each request, whatever it is. */
  limit: () => Promise<WireError | undefined>;
  intake: Intake;
  log: Log;
  metrics: Metrics;
}

/** Requests of one socket that are under way at once; more of them wait, and the connection isn't read meanwhile. */
const UNDER_WAY = 32;

interface Waiting {
  name: unknown;
  values: readonly unknown[];
  acknowledge: (reply: unknown) => void;
}

/** A socket's requests that are under way. */
export interface Requests {
  /** Takes no more: what comes now is for another connection. Settles when those that came are answered. */
  finish(): Promise<void>;
}

/**
 * Answers a socket's requests: an event's name, one value and an acknowledgement. Everything goes through here and
 * nothing further: a peer can name any event, also those that Node's EventEmitter or Socket.IO itself listen to.
 */
export function serveRequests(socket: Socket, options: ServeOptions): Requests {
  const { handlers, limit, intake, log, metrics } = options;
  const waiting: Waiting[] = [];
  let underWay = 0;
  let held = false;
  let finished: PromiseWithResolvers<void> | undefined;

  async function answer(name: unknown, values: readonly unknown[]): Promise<Answer> {
    try {
      const limited = await limit();
      if (limited !== undefined) return refusal(limited);
      const handler = typeof name === "string" ? handlers.get(name) : undefined;
      if (handler === undefined || values.length !== 1) return refusal({ code: "MALFORMED_REQUEST" });
      return await handler(values[0]);
    } catch (error) {
      log.fault(error);
      return refusal({ code: "INTERNAL" });
    }
  }

  async function serveOne({ name, values, acknowledge }: Waiting): Promise<void> {
    const started = performance.now();
    const reply = await answer(name, values);
    const known = typeof name === "string" && handlers.has(name) ? name : "unknown";
    const code = reply.ok ? "OK" : reply.error.code;
    const ms = performance.now() - started;
    metrics.request(known, code, ms);
    log.debug("request", { request: known, code, ms: Math.round(ms) });
    if (socket.connected) acknowledge(reply);
  }

  /** In the order in which they came. */
  function serveWaiting(): void {
    while (underWay < UNDER_WAY) {
      const next = waiting.shift();
      if (next === undefined) break;
      underWay += 1;
      void serveOne(next).finally(() => {
        underWay -= 1;
        serveWaiting();
      });
    }
    if (held !== waiting.length > 0) {
      held = !held;
      if (held) intake.hold();
      else intake.release();
    }
    if (underWay === 0) finished?.resolve();
  }

  // `next` is never called, so no event of a peer's naming is ever emitted.
  socket.use(([name, ...values]: readonly unknown[]) => {
    const acknowledge = values.at(-1);
    if (!isFunction(acknowledge) || finished !== undefined) return; // Nobody waits for the answer.
    waiting.push({ name, values: values.slice(0, -1), acknowledge });
    serveWaiting();
  });

  return {
    finish() {
      finished ??= Promise.withResolvers();
      if (underWay === 0) finished.resolve();
      return finished.promise;
    },
  };
}

function isFunction(value: unknown): value is (reply: unknown) => void {
  return typeof value === "function";
}

export function refusal(error: WireError): Answer {
  return { ok: false, error };
}
