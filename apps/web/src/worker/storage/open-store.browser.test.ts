import { type Store, StoreError, TABLES as CLIENT_TABLES } from "@thicket/client";
import { storeContract } from "@thicket/client/testing";
import { deleteDB, type IDBPDatabase, openDB } from "idb";
import { afterEach, describe, expect, test } from "vitest";
import { cdp } from "vitest/browser";
import { META, MIGRATIONS, RECORD_KEYS } from "./database.ts";
import { type OpenStore, openStore } from "./open-store.ts";

const opened: { name: string; close: () => void }[] = [];
let count = 0;

function freshName(): string {
  count += 1;
  return `open-store-test-${count}`;
}

async function open(name: string, lost: () => void = () => undefined): Promise<OpenStore> {
  const store = await openStore({ name, lost });
  opened.push({ name, close: store.close });
  return store;
}

/** The database as it lies on the disk, without the store's knowledge of it. */
async function raw<T>(name: string, look: (database: IDBPDatabase) => Promise<T>): Promise<T> {
  const database = await openDB(name);
  try {
    return await look(database);
  } finally {
    database.close();
  }
}

afterEach(async () => {
  for (const { close } of opened) close();
  for (const { name } of opened.splice(0)) await deleteDB(name);
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof StoreError ? error.code : error),
  );

describe("the store on IndexedDB keeps the contract of every store", () => {
  const names = new Map<Store, string>();
  const checks = storeContract(
    async () => {
      const name = freshName();
      const { store } = await open(name);
      names.set(store, name);
      return store;
    },
    async (store) => (await open(names.get(store) ?? "")).store,
  );
  for (const check of checks) test(check.title, () => check.run());
});

test("the migrations make exactly the tables that the client has", async () => {
  const name = freshName();
  await open(name);
  const stores = await raw(name, async (database) => [...database.objectStoreNames]);
  expect(stores.sort()).toEqual([META, RECORD_KEYS, ...CLIENT_TABLES].sort());
});

test("[REST-1] no value lies in the database in clear, nor does the same value look the same twice", async () => {
  const name = freshName();
  const { store } = await open(name);
  const canary = "canary-f3a91c";
  const secret = new TextEncoder().encode(canary);
  await store.commit([
    { table: "timelineIds", key: ["c", "1"], value: { position: canary } },
    { table: "timelineIds", key: ["c", "2"], value: { position: canary } },
    { table: "groupSecrets", key: ["g", "secret/a"], value: secret },
    { table: "keyPackages", key: ["ref"], value: keyPackage(secret) },
  ]);
  const values = await dump(name);
  expect(values.length).toBeGreaterThan(6);
  for (const bytes of values) expect(holds(bytes, secret)).toBe(false);
  const [one, other] = await raw(name, (database) => database.getAll("timelineIds"));
  expect(one.sealed).not.toEqual(other.sealed);
  expect((await store.get("timelineIds", ["c", "2"]))?.position).toBe(canary);
});

test("[REST-2] the account key can't be taken out of the database by a script", async () => {
  const name = freshName();
  await open(name);
  const key: unknown = await raw(name, (database) => database.get(META, "accountKey"));
  if (!(key instanceof CryptoKey)) throw new Error("no account key");
  await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
});

test("[STORE-9] a row that was changed, moved or lost its key is unreadable, and never absent", async () => {
  const name = freshName();
  const { store, close } = await open(name);
  const row = (position: string) => ({ position });
  await store.commit([
    { table: "timelineIds", key: ["c", "moved"], value: row("1") },
    { table: "timelineIds", key: ["c", "flipped"], value: row("2") },
    { table: "timelineIds", key: ["c", "garbage"], value: row("3") },
    { table: "timelineIds", key: ["c", "whole"], value: row("4") },
    { table: "timelineIds", key: ["d", "keyless"], value: row("5") },
  ]);
  close();
  await raw(name, async (database) => {
    await database.put("timelineIds", await database.get("timelineIds", ["c", "moved"]), ["c", "here"]);
    const flipped = (await database.get("timelineIds", ["c", "flipped"])) as { sealed: Uint8Array };
    flipped.sealed[20] = (flipped.sealed[20] ?? 0) ^ 1;
    await database.put("timelineIds", flipped, ["c", "flipped"]);
    await database.put("timelineIds", { position: "3" }, ["c", "garbage"]);
    await database.delete(RECORD_KEYS, JSON.stringify(["timelineIds", "d"]));
  });
  const again = (await open(name)).store;
  for (const key of [
    ["c", "here"],
    ["c", "flipped"],
    ["c", "garbage"],
    ["d", "keyless"],
  ]) {
    expect(await codeOf(again.get("timelineIds", key)), key.join()).toBe("STORE_UNREADABLE");
  }
  expect(await codeOf(again.list("timelineIds", { prefix: ["c"] }))).toBe("STORE_UNREADABLE");
  expect(await again.get("timelineIds", ["c", "whole"])).toEqual(row("4"));
  expect(await again.get("timelineIds", ["c", "absent"])).toBeUndefined();
  // Writing beside unreadable rows neither repairs nor replaces them.
  expect(await codeOf(again.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]))).toBe(
    "resolved",
  );
});

