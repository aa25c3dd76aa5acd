import type { WireError } from "@thicket/protocol";
import {
  BurstyRateLimiter,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import type { RedisClient } from "../nodes/connect-redis.ts";

/** So many in each stretch of time, and a burst beyond that once a minute. */
export interface Rate {
  name: string;
  points: number;
  /** Whole seconds. */
  seconds: number;
  burst?: number;
}

/** Uses up turns of `key` -> undefined, or the refusal that says the limit and when (ms) the next turn is. */
export type RateLimit = (key: string, turns?: number) => Promise<WireError | undefined>;

const BURST_SECONDS = 60;

/**
 * Counts in the memory of this node; with Redis, over all nodes together. While Redis is gone each node counts for
 * itself: a limit is no reason to refuse everybody.
 */
export function createRateLimit(rate: Rate, redis?: RedisClient): RateLimit {
  const { name, points, seconds, burst } = rate;
  const base = createCounter(name, points, seconds, redis);
  const counter =
    burst === undefined
      ? base
      : new BurstyRateLimiter(base, createCounter(`${name} burst`, burst, BURST_SECONDS, redis));
  return async (key, turns = 1) => {
    try {
      await counter.consume(key, turns);
      return undefined;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      return { code: "RATE_LIMITED", limit: points, retryAfter: Math.max(1, refused.msBeforeNext) };
    }
  };
}

function createCounter(name: string, points: number, duration: number, redis: RedisClient | undefined) {
  const options = { keyPrefix: `thicket limit ${name}`, points, duration };
  const memory = new RateLimiterMemory(options);
  if (redis === undefined) return memory;
  return new RateLimiterRedis({
    ...options,
    storeClient: redis,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    insuranceLimiter: memory,
  });
}
