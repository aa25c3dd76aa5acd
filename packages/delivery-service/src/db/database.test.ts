import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deliveryRequests, fromHex, LinkId, toHex } from "@thicket/protocol";
import { openDatabase } from "@thicket/storage";
import {
  alter,
  describeOnEachKeptDatabase,
  inMemory,
  inspect,
  type TestDatabase,
} from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { markOf } from "../groups/resend.ts";
import { tokenHash } from "../seats/tokens.ts";
import { createRealDevice, deviceFrom, entryIdFrom, parse, scriptGroup } from "../testing/index.ts";
import { openForTest } from "../testing/open-for-test.ts";
import { DELIVERY } from "./definition.ts";
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

describeOnEachKeptDatabase("a database of the first version", (make, kind) => {
  it("[DS-MIGRATE-1] keeps its groups, seats and entries, and every seat reads what it read", async () => {
    const made = make();
    const [first, second] = MIGRATIONS;
    const b = (hex: string) => (kind === "postgres" ? `'\\x${hex}'::bytea` : `x'${hex}'`);
    const schema = made.location.kind === "postgres" ? made.location.schema : undefined;
    if (schema !== undefined) await alter(made.location, `CREATE SCHEMA ${schema}`);
    await alter(made.location, first?.[kind === "postgres" ? "postgres" : "sqlite"] ?? "");
    const [a, z] = ["aa".repeat(16), "bb".repeat(16)];
    const token = b("01".repeat(32));
    await alter(
      made.location,
      `INSERT INTO groups (no, group_id, head_seq, lowest_seq, acked_seq, received_at)
         VALUES (1, ${b("77".repeat(32))}, 3, 1, 0, 5000);
       INSERT INTO epochs (group_no, branch, epoch, parent_branch, candidate, is_tip, token_hash, seat_count, seats_added, seats_removed)
         VALUES (1, 0, 0, NULL, 1, 0, ${token}, 1, ${b(a)}, ${b("")}),
                (1, 1, 1, 0, 1, 0, ${token}, 2, ${b(z)}, ${b("")}),
                (1, 2, 2, 1, 1, 1, ${token}, 1, ${b("")}, ${b(z)});
       INSERT INTO seats (group_no, seat_id, token_hash, cursor, in_newest, shown_day)
         VALUES (1, ${b(a)}, ${token}, 3, 1, 20000), (1, ${b(z)}, NULL, 1, 0, NULL);
       INSERT INTO seat_changes (group_no, seat_id, branch, holds)
         VALUES (1, ${b(a)}, 0, 1), (1, ${b(z)}, 1, 1), (1, ${b(z)}, 2, 0);
       INSERT INTO entries (group_no, seq, branch, epoch, kind, received_at, bytes)
         VALUES (1, 1, 0, 0, 'commit', 4000, ${b("01")}), (1, 2, 1, 1, 'commit', 4500, ${b("02")}),
                (1, 3, 2, 2, 'application', 5000, ${b("03")});`,
    );
    await alter(made.location, second?.[kind === "postgres" ? "postgres" : "sqlite"] ?? "");
    expect(
      await inspect(
        made.location,
        `SELECT branch, line, removes, held, last_seq, began_at, written_at FROM epochs ORDER BY branch`,
      ).then((rows) => rows.map((row) => Object.values(row).map(Number))),
    ).toEqual([
      [0, 0, 0, 0, 1, 5000, 5000],
      [1, 0, 0, 0, 2, 5000, 5000],
      [2, 0, 1, 0, 3, 5000, 5000],
    ]);
    const seats = await inspect(made.location, "SELECT tips, shown_day, dropped FROM seats ORDER BY seat_id");
    expect(seats.map(({ tips, dropped }) => [Number(tips), Number(dropped)])).toEqual([
      [1, 0],
      [0, 0],
    ]);
    expect(Number(seats[1]?.["shown_day"])).toBeGreaterThan(20_000);
    const changes = await inspect(
      made.location,
      "SELECT line, branch, holds FROM seat_changes ORDER BY seat_id, branch",
    );
    expect(changes.map((row) => Object.values(row).map(Number))).toEqual([
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, 0],
    ]);
    const deltas = await inspect(made.location, "SELECT added, removed FROM epoch_seats ORDER BY branch");
    expect(
      deltas.map(({ added, removed }) =>
        [added, removed].map((value) => Buffer.from(value as Uint8Array).toString("hex")),
      ),
    ).toEqual([
      [a, ""],
      [z, ""],
      ["", z],
    ]);
    await made.remove();
  });
});

