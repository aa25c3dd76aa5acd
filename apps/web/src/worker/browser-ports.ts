import type { Clock, Log, Random } from "@thicket/client";

/** A browser's timers take no delay above 2^31 - 1 ms (25 days): a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** `getRandomValues` gives no more at once. */
const RANDOM_QUOTA = 65_536;

export const browserClock: Clock = {
  now: () => Date.now(),
  after(delay, run) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (left: number) => {
      const step = Math.min(left, LONGEST_TIMER);
      timer = setTimeout(() => (left > step ? wait(left - step) : run()), step);
    };
    wait(delay);
    return () => clearTimeout(timer);
  },
};

export const browserRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += RANDOM_QUOTA) {
      crypto.getRandomValues(bytes.subarray(start, start + RANDOM_QUOTA));
    }
    return bytes;
  },
};

/** To the console, as one object: it holds no handles, ids or payloads, so that a person can send it to whoever helps. */
export const browserLog: Log = (level, event, fields) => {
  console[level](event, ...(fields ? [fields] : []));
};