test("[STORE-10] an account key that is gone stops the opening, and nothing is founded over what is left", async () => {
  const name = freshName();
  const { store, close } = await open(name);
  await store.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]);
  close();
  const before = await dump(name);
  await raw(name, (database) => database.delete(META, "accountKey"));
  expect(await codeOf(open(name))).toBe("STORE_UNREADABLE");
  expect(await codeOf(open(name))).toBe("STORE_UNREADABLE");
  expect(await dump(name)).toEqual(before);
});

test("[STORE-11] whoever opened earlier writes no more: the fence is checked inside the transaction", async () => {
  const name = freshName();
  let lost = 0;
  const first = await open(name, () => {
    lost += 1;
  });
  await first.store.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]);
  const second = await open(name);
  expect(second.term).toBeGreaterThan(first.term);
  expect(lost).toBe(0);
  const late = first.store.commit([
    { table: "cursors", key: ["g"], value: { seq: 2, acked: 0 } },
    { table: "timelineIds", key: ["new", "1"], value: { position: "1" } },
  ]);
  expect(await codeOf(late)).toBe("STORE_FENCED");
  expect(lost).toBe(1);
  expect(await second.store.get("cursors", ["g"])).toEqual({ seq: 1, acked: 0 });
  expect(await second.store.list("timelineIds", { prefix: [] })).toEqual([]);
  await second.store.commit([{ table: "cursors", key: ["g"], value: { seq: 3, acked: 0 } }]);
  expect(await second.store.get("cursors", ["g"])).toEqual({ seq: 3, acked: 0 });
});

test("[STORE-12] a full disk refuses the whole commit with STORE_QUOTA, and the store goes on when there is room", async () => {
  const { store } = await open(freshName());
  await store.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]);
  // More than the whole disk of `small-disk.setup.ts`.
  const big = crypto.getRandomValues(new Uint8Array(60_000));
  const writes = Array.from({ length: 500 }, (_, index) => ({
    table: "groupPublic" as const,
    key: ["g", `public/${index}`],
    value: big,
  }));
  const full = store.commit([
    { table: "cursors", key: ["g"], value: { seq: 2, acked: 0 } },
    ...writes,
    { table: "timelineIds", key: ["c", "1"], value: { position: "1" } },
  ]);
  expect(await codeOf(full)).toBe("STORE_QUOTA");
  expect(await store.get("cursors", ["g"])).toEqual({ seq: 1, acked: 0 });
  expect(await store.list("groupPublic", { prefix: ["g"] })).toEqual([]);
  expect(await store.list("timelineIds", { prefix: [] })).toEqual([]);
  await cdp().send("Storage.overrideQuotaForOrigin", { origin: location.origin, quotaSize: 200_000_000 });
  const again = () => codeOf(store.commit([{ table: "cursors", key: ["g"], value: { seq: 3, acked: 0 } }]));
  await expect.poll(again, { timeout: 40_000 }).toBe("resolved");
  expect(await store.get("cursors", ["g"])).toEqual({ seq: 3, acked: 0 });
});

test("[STORE-13] a database of a newer version of the app is left as it is", async () => {
  const name = freshName();
  const { store, close } = await open(name);
  await store.commit([{ table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } }]);
  close();
  (await openDB(name, MIGRATIONS.length + 1)).close();
  const before = await dump(name);
  expect(await codeOf(open(name))).toBe("STORE_NEWER");
  expect(await dump(name)).toEqual(before);
});

test("an older app's connection makes way for a newer one's migration, and knows that it has lost", async () => {
  const name = freshName();
  const lost = Promise.withResolvers<void>();
  const { store } = await open(name, lost.resolve);
  (await openDB(name, MIGRATIONS.length + 1)).close();
  await lost.promise;
  expect(await codeOf(store.get("cursors", ["g"]))).toBe("STORE_UNAVAILABLE");
  expect(await codeOf(store.commit([{ table: "cursors", key: ["g"], value: undefined }]))).toBe(
    "STORE_UNAVAILABLE",
  );
});

