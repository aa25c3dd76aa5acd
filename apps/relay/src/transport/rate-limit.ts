/** So many at once, and so many a second from then on. */
export interface Rate {
  burst: number;
  perSecond: number;
}

/** Uses up one turn, or says when (ms) the next one is. */
export type RateLimit = (key: string) => { ok: true } | { ok: false; retryAfter: number };

/** Sums of fractions miss a whole turn by less than this. */
const ROUNDING = 1e-6;
/** Keys in memory before those that are back at their full burst are dropped. */
const KEYS = 20_000;

/** Token buckets by key, in memory; they start full with the process. `now` in milliseconds. */
export function createRateLimit(rate: Rate, now: () => number): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>();
  const refilled = ({ tokens, at }: { tokens: number; at: number }, time: number) =>
    // A clock that goes back gives nothing and takes nothing.
    Math.min(rate.burst, tokens + (Math.max(0, time - at) / 1000) * rate.perSecond);

  return (key) => {
    const time = now();
    if (buckets.size > KEYS) {
      for (const [other, bucket] of buckets) if (refilled(bucket, time) >= rate.burst) buckets.delete(other);
    }
    const tokens = refilled(buckets.get(key) ?? { tokens: rate.burst, at: time }, time);
    if (tokens < 1 - ROUNDING) {
      buckets.set(key, { tokens, at: time });
      return { ok: false, retryAfter: Math.ceil(((1 - tokens) / rate.perSecond) * 1000 - ROUNDING) };
    }
    buckets.set(key, { tokens: tokens - 1, at: time });
    return { ok: true };
  };
}
