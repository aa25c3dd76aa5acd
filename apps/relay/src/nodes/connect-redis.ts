import { createClient } from "redis";
import type { Log } from "../log.ts";

/** Commands that wait while Redis is gone; more are refused, so that an outage doesn't fill the memory. */
const WAITING = 1000;
const RETRY_AT_MOST = 2000;

export type RedisClient = ReturnType<typeof createRedis>;

function createRedis(url: string) {
  return createClient({
    url,
    commandsQueueMaxLength: WAITING,
    pingInterval: 10_000,
    socket: {
      connectTimeout: 5000,
      // Never gives up: the adapter's readers would spin on a client that has.
      reconnectStrategy: (retries) => Math.min(RETRY_AT_MOST, 50 * 2 ** Math.min(retries, 10)),
    },
  });
}

/** A client that connects, and connects again, by itself. It is used whether or not Redis is there. */
export function connectRedis(url: string, log: Log): RedisClient {
  const client = createRedis(url);
  let gone = false;
  client.on("error", (error: unknown) => {
    // Each try of an outage says it again.
    if (!gone) log.warn("redis gone", { code: codeOf(error) });
    gone = true;
  });
  client.on("ready", () => {
    if (gone) log.info("redis is back");
    gone = false;
  });
  // Fails only where it was closed before it ever connected.
  client.connect().catch((error: unknown) => log.debug("redis never connected", { code: codeOf(error) }));
  return client;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
