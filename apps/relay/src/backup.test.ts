import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import { describeWithPostgres, runSql } from "@thicket/storage/contract";
import { findPostgres } from "@thicket/storage/testing";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { readConfig } from "./config.ts";
import { runDoctor } from "./doctor.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";
import { type Connected, signUp } from "./testing/person.ts";

let relay: RelayProcess;
const opened: Connected[] = [];
afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  await relay.dispose();
});

/** A relay in use: alice has a group with a commit, a Welcome that waits, and some entries. */
async function use() {
  await relay.start();
  const alice = await signUp(relay.url, "alice");
  const connection = await alice.openDelivery();
  opened.push(connection);
  const group = scriptGroup(connection.operations, seededRandom(9));
  await group.create();
  const to = [{ ...alice.identity, keyPackageRef: new Uint8Array(32) }];
  const { next } = await group.commit(group.founder, group.first, {
    add: [group.newSeat()],
    welcomes: [{ bytes: new Uint8Array(80), to }],
  });
  for (let index = 0; index < 20; index++)
    expect(await group.append(group.founder, next)).toMatchObject({ ok: true });
  return { alice, group, next };
}

type InUse = Awaited<ReturnType<typeof use>>;

/** Appends one entry after the other until it is stopped. */
function writeOn({ group, next }: InUse) {
  const stopped = new AbortController();
  const writing = (async () => {
    while (!stopped.signal.aborted) await group.append(group.founder, next);
  })();
  return {
    async stop() {
      stopped.abort();
      await writing;
    },
  };
}

/** Alice connects again: her account counts, and her group's log holds at least what it held. */
async function expectAllThere({ alice, group }: InUse, atLeast: number): Promise<void> {
  const connection = await alice.openDelivery();
  opened.push(connection);
  const again = scriptGroup(connection.operations, seededRandom(9));
  expect(again.groupId).toBe(group.groupId);
  const seqs: number[] = await again.readAll(group.founder);
  expect(seqs.length).toBeGreaterThanOrEqual(atLeast);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
  const welcomes = await connection.ask("welcome.list", {});
  expect(welcomes).toMatchObject({ ok: true, welcomes: [{}] });
}

describe("backup", () => {
  beforeEach(async () => {
    relay = await createRelayProcess();
  });

  it("[STORE-BACKUP-1] of a relay in the midst of writing, put in its place, is that relay with all it had acknowledged before", async () => {
    const inUse = await use();
    const backup = join(relay.dataDirectory, "../backup");
    writeFileSync(join(relay.dataDirectory, "blobs", "ab".repeat(32)), randomBytes(5000));
    const writer = writeOn(inUse);
    const page = await inUse.group.readAll(inUse.group.founder);
    expect(await relay.run({}, ["backup", backup])).toEqual({ code: 0, output: "" });
    await writer.stop();
    expect(readdirSync(backup).toSorted()).toEqual([
      "authentication-key.json",
      "authentication.sqlite",
      "blobs",
      "delivery.sqlite",
    ]);
    const [blob, copy] = [relay.dataDirectory, backup].map((place) =>
      readFileSync(join(place, "blobs", "ab".repeat(32))),
    );
    expect(copy).toEqual(blob);
    expect(statSync(backup).mode & 0o777).toBe(0o700);
    await relay.kill();
    rmSync(relay.dataDirectory, { recursive: true });
    renameSync(backup, relay.dataDirectory);
    expect(await relay.run({}, ["doctor"])).toEqual({ code: 0, output: "Nothing is wrong.\n" });
    await relay.start();
    await expectAllThere(inUse, page.length);
  });

  it("[STORE-BACKUP-2] overwrites nothing, and leaves nothing where it fails", async () => {
    await use();
    const there = join(relay.dataDirectory, "../there");
    cpSync(relay.dataDirectory, there, { recursive: true });
    const { code, output } = await relay.run({}, ["backup", there]);
    expect([code, output.split(":")[0]]).toEqual([1, "BACKUP_REFUSED"]);
    const nowhere = join(relay.dataDirectory, "../nowhere");
    const failed = await relay.run({ THICKET_AS_KEY: join(there, "no-key.json") }, ["backup", nowhere]);
    expect([failed.code, failed.output.split(":")[0]]).toEqual([1, "BACKUP_REFUSED"]);
    expect(existsSync(nowhere) || existsSync(`${nowhere}.part`)).toBe(false);
  });
});

