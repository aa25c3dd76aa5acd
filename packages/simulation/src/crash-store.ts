import type { Store } from "@thicket/client";
import { type Life, never } from "./life.ts";

/** A store whose rows outlive the program: the rows are in `durable`, the dying is here. */
export function createCrashStore(durable: Store, life: Life): Store {
  const whileAlive = async <T>(act: () => Promise<T>): Promise<T> => {
    if (life.over()) return never();
    const result = await act();
    return life.over() ? never() : result;
  };
  return {
    get: (table, key) => whileAlive(() => durable.get(table, key)),
    list: (table, range) => whileAlive(() => durable.list(table, range)),
    async commit(writes) {
      if (!life.pass("before a write")) return never();
      await durable.commit(writes);
      return life.pass("after a write") ? undefined : never();
    },
  };
}
