import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase, type Database } from "./open-database.ts";
import {
  describeOnEachDatabase,
  describeWithPostgres,
  inspect,
  onPostgres,
  runSql,
} from "./testing/contract.ts";
import type { TestDatabase } from "./testing/contract.ts";
import { startPostgres } from "./testing/start-postgres.ts";
import { put, SHELF, type ShelfModel } from "./testing/shelf.ts";
import { refuse } from "./outcome.ts";

/** The shelf on a database of the test's, with a record of what it told. */
async function openShelf(location: TestDatabase["location"]) {
  const batches: string[] = [];
  const told: string[] = [];
  const faults: unknown[] = [];
  const database = await openDatabase<ShelfModel>({
    location,
    definition: SHELF,
    defer: (run) => {
      batches.push("batch");
      setImmediate(run);
    },
    emit: (effect) => told.push(effect),
    onFault: (error) => faults.push(error),
  });
  return { database, batches, told, faults };
}

async function namesIn(database: Database<ShelfModel>): Promise<string[]> {
  const reply = await database.read(async ({ query }) => {
    const rows = await query.selectFrom("things").select("name").orderBy("no").execute();
    return { ok: true as const, names: rows.map(({ name }) => name) };
  });
  if (!reply.ok) throw new Error(reply.error.code);
  return reply.names;
}

