/** Runs what it is given one after the other, in the order in which it was asked. */
export interface SerialQueue {
  /** Settles as `run` does. A failing one doesn't stop those behind it. */
  add<T>(run: () => Promise<T>): Promise<T>;
  /** How many are waiting or running. */
  size(): number;
}

export function createSerialQueue(): SerialQueue {
  let tail: Promise<unknown> = Promise.resolve();
  let size = 0;
  return {
    add(run) {
      size++;
      const result = tail.then(run).finally(() => size--);
      tail = result.catch(() => undefined);
      return result;
    },
    size: () => size,
  };
}