describe("the doctor", () => {
  beforeEach(async () => {
    relay = await createRelayProcess();
  });

  it("[STORE-DOCTOR-1] finds nothing while a healthy relay runs, and names what is wrong, changing nothing", async () => {
    await use();
    expect(await relay.run({}, ["doctor"])).toEqual({ code: 0, output: "Nothing is wrong.\n" });
    await relay.stop();
    const whole = join(relay.dataDirectory, "../whole");
    cpSync(relay.dataDirectory, whole, { recursive: true });

    const damages: [code: string, file: string, damage: string | ((path: string) => void)][] = [
      ["LOG_BROKEN", "delivery.sqlite", "DELETE FROM entries WHERE seq = 7"],
      ["LOG_BROKEN", "delivery.sqlite", "UPDATE groups SET head_seq = head_seq + 1"],
      ["TIP_WRONG", "delivery.sqlite", "UPDATE epochs SET is_tip = 1"],
      ["TIP_WRONG", "delivery.sqlite", "UPDATE epochs SET is_tip = 0"],
      ["TIP_WRONG", "delivery.sqlite", "UPDATE groups SET tips = 2"],
      [
        "BRANCH_WITHOUT_COMMIT",
        "delivery.sqlite",
        "UPDATE entries SET kind = 'proposal' WHERE kind = 'commit'",
      ],
      ["WELCOME_WITHOUT_RECEIVER", "delivery.sqlite", "DELETE FROM welcomes"],
      ["REFERENCE_BROKEN", "delivery.sqlite", "PRAGMA foreign_keys = OFF; DELETE FROM groups"],
      ["DATABASE_NEWER", "delivery.sqlite", "PRAGMA user_version = 99"],
      ["DATABASE_UNREADABLE", "delivery.sqlite", "PRAGMA application_id = 1"],
      ["DATABASE_UNREADABLE", "delivery.sqlite", (path) => rmSync(path)],
      [
        "DATABASE_UNREADABLE",
        "delivery.sqlite",
        (path) => writeFileSync(path, "a shopping list ".repeat(50)),
      ],
      [
        "DATABASE_DAMAGED",
        "delivery.sqlite",
        (path) => {
          const bytes = readFileSync(path);
          bytes.fill(0xa5, 4096, 3 * 4096);
          writeFileSync(path, bytes);
        },
      ],
      ["AS_KEY_LOST", "authentication-key.json", (path) => rmSync(path)],
      [
        "AS_KEY_LOST",
        "authentication-key.json",
        (path) => writeFileSync(path, `{"version":1,"seeds":["${"11".repeat(32)}"]}`),
      ],
      ["AS_KEY_LOST", "authentication-key.json", (path) => writeFileSync(path, "{}")],
      [
        "EVENT_CHAIN_BROKEN",
        "authentication.sqlite",
        "DROP TRIGGER events_stand; UPDATE events SET at = at + 1 WHERE seq = 1",
      ],
      [
        "EVENT_CHAIN_BROKEN",
        "authentication.sqlite",
        "DROP TRIGGER events_keep; DELETE FROM events WHERE seq = 1",
      ],
      ["EVENT_CHAIN_BROKEN", "authentication.sqlite", "UPDATE accounts SET attestation = root_key"],
    ];
    for (const [code, file, damage] of damages) {
      rmSync(relay.dataDirectory, { recursive: true });
      cpSync(whole, relay.dataDirectory, { recursive: true });
      const path = join(relay.dataDirectory, file);
      if (typeof damage === "string") alterFile(path, damage);
      else damage(path);
      const before = existsSync(path) && readFileSync(path);
      const exit = await runDoctorHere();
      expect(exit, `${code} by ${String(damage)}`).toMatchObject({
        code: 1,
        output: expect.stringMatching(new RegExp(`^${code}: `, "m")),
      });
      expect(existsSync(path) && readFileSync(path)).toEqual(before);
    }
  });
});