test("[REST-3] the last row of an epoch takes its record key with it", async () => {
  const name = freshName();
  const { store, close } = await open(name);
  const scopes = () => raw(name, async (database) => (await database.getAllKeys(RECORD_KEYS)).map(String));
  await store.commit([
    { table: "pastEpochs", key: ["g", 1, "secret/a"], value: new Uint8Array([1]) },
    { table: "pastEpochs", key: ["g", 1, "secret/b"], value: new Uint8Array([2]) },
    { table: "pastEpochs", key: ["g", 2, "secret/a"], value: new Uint8Array([3]) },
  ]);
  expect(await scopes()).toEqual(['["pastEpochs","g",1]', '["pastEpochs","g",2]']);
  await store.commit([{ table: "pastEpochs", key: ["g", 1, "secret/a"], value: undefined }]);
  expect(await scopes()).toHaveLength(2);
  await store.commit([{ table: "pastEpochs", key: ["g", 1, "secret/b"], value: undefined }]);
  expect(await scopes()).toEqual(['["pastEpochs","g",2]']);
  // The same epoch again gets a key of its own, for this handle and for the next.
  await store.commit([{ table: "pastEpochs", key: ["g", 1, "secret/a"], value: new Uint8Array([4]) }]);
  expect(await store.get("pastEpochs", ["g", 1, "secret/a"])).toEqual(new Uint8Array([4]));
  close();
  const again = (await open(name)).store;
  expect(await again.get("pastEpochs", ["g", 1, "secret/a"])).toEqual(new Uint8Array([4]));
  expect(await again.get("pastEpochs", ["g", 2, "secret/a"])).toEqual(new Uint8Array([3]));
});

test("commits asked for at once are done in the order of asking, each whole, with the values of that moment", async () => {
  const name = freshName();
  const { store } = await open(name);
  const value = new Uint8Array(1);
  const commits = Array.from({ length: 40 }, (_, index) => {
    value[0] = index;
    return store.commit([
      { table: "groupPublic", key: ["g", "last"], value },
      { table: "groupPublic", key: ["g", `n${index}`], value },
      { table: "outbox", key: ["g", index - 1], value: undefined },
    ]);
  });
  await Promise.all(commits);
  expect(await store.get("groupPublic", ["g", "last"])).toEqual(new Uint8Array([39]));
  expect((await store.list("groupPublic", { prefix: ["g"] })).length).toBe(41);
  expect(await store.get("groupPublic", ["g", "n17"])).toEqual(new Uint8Array([17]));
});

test("a value that would come back as something else is refused, and its commit writes nothing", async () => {
  const { store } = await open(freshName());
  const commit = store.commit([
    { table: "cursors", key: ["g"], value: { seq: 1, acked: 0 } },
    // Deliberately past the types, as a bug would.
    { table: "cursors", key: ["h"], value: JSON.parse("{}", () => ({ seq: 2n })) },
  ]);
  await expect(commit).rejects.toThrow(TypeError);
  expect(await store.get("cursors", ["g"])).toBeUndefined();
});

test("a timeline window is read from the end without touching the rest", async () => {
  const { store } = await open(freshName());
  const writes = Array.from({ length: 3000 }, (_, index) => ({
    table: "timelineIds" as const,
    key: ["c", index],
    value: { position: String(index) },
  }));
  await store.commit(writes);
  const time = async (limit: number) => {
    const start = performance.now();
    const rows = await store.list("timelineIds", { prefix: ["c"], limit, reverse: true });
    expect(rows[0]?.key).toEqual(["c", 2999]);
    expect(rows).toHaveLength(limit);
    return performance.now() - start;
  };
  await time(30);
  const window = await time(30);
  const whole = await time(3000);
  expect(window * 5).toBeLessThan(whole);
});

function keyPackage(secret: Uint8Array) {
  return {
    suite: 1,
    message: secret,
    initPrivateKey: secret,
    encryptionPrivateKey: secret,
    signaturePrivateKey: secret,
    signaturePublicKey: secret,
    lastResort: false,
    notAfter: 1,
  };
}

/** Every byte string that lies in the database, in the order of tables and keys. */
async function dump(name: string): Promise<Uint8Array[]> {
  return raw(name, async (database) => {
    const values: unknown[] = [];
    for (const table of [...database.objectStoreNames].sort()) values.push(...(await database.getAll(table)));
    return values.flatMap(bytesIn);
  });
}

function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value === "string") return [new TextEncoder().encode(value)];
  if (typeof value !== "object" || value === null || value instanceof CryptoKey) return [];
  return Object.values(value).flatMap(bytesIn);
}

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.some((_, at) => part.every((byte, index) => bytes[at + index] === byte));
}
