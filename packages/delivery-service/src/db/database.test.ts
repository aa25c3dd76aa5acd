import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describeOnEachKeptDatabase, inspect, type TestDatabase } from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRealDevice, deviceFrom, scriptGroup } from "../testing/index.ts";
import { openForTest } from "../testing/open-for-test.ts";
import { MIGRATIONS } from "./migrations.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "thicket-ds-"));
  file = join(directory, "delivery.sqlite");
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a database that can't be opened", () => {
  async function startCode(path = file): Promise<unknown> {
    try {
      const test = await openForTest({ kind: "sqlite", file: path });
      await test.close();
      return "opened";
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    }
  }

  async function filled() {
    const test = await openForTest({ kind: "sqlite", file });
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    for (let index = 0; index < 50; index++) await group.append(group.founder, group.first);
    await test.close();
  }

  it("[DS-START-1] is refused with DATABASE_UNREADABLE and left as it was: no database, cut off, damaged, a folder", async () => {
    writeFileSync(file, "this is a shopping list, and it is quite long ".repeat(30));
    const list = readFileSync(file);
    expect(await startCode()).toBe("DATABASE_UNREADABLE");
    expect(readFileSync(file).equals(list)).toBe(true);
    rmSync(file);

    await filled();
    const whole = readFileSync(file);
    truncateSync(file, whole.length - 3 * 4096);
    const cut = readFileSync(file);
    expect(await startCode()).toBe("DATABASE_UNREADABLE");
    expect(readFileSync(file).equals(cut)).toBe(true);

    const damaged = Buffer.from(whole);
    damaged.fill(0xa5, 4096, 5 * 4096);
    writeFileSync(file, damaged);
    expect(await startCode()).toBe("DATABASE_UNREADABLE");
    expect(readFileSync(file).equals(damaged)).toBe(true);

    writeFileSync(file, whole);
    expect(await startCode()).toBe("opened");

    mkdirSync(join(directory, "folder"));
    expect(await startCode(join(directory, "folder"))).toBe("DATABASE_UNREADABLE");
    expect(await startCode(join(directory, "nowhere", "delivery.sqlite"))).toBe("DATABASE_UNREADABLE");
  });

  it("[DS-START-2] never touches somebody else's database or a newer one", async () => {
    const other = new DatabaseSync(file);
    other.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')");
    other.close();
    const before = readFileSync(file);
    expect(await startCode()).toBe("DATABASE_UNREADABLE");
    expect(readFileSync(file).equals(before)).toBe(true);
    rmSync(file);

    await filled();
    const newer = new DatabaseSync(file);
    newer.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    newer.close();
    expect(await startCode()).toBe("DATABASE_NEWER");
  });
});

