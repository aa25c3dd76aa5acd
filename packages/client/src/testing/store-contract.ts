import type { Key, Store } from "../ports.ts";
import type { TimelineIdRow } from "../tables.ts";

export interface StoreContractCheck {
  /** A sentence with its invariant's id. */
  title: string;
  /** Rejects with an Error that says what was found where the store breaks the rule. */
  run: () => Promise<void>;
}

/**
 * What every Store must do, as plain checks that run in Node and in a browser alike. `open` gives an empty store
 * for each call; `reopen` gives another handle on what a store that `open` gave has made durable.
 */
export function storeContract(
  open: () => Promise<Store>,
  reopen: (store: Store) => Promise<Store>,
): StoreContractCheck[] {
  const check = (title: string, body: (store: Store) => Promise<void>): StoreContractCheck => ({
    title,
    run: async () => body(await open()),
  });
  return [
    check("[STORE-1] a row that isn't there is undefined, and an empty range is empty", async (store) => {
      same(await store.get("timelineIds", ["a", "b"]), undefined);
      same(await store.list("timelineIds", { prefix: ["a"] }), []);
    }),
    check("[STORE-2] what was committed is read back as it was, bytes and all", async (store) => {
      const row = { seq: 7, acked: 0 };
      await store.commit([
        { table: "cursors", key: ["g"], value: row },
        { table: "groupSecrets", key: ["g", "secret/x"], value: new Uint8Array([0, 255, 7]) },
      ]);
      same(await store.get("cursors", ["g"]), row);
      same(await store.get("groupSecrets", ["g", "secret/x"]), new Uint8Array([0, 255, 7]));
      same(await store.list("groupSecrets", { prefix: ["g"] }), [
        { key: ["g", "secret/x"], value: new Uint8Array([0, 255, 7]) },
      ]);
    }),
    check("[STORE-3] a later write of a row in one commit wins, and a deleted row is gone", async (store) => {
      await store.commit([
        { table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } },
        { table: "cursors", key: ["g"], value: { seq: 2, acked: 0 } },
        { table: "cursors", key: ["h"], value: { seq: 1, acked: 0 } },
        { table: "cursors", key: ["h"], value: undefined },
      ]);
      same(await store.get("cursors", ["g"]), { seq: 2, acked: 0 });
      same(await store.get("cursors", ["h"]), undefined);
      await store.commit([{ table: "cursors", key: ["g"], value: undefined }]);
      same(await store.get("cursors", ["g"]), undefined);
    }),
    check("[STORE-4] rows sort part by part, numbers before strings, and by prefix only", async (store) => {
      const keys: Key[] = [["c", 10], ["c", "1"], ["c", 9], ["c", "1", "x"], ["c"], ["cc", 1], ["b", 1]];
      await store.commit(keys.map((key) => ({ table: "timelineIds", key, value: valueOf(key) })));
      same(await keysOf(store, { prefix: ["c"] }), [["c"], ["c", 9], ["c", 10], ["c", "1"], ["c", "1", "x"]]);
      same(await keysOf(store, { prefix: ["c", "1"] }), [
        ["c", "1"],
        ["c", "1", "x"],
      ]);
      same((await keysOf(store, { prefix: [] })).length, keys.length);
    }),
    check("[STORE-5] bounds are exclusive, a limit counts from the chosen end", async (store) => {
      const keys: Key[] = [0, 1, 2, 3, 4, 5].map((n) => ["c", n]);
      await store.commit(keys.map((key) => ({ table: "timelineIds", key, value: valueOf(key) })));
      same(await keysOf(store, { prefix: ["c"], after: ["c", 1], before: ["c", 4] }), [
        ["c", 2],
        ["c", 3],
      ]);
      same(await keysOf(store, { prefix: ["c"], before: ["c", 4], limit: 2, reverse: true }), [
        ["c", 3],
        ["c", 2],
      ]);
      same(await keysOf(store, { prefix: ["c"], after: ["c", 1], limit: 2 }), [
        ["c", 2],
        ["c", 3],
      ]);
      same(await keysOf(store, { prefix: ["c"], after: ["c", 3], before: ["c", 2] }), []);
      same(await keysOf(store, { prefix: ["c"], limit: 0 }), []);
    }),
    check("[STORE-6] changing what was given or taken changes nothing stored", async (store) => {
      const bytes = new Uint8Array([1]);
      await store.commit([{ table: "groupSecrets", key: ["g", "r"], value: bytes }]);
      bytes[0] = 9;
      const taken = await store.get("groupSecrets", ["g", "r"]);
      same(taken, new Uint8Array([1]));
      if (taken !== undefined) taken[0] = 9;
      same(await store.get("groupSecrets", ["g", "r"]), new Uint8Array([1]));
    }),
    check("[STORE-7] a commit that resolved is there for the next who opens it", async (store) => {
      await store.commit([{ table: "cursors", key: ["g"], value: { seq: 3, acked: 1 } }]);
      const again = await reopen(store);
      same(await again.get("cursors", ["g"]), { seq: 3, acked: 1 });
    }),
    check("[STORE-8] an optional field that was absent or undefined reads as not there", async (store) => {
      const value: TimelineIdRow = { position: "1" };
      await store.commit([{ table: "timelineIds", key: ["c", "i"], value }]);
      const read = await store.get("timelineIds", ["c", "i"]);
      same(read?.mimiId, undefined);
      same(read?.position, "1");
    }),
  ];
}

function valueOf(key: Key): TimelineIdRow {
  return { position: JSON.stringify(key) };
}

async function keysOf(store: Store, range: Parameters<Store["list"]>[1]): Promise<Key[]> {
  const rows = await store.list("timelineIds", range);
  for (const { key, value } of rows) same(value, valueOf(key));
  return rows.map((row) => row.key);
}

function same(found: unknown, wanted: unknown): void {
  if (canonical(found) !== canonical(wanted)) {
    throw new Error(`found ${canonical(found)} where ${canonical(wanted)} belongs`);
  }
}

/** One text per value, whatever the order of its fields. */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes(${value.join(",")})`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, inner]) => `${name}:${canonical(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "undefined";
}
