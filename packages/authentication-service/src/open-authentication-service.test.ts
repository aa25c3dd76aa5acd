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
import {
  alter,
  describeOnEachKeptDatabase,
  inspect,
  describeWithPostgres,
  onPostgres,
} from "@thicket/storage/contract";
import { describe, expect, test } from "vitest";
import {
  DAY,
  NOW,
  newPlace,
  openService,
  type Place,
  person,
  place,
  signUp,
  temporaryDirectory,
} from "./testing/people.ts";

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

const startCode = async (directory: string | Place): Promise<unknown> =>
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
  const service = await openService({ database: { kind: "sqlite", file: ":memory:" } });
  const attestation = await signUp(service, alice);
  expect((await service.checkLogin(await alice.login(attestation), place)).ok).toBe(true);
  expect(existsSync(":memory:")).toBe(false);
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

describeWithPostgres("the AS key of a database on PostgreSQL", () => {
  test("[AS-10] is remembered by the database from the first start: another node needs the same file", async () => {
    const first = newPlace(onPostgres);
    const service = await openService(first);
    const other = { ...first, keyFile: join(temporaryDirectory(), "authentication-key.json") };
    expect(await startCode(other)).toBe("AS_KEY_LOST");
    expect(existsSync(other.keyFile)).toBe(false);
    copyFileSync(first.keyFile ?? "", other.keyFile);
    const second = await openService(other);
    expect(second.asKeys).toEqual(service.asKeys);
    const attestation = await signUp(service, alice);
    expect((await second.checkLogin(await alice.login(attestation), place)).ok).toBe(true);
    rmSync(other.keyFile);
    expect(await startCode(other)).toBe("AS_KEY_LOST");
  });

  test("[AS-10] of nodes that start together for the first time, each with a key of its own, one wins", async () => {
    const { database } = newPlace(onPostgres);
    const codes = await Promise.all(
      Array.from({ length: 4 }, () =>
        startCode({ database, keyFile: join(temporaryDirectory(), "authentication-key.json") }),
      ),
    );
    expect(codes.map(String).toSorted()).toEqual(["AS_KEY_LOST", "AS_KEY_LOST", "AS_KEY_LOST", "started"]);
    expect(await inspect(database, "SELECT 1 FROM as_keys")).toHaveLength(1);
  });

  test("[AS-14] the chain stays whole while two nodes renew one account and sign up one handle", async () => {
    const at = newPlace(onPostgres);
    let now = NOW;
    const nodes = [
      await openService(at, { now: () => now * 1000 }),
      await openService(at, { now: () => now * 1000 }),
    ] as const;
    await signUp(nodes[0], alice);
    const bobAtBoth = await Promise.all(
      nodes.map(async (node) => node.register(await bob.request(), place.nonce)),
    );
    expect(bobAtBoth.map(({ ok }) => ok)).toEqual([true, true]);
    expect(bobAtBoth[0]).toEqual(bobAtBoth[1]);
    for (let round = 0; round < 5; round++) {
      now += 2 * DAY;
      const renewed = await Promise.all([...nodes, ...nodes].map((node) => node.renew(alice)));
      expect(
        new Set(renewed.map((reply) => reply.ok && Buffer.from(reply.attestation).toString("hex"))).size,
      ).toBe(1);
    }
    const rows = await inspect(at.database, "SELECT seq FROM events ORDER BY user_id, seq");
    expect(rows.map(({ seq }) => Number(seq)).toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 4, 5, 6, 7]);
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

describeOnEachKeptDatabase("the history of an account", (make, where) => {
  test("[AS-14] holds every attestation and device, each hash over the one before", async () => {
    let now = NOW;
    const here = newPlace(make);
    const service = await openService(here, { now: () => now * 1000 });
    const first = await signUp(service, alice);
    await signUp(service, bob);
    now += 40 * DAY;
    const renewed = await service.renew(alice);
    if (!renewed.ok) return expect.unreachable();
    await service.close();

    const rows = await inspect(
      here.database,
      `SELECT seq, kind, at, body, hash FROM events WHERE user_id = '${alice.userId}' ORDER BY seq`,
    );
    const expected: [number, number, Uint8Array][] = [
      [1, NOW, first],
      [2, NOW, alice.deviceCertificate],
      [1, now, renewed.attestation],
    ];
    let previous = Buffer.alloc(32);
    expected.forEach(([kind, at, body], index) => {
      previous = chained(index + 1, kind, at, body, previous);
      const row = rows[index];
      expect([row?.["seq"], row?.["kind"], row?.["at"]].map(Number)).toEqual([index + 1, kind, at]);
      expect(row?.["body"]).toEqual(Uint8Array.from(body));
      expect(row?.["hash"]).toEqual(Uint8Array.from(previous));
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
    const here = newPlace(make);
    const service = await openService(here);
    await signUp(service, alice);
    await service.close();
    await expect(alter(here.database, "DELETE FROM events")).rejects.toThrow("kept");
    await expect(alter(here.database, "UPDATE events SET at = 0")).rejects.toThrow("stand");
    if (where === "postgres") await expect(alter(here.database, "TRUNCATE events")).rejects.toThrow("kept");
    expect(await inspect(here.database, "SELECT 1 FROM events")).toHaveLength(2);
  });
});