describeOnEachDatabase("writes", (make) => {
  let made: TestDatabase;
  let test: Awaited<ReturnType<typeof openShelf>>;
  beforeEach(async () => {
    made = make();
    test = await openShelf(made.location);
  });
  afterEach(async () => {
    await test.database.close();
    await made.remove();
  });

  it("[STORE-BATCH-1] that wait are committed together, each on its own: a refused and a failing one leave no trace", async () => {
    const { database } = test;
    const bug = new Error("a bug");
    const replies = await Promise.all([
      database.write(put("one"), undefined),
      database.write(
        put("two", 1, () => undefined),
        undefined,
      ),
      database.write(
        put("three", 1, () => {
          throw bug;
        }),
        undefined,
      ),
      database.write(put("four"), undefined),
      database.write(put("one"), undefined),
    ]);
    expect(replies).toEqual([
      { ok: true, name: "one" },
      refuse("SEATS_FULL"),
      refuse("INTERNAL"),
      { ok: true, name: "four" },
      refuse("GROUP_TAKEN"),
    ]);
    expect(await namesIn(database)).toEqual(["one", "four"]);
    expect(test.batches[0]).toBe("batch");
    expect(test.told).toEqual(["one", "four"]);
    expect(test.faults).toEqual([bug]);
    expect(database.health()).toBe("ok");
  });

  it("[STORE-BATCH-2] call `committed` in commit order, after the commit and before the effects", async () => {
    const events: string[] = [];
    const note = (name: string) => () => void events.push(`${name} ${test.told.length}`);
    const first = test.database.write(put("first"), undefined, note("first"));
    const second = test.database.write(put("second"), undefined, note("second"));
    await Promise.all([first, second]);
    expect(events).toEqual(["first 0", "second 1"]);
  });

  it("[STORE-BATCH-1] that fail in a statement are refused alone", async () => {
    const { database } = test;
    const broken = database.write(async ({ change }) => {
      await change
        .insertInto("things")
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what no code of ours writes
        .values({ name: null as unknown as string, bytes: new Uint8Array(1) })
        .execute();
      return { reply: { ok: true as const }, effects: [] };
    }, undefined);
    const replies = await Promise.all([
      database.write(put("before"), undefined),
      broken,
      database.write(put("after"), undefined),
    ]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(replies[1]).toEqual(refuse("STORE_FAILED"));
    expect(await namesIn(database)).toEqual(["before", "after"]);
  });

  it("[STORE-BATCH-1] that only read and fail leave the others as they are", async () => {
    const { database } = test;
    const broken = database.write(async ({ query }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a column that isn't there
      await query
        .selectFrom("things")
        .select("nothing" as "name")
        .execute();
      return { reply: { ok: true as const }, effects: [] };
    }, undefined);
    const replies = await Promise.all([
      database.write(put("before"), undefined),
      broken,
      database.write(put("after"), undefined),
    ]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(await namesIn(database)).toEqual(["before", "after"]);
  });

  it("[STORE-READ-1] aren't seen by a read that has begun", async () => {
    const { database } = test;
    await database.write(put("one"), undefined);
    const counts = await database.read(async ({ query }) => {
      const count = async () => (await query.selectFrom("things").select("no").execute()).length;
      const before = await count();
      // In memory there is one connection, and a write waits for the read.
      const write = database.write(put("two"), undefined);
      if (made.location.kind === "postgres" || made.location.file !== ":memory:") await write;
      return { ok: true as const, counts: [before, await count()] };
    });
    expect(counts).toEqual({ ok: true, counts: [1, 1] });
  });

  it("[STORE-CLOSE-1] asked for before closing are finished, asked for after it refused", async () => {
    const pending = Array.from({ length: 300 }, (_, index) =>
      test.database.write(put(`${index}`), undefined),
    );
    const closed = test.database.close();
    expect(await test.database.write(put("late"), undefined)).toEqual(refuse("SHUTTING_DOWN"));
    expect(await test.database.read(async () => ({ ok: true as const }))).toEqual(refuse("SHUTTING_DOWN"));
    expect((await Promise.all(pending)).every(({ ok }) => ok)).toBe(true);
    await closed;
  });
});

describeWithPostgres("several nodes on one PostgreSQL", () => {
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  async function openNodes(count: number) {
    const made = onPostgres();
    opened.push(made.remove);
    // Together, as after a power cut: all of them would make the tables.
    const nodes = await Promise.all(Array.from({ length: count }, () => openShelf(made.location)));
    for (const { database } of nodes) opened.push(() => database.close());
    return { made, nodes };
  }

  it("[STORE-NODES-1] what one has taken the others find taken, at whatever moment they ask", async () => {
    const { nodes } = await openNodes(3);
    const names = Array.from({ length: 60 }, (_, index) => `name ${index}`);
    const replies = await Promise.all(
      nodes.flatMap(({ database }, node) =>
        // Each in another order.
        names.map((_, index) => database.write(put(names[(index * (node + 7)) % 60] ?? ""), undefined)),
      ),
    );
    expect(replies.filter(({ ok }) => ok)).toHaveLength(60);
    expect(replies.filter((reply) => !reply.ok && reply.error.code === "GROUP_TAKEN")).toHaveLength(120);
    for (const { database } of nodes) expect((await namesIn(database)).toSorted()).toEqual(names.toSorted());
    expect(nodes.flatMap(({ told }) => told).toSorted()).toEqual(names.toSorted());
    expect(nodes.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it("[STORE-NODES-2] that wait for each other in a circle both come through", async () => {
    const { nodes } = await openNodes(2);
    let arrived = 0;
    let bothArrived = () => undefined as void;
    const both = new Promise<void>((resolve) => {
      bothArrived = resolve;
    });
    const crossing = (node: number, first: string, second: string) =>
      nodes[node]?.database.write(async (tx) => {
        await tx.lock(first);
        // The first time only: each holds what the other needs.
        if (++arrived === 2) bothArrived();
        await both;
        await tx.lock(second);
        return put(`by ${node}`)(tx);
      }, undefined);
    const replies = await Promise.all([crossing(0, "a", "b"), crossing(1, "b", "a")]);
    expect(replies.map((reply) => reply?.ok)).toEqual([true, true]);
  });

  it("[STORE-LOST-1] a connection that is cut takes only what was under way with it, and health says so", async () => {
    const { made, nodes } = await openNodes(1);
    const [node] = nodes;
    if (node === undefined) return expect.unreachable();
    const { database } = node;
    await database.write(put("before"), undefined);
    const cut = database.write(async (tx) => {
      const outcome = await put("under way")(tx);
      await runSql(
        made.location.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thicket' AND state = 'idle in transaction' AND query LIKE '%things%'",
      );
      return outcome;
    }, undefined);
    const beside = database.write(put("beside"), undefined);
    expect(await Promise.all([cut, beside])).toEqual([refuse("STORE_FAILED"), refuse("STORE_FAILED")]);
    expect(node.told).toEqual(["before"]);
    // It comes back by itself; whoever asks again is served.
    for (;;) {
      const reply = await database.write(put("beside"), undefined);
      if (reply.ok) break;
      expect(reply).toEqual(refuse("STORE_FAILED"));
    }
    expect(database.health()).toBe("ok");
    expect(await namesIn(database)).toEqual(["before", "beside"]);
  });

  it("[STORE-LOST-1] a reading connection that is cut between two statements takes its read with it, and no process", async () => {
    const { made, nodes } = await openNodes(1);
    const [node] = nodes;
    if (node === undefined) return expect.unreachable();
    const { database } = node;
    const reading =
      "FROM pg_stat_activity WHERE application_name = 'thicket' AND state = 'idle in transaction' AND query LIKE '%things%'";
    const cut = await database.read(async ({ query }) => {
      await query.selectFrom("things").select("no").execute();
      await runSql(made.location.url, `SELECT pg_terminate_backend(pid) ${reading}`);
      // Until it is gone: nothing is asked of it at that moment.
      while ((await runSql(made.location.url, `SELECT pid ${reading}`)).length > 0);
      await query.selectFrom("things").select("no").execute();
      return { ok: true as const };
    });
    expect(cut).toEqual(refuse("STORE_FAILED"));
    expect(await namesIn(database)).toEqual([]);
  });
});

describeWithPostgres("a PostgreSQL that can't be used", () => {
  const startCode = async (location: TestDatabase["location"]) => {
    try {
      await (await openShelf(location)).database.close();
      return "opened";
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    }
  };

  it("[STORE-START-1] is refused by name, and what was there is left as it was", async () => {
    const made = onPostgres();
    const { url, schema } = made.location;
    expect(await startCode({ kind: "postgres", url: "postgres://thicket@127.0.0.1:1/postgres" })).toBe(
      "DATABASE_UNREADABLE",
    );
    for (const nonsense of ["", "nonsense", "https://127.0.0.1/", "postgres://"]) {
      expect(await startCode({ kind: "postgres", url: nonsense, schema })).toBe("DATABASE_UNREADABLE");
    }
    expect(await startCode({ kind: "postgres", url, schema: 'a"; DROP TABLE x' })).toBe(
      "DATABASE_UNREADABLE",
    );
    const nobody = new URL(url);
    nobody.username = "nobody";
    expect(await startCode({ kind: "postgres", url: nobody.href, schema })).toBe("DATABASE_UNREADABLE");
    nobody.username = "thicket";
    nobody.pathname = "/nowhere";
    expect(await startCode({ kind: "postgres", url: nobody.href, schema })).toBe("DATABASE_UNREADABLE");

    await runSql(url, `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.recipes (name text)`);
    expect(await startCode(made.location)).toBe("DATABASE_UNREADABLE");
    expect(
      await inspect(made.location, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"),
    ).toEqual([{ tablename: "recipes" }]);
    await made.remove();
  });

  it("[STORE-START-2] one that a newer version or another service wrote isn't touched", async () => {
    const made = onPostgres();
    const { url, schema } = made.location;
    expect(await startCode(made.location)).toBe("opened");
    await runSql(url, `UPDATE ${schema}.thicket_store SET version = 99`);
    expect(await startCode(made.location)).toBe("DATABASE_NEWER");
    await runSql(url, `UPDATE ${schema}.thicket_store SET version = 1, service = 'thicket_other'`);
    expect(await startCode(made.location)).toBe("DATABASE_UNREADABLE");
    await runSql(url, `UPDATE ${schema}.thicket_store SET service = 'thicket_shelf'`);
    expect(await startCode(made.location)).toBe("opened");
    await made.remove();
  });

  it("[STORE-START-4] isn't given up while it is brought up to date, which takes as long as it takes", async () => {
    const made = onPostgres();
    const waits = "CREATE TABLE waits AS SELECT current_setting('statement_timeout') AS longest;";
    const longer = { ...SHELF, migrations: [...SHELF.migrations, { sqlite: "", postgres: waits }] };
    const database = await openDatabase({
      location: made.location,
      definition: longer,
      onFault: () => undefined,
    });
    expect(await inspect(made.location, "SELECT longest FROM waits")).toEqual([{ longest: "0" }]);
    const read = await database.read(async ({ query }) => {
      const row = await query
        .selectFrom("things")
        .select((expression) => [
          expression.fn.countAll().as("count"),
          expression.fn<string>("current_setting", [expression.val("statement_timeout")]).as("longest"),
        ])
        .executeTakeFirstOrThrow();
      return { ok: true as const, longest: row.longest };
    });
    expect(read).toEqual({ ok: true, longest: "30s" });
    await database.close();
    await made.remove();
  });

  it("[STORE-START-3] that would lose what it has acknowledged is refused", async () => {
    const server = await startPostgres({ inMemory: true, settings: { fsync: "off" } });
    try {
      expect(await startCode({ kind: "postgres", url: server.url })).toBe("DATABASE_UNREADABLE");
    } finally {
      await server.stop();
    }
  });

  it("[STORE-START-3] whose default is another one is asked for synchronous commits", async () => {
    const made = onPostgres();
    const database = new URL(made.location.url);
    await runSql(made.location.url, `CREATE DATABASE ${made.location.schema}`);
    database.pathname = `/${made.location.schema}`;
    await runSql(database.href, `ALTER DATABASE ${made.location.schema} SET synchronous_commit = off`);
    const test = await openShelf({ kind: "postgres", url: database.href });
    const reply = await test.database.read(async ({ query }) => {
      const row = await query
        .selectFrom("things")
        .select((expression) => [
          expression.fn.countAll().as("count"),
          expression.fn<string>("current_setting", [expression.val("synchronous_commit")]).as("commit"),
        ])
        .executeTakeFirstOrThrow();
      return { ok: true as const, commit: row.commit };
    });
    expect(reply).toEqual({ ok: true, commit: "on" });
    await test.database.close();
    await runSql(made.location.url, `DROP DATABASE ${made.location.schema}`);
  });
});
