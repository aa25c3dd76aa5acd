import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fromHex } from "@thicket/protocol";
import { describe, expect, test } from "vitest";
import { createDatabase } from "./db/database.ts";
import { openConnection } from "./db/open-connection.ts";
import { IN_MEMORY } from "./index.ts";
import { DAY, NOW, openService, person, place, signUp, temporaryDirectory } from "./testing/people.ts";

const alice = await person("alice");
const bob = await person("bobby");
const databaseOf = (directory: string) => join(directory, "authentication.sqlite");
const keyOf = (directory: string) => join(directory, "authentication-key.json");

/** A directory in which alice has an account, with nothing open. */
async function usedDirectory(): Promise<{ directory: string; attestation: Uint8Array }> {
  const directory = temporaryDirectory();
  const service = await openService(directory);
  const attestation = await signUp(service, alice);
  await service.close();
  return { directory, attestation };
}

const startCode = async (directory: string): Promise<unknown> =>
  openService(directory).then(
    () => "started",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );

const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

test("[AS-9] accounts, devices and the key outlast a restart", async () => {
  const { directory, attestation } = await usedDirectory();
  const service = await openService(directory);
  expect(await service.lookup({ handle: "alice" })).toMatchObject({
    ok: true,
    userId: alice.userId,
    attestation,
  });
  expect((await service.checkLogin(await alice.login(attestation), place)).ok).toBe(true);
  expect(await service.register(await alice.request(), place.nonce)).toEqual({ ok: true, attestation });
});

test("[AS-9] an account that was acknowledged is there though nobody closed the database", async () => {
  const directory = temporaryDirectory();
  const service = await openService(directory);
  const attestation = await signUp(service, alice);
  // What a killed process leaves: the files as they are at this moment.
  const left = temporaryDirectory();
  for (const name of ["authentication.sqlite", "authentication.sqlite-wal", "authentication-key.json"]) {
    if (existsSync(join(directory, name))) copyFileSync(join(directory, name), join(left, name));
  }
  const after = await openService(left);
  expect(await after.lookup({ handle: "alice" })).toMatchObject({ ok: true, attestation });
});

test("in memory it works alike and leaves nothing", async () => {
  const service = await openService(IN_MEMORY);
  const attestation = await signUp(service, alice);
  expect((await service.checkLogin(await alice.login(attestation), place)).ok).toBe(true);
  expect(existsSync(IN_MEMORY)).toBe(false);
});

describe("the AS key", () => {
  test("[AS-10] is in a file of its own that only its owner may read, and not in the database", async () => {
    const { directory } = await usedDirectory();
    expect(statSync(keyOf(directory)).mode & 0o777).toBe(0o600);
    const [seed] = JSON.parse(readFileSync(keyOf(directory), "utf8")).seeds;
    const database = readFileSync(databaseOf(directory));
    expect(database.includes(Buffer.from(seed, "hex"))).toBe(false);
    expect(database.includes(seed)).toBe(false);
  });

  test("[AS-10] without it accounts are not served, and no other takes its place", async () => {
    const { directory } = await usedDirectory();
    const kept = readFileSync(keyOf(directory));
    rmSync(keyOf(directory));
    expect(await startCode(directory)).toBe("AS_KEY_LOST");
    expect(existsSync(keyOf(directory))).toBe(false);
    writeFileSync(keyOf(directory), kept);
    expect(await startCode(directory)).toBe("started");
  });

  test("[AS-10] another server's key is not taken for it", async () => {
    const { directory } = await usedDirectory();
    const other = temporaryDirectory();
    await (await openService(other)).close();
    copyFileSync(keyOf(other), keyOf(directory));
    expect(await startCode(directory)).toBe("AS_KEY_LOST");
  });

  test.each([
    "",
    "{}",
    "null",
    '{"version":1,"seeds":[]}',
    '{"version":1,"seeds":["00"]}',
    '{"version":2,"seeds":[]}',
  ])("[AS-10] a key file that says %j is left as it is, with or without accounts", async (text) => {
    const { directory } = await usedDirectory();
    for (const folder of [directory, temporaryDirectory()]) {
      writeFileSync(keyOf(folder), text);
      expect(await startCode(folder)).toBe("AS_KEY_LOST");
      expect(readFileSync(keyOf(folder), "utf8")).toBe(text);
    }
  });

  test("without accounts a lost key is replaced by a new one", async () => {
    const directory = temporaryDirectory();
    const first = await openService(directory);
    await first.close();
    rmSync(keyOf(directory));
    const second = await openService(directory);
    expect(second.asKeys).toHaveLength(1);
    expect(second.asKeys).not.toEqual(first.asKeys);
    await signUp(second, alice);
    await second.close();
    expect(await startCode(directory)).toBe("started");
  });

  test("[AS-11] after a rotation the new one signs and the old one still counts", async () => {
    const { directory, attestation } = await usedDirectory();
    const file = JSON.parse(readFileSync(keyOf(directory), "utf8"));
    writeFileSync(keyOf(directory), JSON.stringify({ version: 1, seeds: ["11".repeat(32), ...file.seeds] }));
    const service = await openService(directory);
    expect(service.asKeys).toHaveLength(2);
    expect((await service.checkLogin(await alice.login(attestation), place)).ok).toBe(true);
    const renewed = await service.renew(alice);
    if (!renewed.ok) return expect.unreachable();
    expect(renewed.attestation).not.toEqual(attestation);
    expect((await service.checkLogin(await alice.login(renewed.attestation), place)).ok).toBe(true);
    await service.close();
    writeFileSync(keyOf(directory), JSON.stringify(file));
    expect(await startCode(directory)).toBe("AS_KEY_LOST");
  });
});