describeOnEachKeptDatabase("durability", (make) => {
  let made: TestDatabase;
  beforeEach(() => {
    made = make();
  });
  afterEach(() => made.remove());

  it("[DS-DURABLE-1] everything is there after closing and opening again", async () => {
    const first = await openForTest(made.location);
    const group = scriptGroup(first.operations, first.random);
    await group.create();
    const seat = group.newSeat();
    const to = [{ ...group.device, keyPackageRef: first.random.bytes(32) }];
    const { next } = await group.commit(group.founder, group.first, {
      add: [seat],
      welcomes: [{ bytes: first.random.bytes(50), to }],
    });
    await group.attach(seat, next.epochToken);
    const request = group.appendRequest(seat, next);
    const answer = await first.operations["group.append"](group.device, request);
    expect(answer.ok).toBe(true);
    await first.close();

    const second = await openForTest(made.location);
    const { operations } = second;
    expect(await operations["group.append"](group.device, request)).toEqual(answer);
    const read = { ...seat, groupId: group.groupId, after: group.first.branch, limit: 256 };
    const page = await operations["group.read"](group.device, read);
    expect(page.ok && page.entries.map(({ seq }) => seq)).toEqual([2]);
    const list = await operations["welcome.list"](group.device, {});
    expect(list.ok && list.welcomes).toHaveLength(1);
    await second.close();
  });

  it("[DS-DURABLE-2] kill -9 in the midst of writing loses no acknowledged entry and leaves no half of a batch", async () => {
    const writer = join(import.meta.dirname, "../testing/write-until-killed.ts");
    const child = spawn(process.execPath, [writer, JSON.stringify(made.location)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let acknowledged = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => {
        acknowledged += String(chunk);
        if (acknowledged.split("\n").length > 300) resolve();
      });
    });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;

    const seqs = acknowledged.slice(0, acknowledged.lastIndexOf("\n")).split("\n").map(Number);
    // The same seed as the writer's: the same group and founder.
    const test = await openForTest(made.location, { seed: 42 });
    const group = scriptGroup(test.operations, test.random);
    const stored: number[] = await group.readAll(group.founder);
    expect(stored.length).toBeGreaterThanOrEqual(300);
    expect(stored).toEqual(Array.from({ length: stored.length }, (_, index) => index + 1));
    expect(Math.max(...seqs)).toBeLessThanOrEqual(stored.length);
    await test.close();
  });

  it("[DS-SHUTDOWN-1] what was asked before closing is finished, what is asked after is refused", async () => {
    const test = await openForTest(made.location);
    const group = scriptGroup(test.operations, test.random);
    const created = group.create();
    const pending = Array.from({ length: 300 }, () => group.append(group.founder, group.first));
    const closed = test.close();
    const late = await group.append(group.founder, group.first);
    expect(late).toEqual({ ok: false, error: { code: "SHUTTING_DOWN" } });
    expect(await created).toMatchObject({ ok: true });
    const seqs = (await Promise.all(pending)).map((reply) => reply.ok && reply.seq);
    expect(seqs).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    await closed;
  });
});

const LIST_TABLES = {
  file: "SELECT name FROM sqlite_schema WHERE type = 'table'",
  postgres: "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
};

describeOnEachKeptDatabase("table hygiene", (make, kind) => {
  it("[DS-BLIND-1] group tables hold no user id, device id or key package; inboxes no seat and no group", async () => {
    const made = make();
    const test = await openForTest(made.location);
    const bob = await createRealDevice(test.random, test.as, test.clock.now);
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const invited = deviceFrom(test.random);
    const seat = group.newSeat();
    const to = [
      { ...invited, keyPackageRef: test.random.bytes(32) },
      { ...bob.identity, keyPackageRef: test.random.bytes(32) },
    ];
    const { next } = await group.commit(group.founder, group.first, {
      add: [seat],
      welcomes: [{ bytes: test.random.bytes(64), to }],
    });
    await group.attach(seat, next.epochToken);
    await group.append(seat, next);
    await group.ack(seat, 2);
    await test.close();

    const dump = async (tables: string[]) => {
      const rows = await Promise.all(tables.map((table) => inspect(made.location, `SELECT * FROM ${table}`)));
      return rows
        .flat()
        .flatMap((row) => Object.values(row))
        .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)))
        .join(" ");
    };
    const groupTables = ["groups", "epochs", "seats", "seat_changes", "entries", "resends"];
    const deviceTables = ["key_packages", "spent_key_packages", "welcomes", "welcome_payloads"];
    const all = (await inspect(made.location, LIST_TABLES[kind])).map(({ name }) => String(name));
    const marker = kind === "postgres" ? ["thicket_store"] : [];
    expect(all.toSorted()).toEqual([...groupTables, ...deviceTables, ...marker].toSorted());
    const people = [group.device, invited, bob.identity].flatMap(({ userId, deviceId }) => [
      userId,
      deviceId,
    ]);
    const refs = to.map(({ keyPackageRef }) => Buffer.from(keyPackageRef).toString("hex"));
    const grouped = await dump(groupTables);
    const inboxes = await dump(deviceTables);
    for (const secret of [...people, ...refs]) expect(grouped).not.toContain(secret);
    for (const secret of [group.groupId, seat.seatId, group.founder.seatId]) {
      expect(inboxes).not.toContain(secret);
    }
    expect(grouped).toContain(seat.seatId);
    expect(inboxes).toContain(invited.deviceId);
    await made.remove();
  });
});