describeOnEachKeptDatabase("a database of the third version", (make, kind) => {
  it("[DS-MIGRATE-2] keeps its entries, and their resends are recognised as before", async () => {
    const made = make();
    const b = (bytes: Uint8Array) =>
      kind === "postgres" ? `'\\x${toHex(bytes)}'::bytea` : `x'${toHex(bytes)}'`;
    const third = { ...DELIVERY, migrations: MIGRATIONS.slice(0, 3) };
    await (
      await openDatabase({ location: made.location, definition: third, onFault: () => undefined })
    ).close();
    // Another one is asked nothing: it is only there for the requests to be made.
    const other = await openForTest(inMemory);
    const { groupId, founder, first, device, appendRequest } = scriptGroup(other.operations, other.random);
    const requests = Array.from({ length: 3 }, () => appendRequest(founder, first));
    const rows = requests.map(({ seatId, entryId, kind: of, epoch, branch, bytes }, index) => {
      const mark = markOf(seatId, entryId, [of, epoch, branch, bytes]);
      const [seq, at] = [index + 1, 4000 + index];
      return {
        entry: `(1, ${seq}, 0, 0, '${of}', ${at}, ${b(bytes)})`,
        resend: `(1, ${b(mark.key)}, ${b(mark.digest)}, ${seq}, ${at})`,
      };
    });
    const token = b(tokenHash(first.epochToken));
    await alter(
      made.location,
      `INSERT INTO groups (no, group_id, head_seq, lowest_seq, acked_seq, received_at)
         VALUES (1, ${b(fromHex(groupId))}, 3, 1, 0, 5000);
       INSERT INTO epochs (group_no, branch, epoch, parent_branch, candidate, is_tip, token_hash, seat_count, last_seq)
         VALUES (1, 0, 0, NULL, 1, 1, ${token}, 1, 3);
       INSERT INTO seats (group_no, seat_id, token_hash, cursor, tips, shown_day)
         VALUES (1, ${b(fromHex(founder.seatId))}, ${b(tokenHash(founder.seatToken))}, 0, 1, 20000);
       INSERT INTO seat_changes (group_no, seat_id, line, branch, holds)
         VALUES (1, ${b(fromHex(founder.seatId))}, 0, 0, 1);
       INSERT INTO entries (group_no, seq, branch, epoch, kind, received_at, bytes)
         VALUES ${rows.map(({ entry }) => entry).join(", ")};
       INSERT INTO resends (group_no, key, digest, seq, received_at)
         VALUES ${rows.map(({ resend }) => resend).join(", ")}`,
    );
    const test = await openForTest(made.location);
    const { operations } = test;
    for (const [index, request] of requests.entries()) {
      const answer = { ok: true, seq: index + 1, receivedAt: 4000 + index };
      expect(await operations["group.append"](device, request)).toEqual(answer);
      const changed = { ...request, bytes: appendRequest(founder, first).bytes };
      expect(await operations["group.append"](device, changed)).toEqual({
        ok: false,
        error: { code: "ENTRY_CONFLICT" },
      });
    }
    const next = appendRequest(founder, first);
    expect(await operations["group.append"](device, next)).toMatchObject({ ok: true, seq: 4 });
    const page = await operations["group.read"](
      device,
      parse(deliveryRequests["group.read"].request, { ...founder, groupId, after: 0, limit: 256 }),
    );
    expect(page.ok && page.entries.map(({ bytes }) => toHex(bytes))).toEqual(
      [...requests, next].map(({ bytes }) => toHex(bytes)),
    );
    await test.close();
    await other.close();
    expect(test.faults).toEqual([]);
    await made.remove();
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
    test.connected.anotherSeat = true;
    await group.attach(seat, next.epochToken);
    await group.append(seat, next);
    await group.ack(seat, 2);
    const second = group.newSeat();
    const held = await group.commit(seat, next, {
      add: [second],
      welcomes: [{ bytes: test.random.bytes(64), to }],
    });
    const linkId = parse(LinkId, "ab".repeat(32));
    await group.publishLink(group.founder, held.next, linkId, test.random.bytes(100));
    test.clock.now += 60_000;
    const supersedes = held.reply.ok ? held.reply.seq : undefined;
    const other = await group.commit(group.founder, next, { ...(supersedes && { change: { supersedes } }) });
    expect(other.reply.ok).toBe(true);
    await group.append(seat, next, "note");
    const knocks = [
      { by: "link", linkId, entryId: entryIdFrom(test.random), bytes: test.random.bytes(50) },
      {
        by: "seat",
        ...seat,
        groupId: group.groupId,
        entryId: entryIdFrom(test.random),
        bytes: test.random.bytes(50),
      },
    ] as const;
    for (const knock of knocks) {
      expect(await test.operations["group.knock"](bob.identity, knock)).toEqual({ ok: true });
    }
    await test.service.sweep();
    await test.close();

    const dump = async (tables: string[]) => {
      const rows = await Promise.all(tables.map((table) => inspect(made.location, `SELECT * FROM ${table}`)));
      return rows
        .flat()
        .flatMap((row) => Object.values(row))
        .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)))
        .join(" ");
    };
    const groupTables = ["groups", "epochs", "epoch_seats", "seats", "seat_changes", "entries"];
    groupTables.push("supersedes", "links");
    const deviceTables = ["key_packages", "spent_key_packages", "welcomes", "welcome_payloads"];
    // [BLOB-BLIND-1] is about these.
    const blobTables = ["blobs", "blob_tickets"];
    // The one tie between them: it is erased with the release of a commit's Welcomes.
    expect(await inspect(made.location, "SELECT * FROM welcome_holds")).toEqual([]);
    const all = (await inspect(made.location, LIST_TABLES[kind])).map(({ name }) => String(name));
    const others = ["welcome_holds", ...(kind === "postgres" ? ["thicket_store"] : [])];
    expect(all.toSorted()).toEqual([...groupTables, ...deviceTables, ...blobTables, ...others].toSorted());
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
