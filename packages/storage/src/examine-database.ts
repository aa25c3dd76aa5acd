import { Client } from "pg";
import type { Model, Reader } from "./access.ts";
import { createPrepare, type DatabaseLocation, type StoreDefinition } from "./definition.ts";
import { command, query, serverOf } from "./postgres/connect.ts";
import { kyselyOverPg } from "./postgres/kysely-over-pg.ts";
import { readVersion, unreadable } from "./postgres/make-ready.ts";
import { kyselyOverNodeSqlite } from "./sqlite/kysely-over-node-sqlite.ts";
import { openToRead } from "./sqlite/open-connection.ts";
import { DatabaseStartError } from "./start-error.ts";

/** What is wrong. Codes are stable; the sentence is for whoever runs the server. */
export interface Finding {
  code: string;
  sentence: string;
}

/**
 * Checks a database and changes nothing, also while a relay has it open: whether it can be read, belongs to this
 * service and version and is whole, and then what the service itself checks on the same snapshot.
 */
export async function examineDatabase<M extends Model>(
  location: DatabaseLocation,
  definition: StoreDefinition<M>,
  examine: (reader: Reader<M>) => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return location.kind === "sqlite"
      ? await examineSqlite(location.file, definition, examine)
      : await examinePostgres(location, definition, examine);
  } catch (error) {
    if (error instanceof DatabaseStartError) return [{ code: error.code, sentence: error.message }];
    throw error;
  }
}

async function examineSqlite<M extends Model>(
  file: string,
  definition: StoreDefinition<M>,
  examine: (reader: Reader<M>) => Promise<Finding[]>,
): Promise<Finding[]> {
  const { database, version } = openToRead(file, definition);
  try {
    database.exec("BEGIN");
    const findings: Finding[] = [];
    const broken = database.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
    if (broken !== "ok") {
      // What the rest would say of it can't be relied on.
      return [
        { code: "DATABASE_DAMAGED", sentence: `The database ${file} is damaged. Restore it from a backup.` },
      ];
    }
    if (database.prepare("PRAGMA foreign_key_check").get() !== undefined) {
      findings.push({
        code: "REFERENCE_BROKEN",
        sentence: `Rows of ${file} point to rows that aren't there.`,
      });
    }
    if (version < definition.migrations.length) return [...findings, behind(file, version)];
    const prepare = createPrepare(database);
    const reader: Reader<M> = {
      query: kyselyOverNodeSqlite<M["schema"]>(database, prepare),
      hot: definition.hot.sqlite(prepare).reads,
    };
    return [...findings, ...(await examine(reader))];
  } finally {
    database.close();
  }
}

async function examinePostgres<M extends Model>(
  location: Extract<DatabaseLocation, { kind: "postgres" }>,
  definition: StoreDefinition<M>,
  examine: (reader: Reader<M>) => Promise<Finding[]>,
): Promise<Finding[]> {
  const server = serverOf(location, definition.name);
  // To read all of a table takes as long as it takes.
  const client = new Client({ ...server.config, query_timeout: 0, statement_timeout: 0 });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw unreadable(server, "can't be reached or doesn't let Thicket in", cause);
  }
  try {
    await command(client, "SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const version = await readVersion(client, server, definition);
    if (version < definition.migrations.length) return [behind(server.place, version)];
    const findings: Finding[] = [];
    const unchecked = await query(
      client,
      "SELECT 1 FROM pg_constraint WHERE connamespace = $1::regnamespace AND NOT convalidated",
      [server.schema],
    );
    if (unchecked.rows.length > 0) {
      const sentence = `The schema ${server.schema} has references that were never checked.`;
      findings.push({ code: "REFERENCE_BROKEN", sentence });
    }
    const run = async (text: string, values: readonly unknown[]) => query(client, text, values);
    const reader: Reader<M> = {
      query: kyselyOverPg<M["schema"]>(run),
      hot: definition.hot.postgres.reads(async (text, values) => (await run(text, values)).rows),
    };
    return [...findings, ...(await examine(reader))];
  } finally {
    await client.end();
  }
}

function behind(place: string, version: number): Finding {
  const sentence = `${place} is of an older version (schema ${version}). The next start brings it up to date.`;
  return { code: "DATABASE_OLDER", sentence };
}
