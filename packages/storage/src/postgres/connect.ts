import {
  type ClientBase,
  type ClientConfig,
  type CustomTypesConfig,
  DatabaseError,
  type QueryResult,
  types,
} from "pg";
import { BatchEnded, StatementFailure } from "../describe-failure.ts";
import type { DatabaseLocation } from "../definition.ts";
import { DatabaseStartError } from "../start-error.ts";

export type PostgresLocation = Extract<DatabaseLocation, { kind: "postgres" }>;

/** Where to connect, and as what. */
export interface Server {
  config: ClientConfig;
  schema: string;
  /** For sentences: host and database, without user and password. */
  place: string;
}

const SECOND = 1000;
/**
 * Of every connection. An acknowledgement means that it is on the disk. Every query of ours has an index; with the
 * estimates of a table that was empty a moment ago the planner would rather read all of it, and keep to that plan
 * while it grows. What waits for a lock or has been left open ends, so that a node that hangs can't halt the others.
 */
const SETTINGS = {
  synchronous_commit: "on",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
  lock_timeout: "10s",
  statement_timeout: "30s",
  idle_in_transaction_session_timeout: "30s",
  client_min_messages: "warning",
};

/** @throws DatabaseStartError DATABASE_UNREADABLE where it isn't an address. */
export function serverOf(location: PostgresLocation, defaultSchema: string): Server {
  const schema = location.schema ?? defaultSchema;
  const url = URL.parse(location.url);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || !/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new DatabaseStartError(
      "DATABASE_UNREADABLE",
      "The database's address must look like postgres://user@host:5432/name.",
    );
  }
  // They would replace ours.
  url.searchParams.delete("options");
  const settings = { search_path: schema, ...SETTINGS };
  return {
    schema,
    place: `${url.host}${url.pathname}`,
    config: {
      connectionString: url.href,
      application_name: "thicket",
      options: Object.entries(settings)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(" "),
      connectionTimeoutMillis: 10 * SECOND,
      // Longer than the server's own, so that only a server that is silent is given up.
      query_timeout: 40 * SECOND,
      keepAlive: true,
      types: { getTypeParser },
    },
  };
}

/** Numbers of 64 bits are counts, seqs and milliseconds: they stay below 2^53. Bytes have a buffer of their own. */
const getTypeParser: CustomTypesConfig["getTypeParser"] = (type, format) => {
  if (format !== "binary" && type === types.builtins.BYTEA) return readBytes;
  if (format !== "binary" && type === types.builtins.INT8) return Number;
  return types.getTypeParser(type, format);
};

function readBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}

/** Names for what is prepared on the server: one for each text, up to so many; further texts are prepared each time. */
const PREPARED = 500;
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  let name = names.get(text);
  if (name === undefined && names.size < PREPARED) {
    name = `thicket_${names.size}`;
    names.set(text, name);
  }
  return name;
}

/**
 * @throws BatchEnded where the connection is lost or another transaction was in the way; StatementFailure where the
 * server refused the statement.
 */
export async function query(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
): Promise<QueryResult<Record<string, unknown>>> {
  const name = nameOf(text);
  try {
    return await client.query<Record<string, unknown>>({
      ...(name === undefined ? {} : { name }),
      text,
      values: [...values],
    });
  } catch (error) {
    throw explain(error);
  }
}

/** Without parameters, and so several statements at once. `timeout` (ms) in place of that of every query. */
export async function command(client: ClientBase, text: string, timeout?: number): Promise<void> {
  try {
    await client.query({ text, ...(timeout !== undefined && { query_timeout: timeout }) });
  } catch (error) {
    throw explain(error);
  }
}

/** Serialization failure, deadlock, and a key that another node has taken in the meantime. */
const AGAIN = new Set(["40001", "40P01", "23505"]);

function explain(error: unknown): unknown {
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const state = error instanceof DatabaseError ? error.code : undefined;
  // Class 08 and 57P: the server is going down or is no longer there. 0A000: a newer node has altered a table under
  // what is prepared on this connection.
  if (state === undefined || state === "0A000" || state.startsWith("08") || state.startsWith("57P")) {
    return new BatchEnded("lost", error);
  }
  return AGAIN.has(state) ? new BatchEnded("again", error) : new StatementFailure(state, error);
}
