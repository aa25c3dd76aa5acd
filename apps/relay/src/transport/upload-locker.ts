import type { Lock, Locker } from "@tus/utils";

/** How long (ms) a request waits for the one before it to put away what it has. */
const WAIT = 10_000;

/** `busy` makes what a request is refused with that may not wait. */
export interface UploadLockerOptions {
  busy: () => Error;
}

/**
 * One request at a time for each upload of this process. A second one, of a client whose first connection died without
 * telling, has the first one stopped and takes over; a third is refused at once. Between processes the offset in the
 * database decides.
 */
export function createUploadLocker({ busy }: UploadLockerOptions): Locker {
  const held = new Map<string, { stop: () => void; next?: () => void }>();

  return {
    newLock(id): Lock {
      return {
        async lock(_, stop) {
          const holder = held.get(id);
          if (holder === undefined) {
            held.set(id, { stop: () => void stop() });
            return;
          }
          if (holder.next !== undefined) throw busy();
          await new Promise<void>((resolve, reject) => {
            const timer = setTimeout(() => {
              delete holder.next;
              reject(busy());
            }, WAIT);
            holder.next = () => {
              clearTimeout(timer);
              held.set(id, { stop: () => void stop() });
              resolve();
            };
            holder.stop();
          });
        },
        async unlock() {
          const { next } = held.get(id) ?? {};
          held.delete(id);
          next?.();
        },
      };
    },
  };
}
