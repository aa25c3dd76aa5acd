import type { DeviceIdentity } from "../device-identity.ts";

const HOUR = 60 * 60 * 1000;
/** Pairs kept in memory before the ones whose hour is over are dropped. */
const PAIRS = 50_000;

/**
 * Who claims, and from whom: so many claims an hour of one target by one claimer, so that nobody can empty
 * somebody's pool. Kept in memory only; it starts anew with the process.
 */
export function createClaimAllowance({ now, perHour }: { now: () => number; perHour: number }) {
  const claims = new Map<string, number[]>();

  function recent(pair: string, time: number): number[] {
    return (claims.get(pair) ?? []).filter((claimed) => claimed > time - HOUR);
  }

  /** Uses up one claim of every target, or none: then the ms until it may be tried again. */
  return function take(claimer: DeviceIdentity, targets: readonly DeviceIdentity[]): number | undefined {
    const time = now();
    if (claims.size > PAIRS) {
      for (const pair of claims.keys()) if (recent(pair, time).length === 0) claims.delete(pair);
    }
    const pairs = new Map(targets.map((target) => [pairOf(claimer, target), target]));
    const used = [...pairs.keys()].map((pair) => ({ pair, times: recent(pair, time) }));
    const waits = used.flatMap(({ times }) => {
      const oldest = times.at(-perHour);
      return oldest === undefined ? [] : [oldest + HOUR - time];
    });
    if (waits.length > 0) return Math.max(...waits);
    for (const { pair, times } of used) claims.set(pair, [...times, time]);
    return undefined;
  };
}

const pairOf = (claimer: DeviceIdentity, target: DeviceIdentity) =>
  `${claimer.userId}${claimer.deviceId}${target.userId}${target.deviceId}`;
