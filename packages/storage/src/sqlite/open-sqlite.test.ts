import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { onFile, type TestDatabase } from "../testing/contract.ts";
import { put, SHELF, type ShelfModel } from "../testing/shelf.ts";
import { openDatabase } from "../open-database.ts";
import { refuse } from "../outcome.ts";
import { createWriteQueue } from "../write-queue.ts";
import { IN_MEMORY, openWriter } from "./open-connection.ts";
import { overSqlite } from "./open-sqlite.ts";

function openQueue() {
  const writer = openWriter(IN_MEMORY, SHELF);
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const dialect = overSqlite(writer, IN_MEMORY, SHELF, onFault);
  const queue = createWriteQueue<ShelfModel>({
    runBatch: dialect.runBatch,
    defer: setImmediate,
    emit: () => undefined,
    onFault,
  });
  const names = () =>
    writer
      .prepare("SELECT name FROM things ORDER BY no")
      .all()
      .map(({ name }) => name);
  const limitPages = (more: number) => {
    const pages = Number(writer.prepare("PRAGMA page_count").get()?.["page_count"]);
    writer.exec(`PRAGMA max_page_count = ${pages + more}`);
  };
  return { writer, queue, names, limitPages, health: dialect.health };
}

describe("SQLite's queue of writes", () => {
  let test: ReturnType<typeof openQueue>;
  beforeEach(() => {
    test = openQueue();
  });
  afterEach(() => test.writer.close());

  it("[STORE-FULL-1] answers a write that the disk has no room for with DISK_FULL and changes nothing; smaller ones go on", async () => {
    const { queue } = test;
    await queue.write(put("first", 100), undefined);
    test.limitPages(4);
    const [small, large] = await Promise.all([
      queue.write(put("small", 200), undefined),
      queue.write(put("large", 100_000), undefined),
    ]);
    expect(large).toEqual(refuse("DISK_FULL"));
    // What shared its batch was either stored and acknowledged, or neither.
    expect(test.names()).toEqual(small.ok ? ["first", "small"] : ["first"]);
    expect(await queue.write(put("next", 300), undefined)).toEqual({ ok: true, name: "next" });
    test.limitPages(100);
    expect(await queue.write(put("large", 100_000), undefined)).toEqual({ ok: true, name: "large" });
  });

  it("[STORE-BATCH-3] tells of a refusal only where the batch is committed: of one that fails all are told of the failure", async () => {
    const { queue } = test;
    await queue.write(put("first", 100), undefined);
    test.limitPages(4);
    const replies = await Promise.all([
      queue.write(put("one", 200), undefined),
      // Refused over what the one before has written.
      queue.write(put("one"), undefined),
      queue.write(put("large", 100_000), undefined),
    ]);
    const codes = replies.map((reply) => (reply.ok ? "OK" : reply.error.code));
    const stored = codes[0] === "OK";
    expect(test.names()).toEqual(stored ? ["first", "one"] : ["first"]);
    expect(codes).toEqual(
      stored ? ["OK", "GROUP_TAKEN", "DISK_FULL"] : ["DISK_FULL", "DISK_FULL", "DISK_FULL"],
    );
  });

  it("answers STORE_FAILED when a batch can't be committed, says so, and recovers", async () => {
    test.writer.exec("BEGIN");
    expect(await test.queue.write(put("one"), undefined)).toEqual(refuse("STORE_FAILED"));
    expect(test.health()).toBe("failing");
    expect(await test.queue.write(put("two"), undefined)).toEqual({ ok: true, name: "two" });
    expect(test.health()).toBe("ok");
    expect(test.names()).toEqual(["two"]);
  });
});

describe("an SQLite file that somebody else has locked", () => {
  let made: TestDatabase;
  beforeEach(() => {
    made = onFile();
  });
  afterEach(() => made.remove());

  it("[STORE-START-1] is refused with DATABASE_UNREADABLE at start, and with STORE_FAILED later, until it is free", async () => {
    if (made.location.kind !== "sqlite") return expect.unreachable();
    const open = () =>
      openDatabase<ShelfModel>({ location: made.location, definition: SHELF, onFault: () => undefined });
    await (await open()).close();
    const other = new DatabaseSync(made.location.file);
    // Not in WAL mode, where readers go on: as a program that copies or repairs it would.
    other.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    await expect(open()).rejects.toMatchObject({ code: "DATABASE_UNREADABLE" });
    other.exec("COMMIT");
    const database = await open();
    other.exec("BEGIN IMMEDIATE");
    expect(await database.write(put("one"), undefined)).toEqual(refuse("STORE_FAILED"));
    expect(database.health()).toBe("failing");
    other.exec("COMMIT");
    expect(await database.write(put("one"), undefined)).toEqual({ ok: true, name: "one" });
    expect(database.health()).toBe("ok");
    other.close();
    await database.close();
  });
});