/** As the command does, without the time that a new process takes. */
async function runDoctorHere() {
  let output = "";
  const config = readConfig({ THICKET_DATA: relay.dataDirectory }, "/");
  const code = await runDoctor(config, (line) => {
    output += line;
  });
  return { code, output };
}

function alterFile(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}

describeWithPostgres("a relay on PostgreSQL", () => {
  const made: string[] = [];
  const server = () => inject("postgresUrl") ?? expect.unreachable();
  afterEach(async () => {
    for (const name of made.splice(0)) await runSql(server(), `DROP DATABASE ${name} WITH (FORCE)`);
  });

  async function makeDatabase(): Promise<string> {
    const name = `relay_${randomBytes(8).toString("hex")}`;
    await runSql(server(), `CREATE DATABASE ${name}`);
    made.push(name);
    const url = new URL(server());
    url.pathname = `/${name}`;
    return url.href;
  }

  it("[STORE-BACKUP-1] is itself again from a dump that was taken in the midst of writing, and the doctor says so", async () => {
    const url = await makeDatabase();
    relay = await createRelayProcess({ THICKET_DATABASE: url });
    const inUse = await use();
    const writer = writeOn(inUse);
    const page = await inUse.group.readAll(inUse.group.founder);
    const program = (name: string) => join(findPostgres() ?? "", name);
    const dump = execFileSync(program("pg_dump"), ["--format=custom", url], { maxBuffer: 2 ** 28 });
    await writer.stop();
    expect(await relay.run({}, ["doctor"])).toEqual({ code: 0, output: "Nothing is wrong.\n" });
    const refused = await relay.run({}, ["backup", join(relay.dataDirectory, "../backup")]);
    expect([refused.code, refused.output.split(":")[0]]).toEqual([1, "BACKUP_REFUSED"]);
    await relay.kill();

    const restored = await makeDatabase();
    execFileSync(program("pg_restore"), ["--exit-on-error", "--dbname", restored], { input: dump });
    await runSql(server(), `ALTER DATABASE ${new URL(url).pathname.slice(1)} RENAME TO ${made[0]}_old`);
    await runSql(server(), `ALTER DATABASE ${new URL(restored).pathname.slice(1)} RENAME TO ${made[0]}`);
    made[1] = `${made[0]}_old`;
    expect(await relay.run({}, ["doctor"])).toEqual({ code: 0, output: "Nothing is wrong.\n" });
    await relay.start();
    await expectAllThere(inUse, page.length);
    await relay.stop();

    await runSql(url, "DELETE FROM thicket_delivery.entries WHERE seq = 7");
    const { code, output } = await relay.run({}, ["doctor"]);
    expect([code, output.split(":")[0]]).toEqual([1, "LOG_BROKEN"]);
  });

  it("[STORE-START-1] doesn't start without it, and says so without the password", async () => {
    relay = await createRelayProcess({ THICKET_DATABASE: "postgres://thicket:s3cret@127.0.0.1:1/thicket" });
    const { code, output } = await relay.run();
    expect([code, output.split(":")[0]]).toEqual([1, "DATABASE_UNREADABLE"]);
    expect(output).not.toContain("s3cret");
    const doctor = await relay.run({}, ["doctor"]);
    expect([doctor.code, doctor.output.split(":")[0]]).toEqual([1, "DATABASE_UNREADABLE"]);
  });
});
