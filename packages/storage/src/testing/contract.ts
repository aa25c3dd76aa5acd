// For vitest: which databases a suite runs on, and a fresh one for each test.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { describe, inject } from "vitest";
import type { DatabaseLocation } from "../definition.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the servers that the tests started; undefined where they aren't installed. */
    postgresUrl: string | undefined;
    redisUrl: string | undefined;
  }
}

export interface TestDatabase {
  location: DatabaseLocation;
  /** Deletes it, once nothing has it open. */
  remove: () => Promise<void>;
}

/** Makes an empty place for a database. */
export type MakeDatabase = () => TestDatabase;

export const inMemory: MakeDatabase = () => ({
  location: { kind: "sqlite", file: ":memory:" },
  remove: async () => undefined,
});

export const onFile: MakeDatabase = () => {
  const directory = mkdtempSync(join(tmpdir(), "thicket-db-"));
  return {
    location: { kind: "sqlite", file: join(directory, "test.sqlite") },
    remove: async () => rmSync(directory, { recursive: true, force: true }),
  };
};

/** A schema of its own at the server that the tests started. */
export const onPostgres = (): TestDatabase & {
  location: { kind: "postgres"; url: string; schema: string };
} => {
  const url = inject("postgresUrl");
  if (url === undefined) throw new Error("PostgreSQL isn't installed: this test should have been skipped");
  const schema = `test_${randomBytes(8).toString("hex")}`;
  return {
    location: { kind: "postgres", url, schema },
    async remove() {
      await runSql(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    },
  };
};

/** The suite once on each database; where PostgreSQL isn't installed, its turn is reported as skipped by its name. */
export function describeOnEachDatabase(name: string, suite: (make: MakeDatabase, kind: Kind) => void): void {
  describe(`${name} on a database in memory`, () => suite(inMemory, "memory"));
  describeOnEachKeptDatabase(name, suite);
}

/** The same without the one that nothing outlives. */
export function describeOnEachKeptDatabase(
  name: string,
  suite: (make: MakeDatabase, kind: "file" | "postgres") => void,
): void {
  describe(`${name} on a database in a file`, () => suite(onFile, "file"));
  describeWithPostgres(`${name} on PostgreSQL`, () => suite(onPostgres, "postgres"));
}

export type Kind = "memory" | "file" | "postgres";

export function describeWithPostgres(name: string, suite: () => void): void {
  describe.skipIf(inject("postgresUrl") === undefined)(name, suite);
}

/** Changes a database past the service, which hasn't got it open. */
export async function alter(location: DatabaseLocation, sql: string): Promise<void> {
  if (location.kind === "postgres") {
    await runSql(location.url, `SET search_path TO ${location.schema ?? "public"}; ${sql}`);
    return;
  }
  const database = new DatabaseSync(location.file);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

/** What stands in a database, past the service that has it open. */
export async function inspect(location: DatabaseLocation, sql: string): Promise<Record<string, unknown>[]> {
  if (location.kind === "postgres") {
    return runSql(location.url, `SET search_path TO ${location.schema ?? "public"}; ${sql}`);
  }
  const database = new DatabaseSync(location.file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** Statements for a test's own eyes. -> the rows of the last one. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const result: unknown = await client.query(sql);
    const last: unknown = Array.isArray(result) ? result.at(-1) : result;
    const rows: unknown = typeof last === "object" && last !== null ? Reflect.get(last, "rows") : [];
    return Array.isArray(rows) ? rows.map(plain) : [];
  } finally {
    await client.end();
  }
}

/** Bytes as they come from SQLite. */
function plain(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? Uint8Array.from(value) : value,
    ]),
  );
}
