import type { ClientBase } from "pg";
import type { Model } from "../access.ts";
import type { StoreDefinition } from "../definition.ts";
import { DatabaseStartError } from "../start-error.ts";
import { command, query, type Server } from "./connect.ts";

/** The marker of a schema: whose it is, and its version. */
const MARKER = "thicket_store";
/** Milliseconds: the longest that a timer takes. */
const LONGEST = 2 ** 31 - 1;

/**
 * Checks that the server keeps what it acknowledges and that the schema is this service's, and brings it up to date.
 * Nodes that start together take turns.
 * @throws DatabaseStartError; what was there is left as it was.
 */
export async function makeReady<M extends Model>(
  client: ClientBase,
  server: Server,
  definition: StoreDefinition<M>,
): Promise<void> {
  await checkServer(client, server);
  await command(client, "BEGIN");
  try {
    await query(client, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
      `thicket start ${server.schema}`,
    ]);
    await migrate(client, server, definition);
    await command(client, "COMMIT");
  } catch (error) {
    await command(client, "ROLLBACK");
    throw error;
  }
}

/** Of a connection that was lost and found again: the same schema at the same version, at a server that may be another one. */
export async function checkAgain<M extends Model>(
  client: ClientBase,
  server: Server,
  definition: StoreDefinition<M>,
): Promise<void> {
  await checkServer(client, server);
  await readVersion(client, server, definition);
}

async function checkServer(client: ClientBase, server: Server): Promise<void> {
  const { rows } = await query(
    client,
    `SELECT current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync,
            pg_is_in_recovery() AS standby`,
    [],
  );
  const [found] = rows;
  if (found?.["commit"] !== "on" || found["fsync"] !== "on") {
    throw unreadable(server, "doesn't keep what it acknowledges: synchronous_commit and fsync must be on");
  }
  if (found["standby"] === true) throw unreadable(server, "is a standby, which can't be written to");
}

async function migrate<M extends Model>(
  client: ClientBase,
  server: Server,
  definition: StoreDefinition<M>,
): Promise<void> {
  const { schema } = server;
  const exists = await query(client, "SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  if (exists.rows.length === 0) await command(client, `CREATE SCHEMA ${schema}`);
  const tables = await query(client, "SELECT 1 FROM pg_tables WHERE schemaname = $1 LIMIT 1", [schema]);
  if (tables.rows.length === 0) {
    await command(
      client,
      `CREATE TABLE ${schema}.${MARKER} (service text PRIMARY KEY, version integer NOT NULL)`,
    );
    await query(client, `INSERT INTO ${schema}.${MARKER} (service, version) VALUES ($1, 0)`, [
      definition.name,
    ]);
  }
  const version = await readVersion(client, server, definition);
  // Each takes as long as its tables are large.
  await command(client, "SET LOCAL statement_timeout = 0");
  for (const { postgres } of definition.migrations.slice(version)) await command(client, postgres, LONGEST);
  if (version < definition.migrations.length) {
    await query(client, `UPDATE ${schema}.${MARKER} SET version = $1`, [definition.migrations.length]);
  }
}

/** @throws DatabaseStartError where the schema isn't this service's, or newer. */
export async function readVersion<M extends Model>(
  client: ClientBase,
  server: Server,
  definition: StoreDefinition<M>,
): Promise<number> {
  const { schema } = server;
  const marked = await query(client, "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2", [
    schema,
    MARKER,
  ]);
  if (marked.rows.length === 0) throw unreadable(server, `has a schema ${schema} that is not Thicket's`);
  const { rows } = await query(client, `SELECT service, version FROM ${schema}.${MARKER}`, []);
  const [marker] = rows;
  if (rows.length !== 1 || marker?.["service"] !== definition.name) {
    throw unreadable(server, `has a schema ${schema} that belongs to another service`);
  }
  const version = Number(marker["version"]);
  const known = definition.migrations.length;
  if (version > known) {
    throw new DatabaseStartError(
      "DATABASE_NEWER",
      `The schema ${schema} at ${server.place} was written by a newer version (${version}, this one knows ${known}).`,
    );
  }
  return version;
}

export function unreadable(server: Server, sentence: string, cause?: unknown): DatabaseStartError {
  return new DatabaseStartError("DATABASE_UNREADABLE", `The database ${server.place} ${sentence}.`, {
    cause,
  });
}
