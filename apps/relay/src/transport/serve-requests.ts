import type { WireError } from "@thicket/protocol";
import type { Socket } from "socket.io";
import type { Log } from "../log.ts";
import type { RateLimit } from "./rate-limit.ts";
import { toWire } from "./to-wire.ts";

export type Answer = { ok: true } | { ok: false; error: WireError };
/** -> the reply to one request; `value` is what came, not yet parsed. */
export type Handler = (value: unknown) => Promise<Answer>;

export interface ServeOptions {
  handlers: ReadonlyMap<string, Handler>;
  /** All requests of this socket together. */
  limit: { take: RateLimit; perSecond: number };
  log: Log;
}

/** Requests of one socket that may be under way at once. */
const UNDER_WAY = 256;

/**
 * Answers a socket's requests: an event's name, one value and an acknowledgement. Everything goes through here and
 * nothing further: a peer can name any event, also those that Node's EventEmitter or Socket.IO itself listen to.
 */
export function serveRequests(socket: Socket, { handlers, limit, log }: ServeOptions): void {
  let underWay = 0;

  async function answer(name: unknown, values: readonly unknown[]): Promise<Answer> {
    const handler = typeof name === "string" ? handlers.get(name) : undefined;
    if (handler === undefined || values.length !== 1) return refusal({ code: "MALFORMED_REQUEST" });
    const turn = limit.take(socket.id);
    if (!turn.ok) {
      return refusal({ code: "RATE_LIMITED", limit: limit.perSecond, retryAfter: turn.retryAfter });
    }
    if (underWay >= UNDER_WAY) return refusal({ code: "RATE_LIMITED", limit: UNDER_WAY, retryAfter: 100 });
    underWay += 1;
    try {
      return await handler(values[0]);
    } catch (error) {
      log.fault(error);
      return refusal({ code: "INTERNAL" });
    } finally {
      underWay -= 1;
    }
  }

  // `next` is never called, so no event of a peer's naming is ever emitted.
  socket.use(([name, ...values]: readonly unknown[]) => {
    const acknowledge = values.at(-1);
    if (typeof acknowledge !== "function") return; // Nobody waits for the answer.
    const started = performance.now();
    void answer(name, values.slice(0, -1)).then((reply) => {
      if (!socket.connected) return;
      acknowledge(toWire(reply));
      const known = typeof name === "string" && handlers.has(name) ? name : "unknown";
      const code = reply.ok ? "OK" : reply.error.code;
      log.debug("request", { request: known, code, ms: Math.round(performance.now() - started) });
    });
  });
}

export function refusal(error: WireError): Answer {
  return { ok: false, error };
}
