import type { Clock } from "@thicket/client";

/** Delays (ms) before another try: doubled from the first to the longest, each with jitter. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
/** Whoever was up for this long (ms) has not failed: the next try is a first one again. */
const STABLE = 20_000;

export interface Backoff {
  /** Tries again after the next delay; does nothing while it already waits. `upFor` (ms) is how well the last try went. */
  retry: (upFor: number) => void;
  cancel: () => void;
}

/** `jitter` is uniform in [0, 1): it keeps many clients from coming back at the same moment. */
export function createBackoff(
  { clock, jitter }: { clock: Clock; jitter: () => number },
  attempt: () => void,
): Backoff {
  let attempts = 0;
  let cancel: (() => void) | undefined;
  return {
    retry(upFor) {
      if (upFor >= STABLE) attempts = 0;
      if (cancel) return;
      const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempts) * (0.5 + jitter() / 2);
      attempts += 1;
      cancel = clock.after(delay, () => {
        cancel = undefined;
        attempt();
      });
    },
    cancel() {
      cancel?.();
      cancel = undefined;
    },
  };
}
