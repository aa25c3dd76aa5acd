import type { ClaimAllowance, DeviceIdentity } from "@thicket/delivery-service";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RedisClient } from "../nodes/connect-redis.ts";

const HOUR_SECONDS = 3600;

/**
 * So many claims an hour of one target by one user, over all nodes together: nobody empties somebody's pool by asking
 * each node. While Redis is gone each node counts for itself.
 */
export function sharedClaims(redis: RedisClient, perHour: number): ClaimAllowance {
  const options = { keyPrefix: "thicket claims", points: perHour, duration: HOUR_SECONDS };
  const counter = new RateLimiterRedis({
    ...options,
    storeClient: redis,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(options),
  });
  const pairOf = (claimer: DeviceIdentity, target: DeviceIdentity) =>
    `${claimer.userId}${target.userId}${target.deviceId}`;
  const giveBack = (pairs: Iterable<string>) => {
    // What can't be given back is counted: at worst somebody waits an hour.
    for (const pair of pairs) void counter.reward(pair).catch(() => undefined);
  };

  return {
    async take(claimer, targets) {
      const pairs = [...new Set(targets.map((target) => pairOf(claimer, target)))];
      const turns = await Promise.allSettled(pairs.map((pair) => counter.consume(pair)));
      const waits = turns.flatMap((turn) => {
        if (turn.status === "fulfilled") return [];
        if (!(turn.reason instanceof RateLimiterRes)) throw turn.reason;
        return [turn.reason.msBeforeNext];
      });
      if (waits.length > 0) {
        giveBack(pairs);
        return { ok: false, retryAfter: Math.max(1, ...waits) };
      }
      return {
        ok: true,
        giveBack: (missing) => giveBack(new Set(missing.map((target) => pairOf(claimer, target)))),
      };
    },
  };
}