describe("[AS-12] a database that can't be trusted is not opened and not changed", () => {
  const damages: [string, (file: string) => void][] = [
    ["text", (file) => writeFileSync(file, "not a database, only some text that is long enough to be read")],
    ["half a file", (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    [
      "a damaged page",
      (file) => {
        const bytes = readFileSync(file);
        bytes.fill(0xa5, 4096, 3 * 4096);
        writeFileSync(file, bytes);
      },
    ],
    [
      "somebody else's database",
      (file) => {
        rmSync(file);
        const other = new DatabaseSync(file);
        other.exec("CREATE TABLE recipes (name TEXT)");
        other.close();
      },
    ],
  ];
  test.each(damages)("%s: DATABASE_UNREADABLE", async (_story, damage) => {
    const { directory } = await usedDirectory();
    damage(databaseOf(directory));
    const before = digest(databaseOf(directory));
    expect(await startCode(directory)).toBe("DATABASE_UNREADABLE");
    expect(digest(databaseOf(directory))).toBe(before);
  });

  test("a folder in its place, or a file in the directory's: DATABASE_UNREADABLE", async () => {
    const directory = temporaryDirectory();
    mkdirSync(databaseOf(directory));
    expect(await startCode(directory)).toBe("DATABASE_UNREADABLE");
    writeFileSync(join(directory, "file"), "");
    expect(await startCode(join(directory, "file"))).toBe("DATABASE_UNREADABLE");
  });

  test("one that a later version wrote: DATABASE_NEWER", async () => {
    const { directory } = await usedDirectory();
    const connection = new DatabaseSync(databaseOf(directory));
    connection.exec("PRAGMA user_version = 99");
    connection.close();
    expect(await startCode(directory)).toBe("DATABASE_NEWER");
  });
});

test("[AS-13] a full disk refuses with DISK_FULL, keeps nothing of it, and goes on once there is room", async () => {
  const directory = temporaryDirectory();
  const connection = openConnection(databaseOf(directory));
  const faults: unknown[] = [];
  const database = createDatabase(connection, (error) => faults.push(error));
  const pages = Number(connection.prepare("PRAGMA page_count").get()?.["page_count"]);
  const keep = (name: string, size: number) =>
    database.write(async ({ change }) => {
      await change
        .insertInto("as_keys")
        .values({ key_id: new TextEncoder().encode(name), public_key: new Uint8Array(size) })
        .execute();
      return { ok: true as const };
    });
  connection.exec(`PRAGMA max_page_count = ${pages}`);
  expect(await keep("large", 100_000)).toEqual({ ok: false, error: { code: "DISK_FULL" } });
  expect(faults).toHaveLength(1);
  connection.exec("PRAGMA max_page_count = 100000");
  expect(await keep("small", 10)).toEqual({ ok: true });
  expect(connection.prepare("SELECT count(*) AS n FROM as_keys").get()).toEqual({ n: 1 });
  await database.close();
});

describe("the history of an account", () => {
  test("[AS-14] holds every attestation and device, each hash over the one before", async () => {
    let now = NOW;
    const directory = temporaryDirectory();
    const service = await openService(directory, { now: () => now * 1000 });
    const first = await signUp(service, alice);
    await signUp(service, bob);
    now += 40 * DAY;
    const renewed = await service.renew(alice);
    if (!renewed.ok) return expect.unreachable();
    await service.close();

    const connection = new DatabaseSync(databaseOf(directory));
    const rows = connection.prepare("SELECT * FROM events WHERE user_id = ? ORDER BY seq").all(alice.userId);
    connection.close();
    const expected: [number, number, Uint8Array][] = [
      [1, NOW, first],
      [2, NOW, alice.deviceCertificate],
      [1, now, renewed.attestation],
    ];
    let previous = Buffer.alloc(32);
    expected.forEach(([kind, at, body], index) => {
      previous = chained(index + 1, kind, at, body, previous);
      const row = rows[index];
      expect(row).toMatchObject({ seq: index + 1, kind, at });
      expect([row?.["body"], row?.["hash"]]).toEqual([Uint8Array.from(body), Uint8Array.from(previous)]);
    });
    expect(rows).toHaveLength(expected.length);
  });

  /** The hash as `append-event.ts` documents it, put together by hand. */
  function chained(seq: number, kind: number, at: number, body: Uint8Array, previous: Buffer) {
    const label = Buffer.from("Thicket 1.0 account event");
    const numbers = Buffer.alloc(13);
    numbers.writeUInt32BE(seq, 0);
    numbers.writeUInt8(kind, 4);
    numbers.writeBigUInt64BE(BigInt(at), 5);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(0x4000 | body.length);
    return createHash("sha256")
      .update(Buffer.of(label.length))
      .update(label)
      .update(fromHex(alice.userId))
      .update(numbers)
      .update(length)
      .update(body)
      .update(previous)
      .digest();
  }

  test("[AS-14] can't be changed or shortened", async () => {
    const { directory } = await usedDirectory();
    const connection = new DatabaseSync(databaseOf(directory));
    expect(() => connection.exec("DELETE FROM events")).toThrow("events are kept");
    expect(() => connection.exec("UPDATE events SET at = 0")).toThrow("events stand");
    connection.close();
  });
});
