import type { DeviceIdentity } from "../device-identity.ts";
import { createHourlyAllowance } from "../hourly-allowance.ts";

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
 * pool. By user, since anybody may certify any number of devices of their own.
 */
export function createClaimAllowance(options: { now: () => number; perHour: number }) {
  const allowance = createHourlyAllowance(options);
  return {
    /** Uses up one claim of every target, or none. */
    take(claimer: DeviceIdentity, targets: readonly DeviceIdentity[]): Turn {
      const pairs = (devices: readonly DeviceIdentity[]) => devices.map((target) => pairOf(claimer, target));
      const turn = allowance.take(pairs(targets));
      return turn.ok ? { ok: true, giveBack: (missing) => turn.giveBack(pairs(missing)) } : turn;
    },
    size: () => allowance.size(),
  };
}

const pairOf = (claimer: DeviceIdentity, target: DeviceIdentity) =>
  `${claimer.userId}${target.userId}${target.deviceId}`;
