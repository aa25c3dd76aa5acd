import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Awaitable, Model } from "./access.ts";

/** Where a database is. `schema` is PostgreSQL's, `[a-z_][a-z0-9_]*`; by default the service's own name. */
export type DatabaseLocation =
  | { kind: "sqlite"; /** A path, or ":memory:". */ file: string }
  | { kind: "postgres"; url: string; schema?: string };

/** One step of a schema's history, the same tables in both dialects. */
export interface Migration {
  sqlite: string;
  postgres: string;
}

/** What a service keeps, and how. */
export interface StoreDefinition<M extends Model> {
  /** Names the schema in PostgreSQL and marks it as this service's. */
  name: string;
  /** Marks an SQLite file as this service's, so that a mistaken path never alters somebody else's database. */
  applicationId: number;
  /** Migration n brings a database from version n - 1 to n. A published one is never edited, only followed. */
  migrations: readonly Migration[];
  hot: Hot<M>;
}

/**
 * The statements of the hottest paths, by hand for each dialect: on SQLite prepared ones, because kysely costs more
 * than they do; on PostgreSQL a unit of work, because a round trip for each would cost more than everything else.
 */
export interface Hot<M extends Model> {
  sqlite(prepare: Prepare): { reads: M["reads"]; writes: M["writes"] };
  postgres: {
    reads(run: Run): M["reads"];
    batch(statements: BatchStatements): HotBatch<M>;
  };
}

/** Prepares every distinct statement once per connection. */
export type Prepare = (sql: string) => StatementSync;

/** Runs a statement (prepared once per connection) and gives back its rows. Parameters are $1 and so on. */
export type Run = (sql: string, values: readonly unknown[]) => Promise<Record<string, unknown>[]>;

export interface BatchStatements {
  /** For what the batch itself fetches and flushes. Several may be under way: they share a round trip. */
  run: Run;
  /** For a statement in the middle of a write: what is buffered goes to the database before it. */
  read: Run;
  write: Run;
}

/**
 * A batch of writes on PostgreSQL: what they declare is fetched at once, what they read comes from there, what they
 * write waits in two buffers: that of the write under way, and that of those before it.
 */
export interface HotBatch<M extends Model> {
  readonly hot: M["reads"] & M["writes"];
  /**
   * Before a write runs: locks, in one order for all nodes, and fetches what it is about, if that isn't at hand. Whatever
   * the later ones of the batch are about comes with it.
   */
  fetch(plan: M["plan"], later: Iterable<M["plan"]>): Awaitable<void>;
  /** Other statements may have changed what this write is about. */
  forget(plan: M["plan"]): void;
  /** Whether the write under way has something in its buffer. */
  isPending(): boolean;
  /** The write under way was accepted: its buffer is added to that of those before it. */
  keep(): void;
  /** It was refused: its buffer is thrown away. */
  discard(): void;
  /** Writes a buffer to the database. */
  flush(buffer: "own" | "kept"): Awaitable<void>;
}

const nothing = () => undefined;

/** Of a service without hot statements: nothing waits in a buffer. */
export const NOTHING_HOT = {
  sqlite: () => ({ reads: {}, writes: {} }),
  postgres: {
    reads: () => ({}),
    batch: () => ({
      hot: {},
      fetch: nothing,
      forget: nothing,
      isPending: () => false,
      keep: nothing,
      discard: nothing,
      flush: nothing,
    }),
  },
};

/** Room for what is prepared on one connection: kysely makes one text per shape of query, and a list makes many. */
const PREPARED = 500;

export function createPrepare(database: DatabaseSync): Prepare {
  const prepared = new Map<string, StatementSync>();
  return (sql) => {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      if (prepared.size >= PREPARED) prepared.clear();
      prepared.set(sql, statement);
    }
    return statement;
  };
}
