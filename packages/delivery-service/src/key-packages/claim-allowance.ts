import type { DeviceIdentity } from "../device-identity.ts";

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
/** Pairs kept in memory before the ones whose hour is over are dropped. */
const PAIRS = 50_000;

/** A claim that may go on, or the ms until it may be tried again. */
export type Turn =
  | {
      ok: true;
      /** Gives back what was taken for targets that had no package: only real packages count, and stay in memory. */
      giveBack(missing: readonly DeviceIdentity[]): void;
    }
  | { ok: false; retryAfter: number };

/** Who claims, and from whom. Several nodes share one. */
export interface ClaimAllowance {
  /** Uses up one claim of every target, or none. */
  take(claimer: DeviceIdentity, targets: readonly DeviceIdentity[]): Turn | Promise<Turn>;
}

/**
 * Who claims, and from whom: so many claims an hour of one target by one user, so that nobody can empty somebody's
 * pool. By user, since anybody may certify any number of devices of their own. Kept in memory only; it starts anew
 * with the process.
 */
export function createClaimAllowance({ now, perHour }: { now: () => number; perHour: number }) {
  const claims = new Map<string, number[]>();
  let sweptAt = now();

  function recent(pair: string, time: number): number[] {
    return (claims.get(pair) ?? []).filter((claimed) => claimed > time - HOUR);
  }

  function sweep(time: number): void {
    if (claims.size <= PAIRS || Math.abs(time - sweptAt) < MINUTE) return;
    sweptAt = time;
    for (const pair of claims.keys()) if (recent(pair, time).length === 0) claims.delete(pair);
  }

  function giveBack(pair: string, time: number): void {
    const left = claims.get(pair) ?? [];
    const index = left.indexOf(time);
    if (index >= 0) left.splice(index, 1);
    if (left.length === 0) claims.delete(pair);
  }

  function take(claimer: DeviceIdentity, targets: readonly DeviceIdentity[]): Turn {
    const time = now();
    sweep(time);
    const pairs = new Set(targets.map((target) => pairOf(claimer, target)));
    const used = [...pairs].map((pair) => ({ pair, times: recent(pair, time) }));
    const waits = used.flatMap(({ times }) => {
      const oldest = times.at(-perHour);
      return oldest === undefined ? [] : [oldest + HOUR - time];
    });
    if (waits.length > 0) return { ok: false, retryAfter: Math.max(...waits) };
    for (const { pair, times } of used) claims.set(pair, [...times, time]);
    return {
      ok: true,
      giveBack(missing) {
        for (const target of missing) giveBack(pairOf(claimer, target), time);
      },
    };
  }

  return { take, size: () => claims.size };
}

const pairOf = (claimer: DeviceIdentity, target: DeviceIdentity) =>
  `${claimer.userId}${target.userId}${target.deviceId}`;
