import { expect, test } from "vitest";
import { createMemoryStore, storeContract } from "./index.ts";

const stores = new WeakMap<object, ReturnType<typeof createMemoryStore>>();
const checks = storeContract(
  async () => {
    const store = createMemoryStore();
    stores.set(store, store);
    return store;
  },
  async (store) => stores.get(store)?.copy() ?? Promise.reject(new Error("not opened here")),
);

for (const { title, run } of checks) test(title, run);

test("a copy is what a crash would leave: later commits don't reach it", async () => {
  const store = createMemoryStore();
  await store.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]);
  const copy = store.copy();
  await store.commit([{ table: "cursors", key: ["g"], value: { seq: 2, acked: 0 } }]);
  expect(await copy.get("cursors", ["g"])).toEqual({ seq: 1, acked: 0 });
});
