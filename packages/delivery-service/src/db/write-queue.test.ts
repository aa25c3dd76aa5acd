import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Effect } from "../outcome.ts";
import { refused } from "../outcome.ts";
import { deviceFrom, seededRandom } from "../testing/index.ts";
import type { Transaction } from "./access.ts";
import { kyselyOver } from "./kysely-over-node-sqlite.ts";
import { IN_MEMORY, openWriter } from "./open-connection.ts";
import { createPrepare, hotReads, hotWrites } from "./statements.ts";
import { createWriteQueue, type WriteOperation } from "./write-queue.ts";

const device = deviceFrom(seededRandom(1));

function openQueue() {
  const database = openWriter(IN_MEMORY);
  const prepare = createPrepare(database);
  const kysely = kyselyOver(database, prepare);
  const transaction: Transaction = {
    query: kysely,
    change: kysely,
    hot: { ...hotReads(prepare), ...hotWrites(prepare) },
  };
  const batches: string[] = [];
  const emitted: Effect[] = [];
  const faults: unknown[] = [];
  const queue = createWriteQueue({
    database,
    transaction,
    defer: (run) => {
      batches.push("batch");
      setImmediate(run);
    },
    emit: (effect) => emitted.push(effect),
    onFault: (error) => faults.push(error),
  });
  const sizes = () =>
    prepare("SELECT length(bytes) AS size FROM welcome_payloads ORDER BY no")
      .all()
      .map(({ size }) => size);
  return { database, queue, batches, emitted, faults, sizes };
}

/** Inserts so many bytes; `then` ends the write in a refusal, or throws. */
function insert(size: number, then?: () => void): WriteOperation<{ ok: true; size: number }> {
  return async (tx) => {
    await tx.change
      .insertInto("welcome_payloads")
      .values({ bytes: new Uint8Array(size) })
      .execute();
    if (then === undefined) return { reply: { ok: true, size }, effects: [{ kind: "welcome", device }] };
    then();
    return refused("SEATS_FULL");
  };
}

describe("the write queue", () => {
  let test: ReturnType<typeof openQueue>;
  beforeEach(() => {
    test = openQueue();
  });
  afterEach(() => test.database.close());

  it("[DS-BATCH-1] commits what waits together, each write on its own: a refused and a failing one leave no trace", async () => {
    const { queue } = test;
    const bug = new Error("a bug");
    const replies = await Promise.all([
      queue.write(insert(1)),
      queue.write(insert(2, () => undefined)),
      queue.write(
        insert(3, () => {
          throw bug;
        }),
      ),
      queue.write(insert(4)),
    ]);
    expect(replies).toEqual([
      { ok: true, size: 1 },
      { ok: false, error: { code: "SEATS_FULL" } },
      { ok: false, error: { code: "INTERNAL" } },
      { ok: true, size: 4 },
    ]);
    expect(test.sizes()).toEqual([1, 4]);
    expect(test.batches).toEqual(["batch"]);
    expect(test.emitted).toHaveLength(2);
    expect(test.faults).toEqual([bug]);
  });

  it("[DS-BATCH-2] `committed` is called in commit order, after the commit and before the effects", async () => {
    const events: string[] = [];
    const first = test.queue.write(insert(1), (reply) => {
      events.push(`first ${reply.ok} ${test.database.isTransaction} ${test.emitted.length}`);
    });
    const second = test.queue.write(insert(2), () => {
      events.push(`second ${test.emitted.length}`);
    });
    await Promise.all([first, second]);
    expect(events).toEqual(["first true false 0", "second 1"]);
  });

  it("[DS-DURABLE-3] a write that the disk has no room for is answered DISK_FULL and changes nothing; smaller ones go on", async () => {
    const { queue, database } = test;
    await queue.write(insert(100));
    const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
    database.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const [small, large] = await Promise.all([queue.write(insert(200)), queue.write(insert(100_000))]);
    expect(large).toEqual({ ok: false, error: { code: "DISK_FULL" } });
    // What shared its batch was either stored and acknowledged, or neither.
    expect(test.sizes()).toEqual(small.ok ? [100, 200] : [100]);
    expect(await queue.write(insert(300))).toEqual({ ok: true, size: 300 });
    database.exec(`PRAGMA max_page_count = ${pages + 100}`);
    expect(await queue.write(insert(100_000))).toEqual({ ok: true, size: 100_000 });
  });

  it("[DS-BATCH-3] a refusal is told only of what is committed: of a batch that fails all are told of the failure", async () => {
    const { queue, database } = test;
    await queue.write(insert(100));
    const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
    database.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const replies = await Promise.all([
      queue.write(insert(200)),
      // Refused over what the one before has written.
      queue.write(insert(300, () => undefined)),
      queue.write(insert(100_000)),
    ]);
    const codes = replies.map((reply) => (reply.ok ? "OK" : reply.error.code));
    expect(test.sizes()).toEqual(codes[0] === "OK" ? [100, 200] : [100]);
    expect(codes).toEqual(
      codes[0] === "OK" ? ["OK", "SEATS_FULL", "DISK_FULL"] : ["DISK_FULL", "DISK_FULL", "DISK_FULL"],
    );
  });

  it("answers STORE_FAILED when a batch can't be committed, and recovers", async () => {
    const { queue, database } = test;
    database.exec("BEGIN");
    expect(await queue.write(insert(1))).toEqual({ ok: false, error: { code: "STORE_FAILED" } });
    expect(test.emitted).toEqual([]);
    expect(await queue.write(insert(2))).toEqual({ ok: true, size: 2 });
    expect(test.sizes()).toEqual([2]);
  });
});
