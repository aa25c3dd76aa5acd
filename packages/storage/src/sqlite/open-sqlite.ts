import type { DatabaseSync } from "node:sqlite";
import type { Model, Reader, Transaction } from "../access.ts";
import { createPrepare, type StoreDefinition } from "../definition.ts";
import { describeFailure } from "../describe-failure.ts";
import type { Dialect, Health, ReadOperation } from "../dialect.ts";
import { refuse, type Refusal, type Success } from "../outcome.ts";
import { guarded, type Job } from "../write-queue.ts";
import { kyselyOverNodeSqlite } from "./kysely-over-node-sqlite.ts";
import { IN_MEMORY, openReader, openWriter } from "./open-connection.ts";

/** @throws DatabaseStartError */
export function openSqlite<M extends Model>(
  file: string,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
): Dialect<M> {
  return overSqlite(openWriter(file, definition), file, definition, onFault);
}

/** The dialect over a writing connection that is open already. */
export function overSqlite<M extends Model>(
  writer: DatabaseSync,
  file: string,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
): Dialect<M> {
  const prepare = createPrepare(writer);
  const kysely = kyselyOverNodeSqlite<M["schema"]>(writer, prepare);
  const { reads, writes } = definition.hot.sqlite(prepare);
  // One process has the file: nothing to wait for.
  const lock = () => undefined;
  const hot = { ...reads, ...writes };
  const transaction = watched<M>({ query: kysely, change: kysely, hot, lock }, writes);
  // A database in memory has one connection only, so its reads take turns with its writes.
  const reading = file === IN_MEMORY ? undefined : createReading(openReader(file), definition, onFault);
  let health: Health = "ok";
  return {
    async runBatch(batch) {
      const failure = await runBatch(writer, transaction, batch, onFault);
      health = failure === undefined ? "ok" : "failing";
      return batch.map(() => failure);
    },
    read: reading?.read,
    health: () => health,
    async close() {
      await reading?.close();
      if (file !== IN_MEMORY) writer.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      writer.close();
    },
  };
}

/**
 * One SQLite transaction. Nearly every job is accepted, and nearly every other refuses before it writes: so they run
 * without savepoints, which would cost as much as a third of their statements. Where one refuses or fails after it
 * wrote, all are run again, each under its own.
 * -> undefined once committed, else what every request of the batch is answered with.
 */
async function runBatch<M extends Model>(
  database: DatabaseSync,
  transaction: WatchedTransaction<M>,
  batch: readonly Job<M>[],
  onFault: (error: unknown) => void,
): Promise<Refusal | undefined> {
  try {
    if (await runTogether(database, transaction, batch)) return undefined;
    return await runApart(database, transaction.transaction, batch);
  } catch (error) {
    onFault(error);
    return refuse(describeFailure(error));
  } finally {
    if (database.isTransaction) guarded(() => database.exec("ROLLBACK"), onFault);
  }
}

/** -> whether it is committed; else a refused job left something behind, or SQLite has rolled everything back. */
async function runTogether<M extends Model>(
  database: DatabaseSync,
  { transaction, watch }: WatchedTransaction<M>,
  batch: readonly Job<M>[],
): Promise<boolean> {
  database.exec("BEGIN IMMEDIATE");
  for (const job of batch) {
    watch.wrote = false;
    const refusal = await job.run(transaction);
    // After some failures (a full disk) SQLite has already rolled everything back.
    if (!database.isTransaction) return false;
    if (refusal !== undefined && watch.wrote) {
      database.exec("ROLLBACK");
      return false;
    }
  }
  database.exec("COMMIT");
  return true;
}

/** Each job under its own savepoint. -> as {@link runBatch}. */
async function runApart<M extends Model>(
  database: DatabaseSync,
  transaction: Transaction<M>,
  batch: readonly Job<M>[],
): Promise<Refusal | undefined> {
  database.exec("BEGIN IMMEDIATE");
  for (const job of batch) {
    database.exec("SAVEPOINT request");
    const refusal = await job.run(transaction);
    if (!database.isTransaction) return refusal ?? refuse("STORE_FAILED");
    if (refusal !== undefined) database.exec("ROLLBACK TO request");
    database.exec("RELEASE request");
  }
  database.exec("COMMIT");
  return undefined;
}

/** A transaction that says whether anything was written by it since it was last asked. */
interface WatchedTransaction<M extends Model> {
  transaction: Transaction<M>;
  watch: { wrote: boolean };
}

function watched<M extends Model>(plain: Transaction<M>, writes: M["writes"]): WatchedTransaction<M> {
  const watch = { wrote: false };
  const hot: M["reads"] & M["writes"] = { ...plain.hot };
  for (const [name, write] of Object.entries(writes)) {
    Reflect.set(hot, name, (...values: unknown[]): unknown => {
      watch.wrote = true;
      return Reflect.apply(write, writes, values);
    });
  }
  const transaction: Transaction<M> = {
    ...plain,
    hot,
    get change() {
      watch.wrote = true;
      return plain.change;
    },
  };
  return { transaction, watch };
}

function createReading<M extends Model>(
  connection: DatabaseSync,
  definition: StoreDefinition<M>,
  onFault: (error: unknown) => void,
) {
  const prepare = createPrepare(connection);
  const query = kyselyOverNodeSqlite<M["schema"]>(connection, prepare);
  const reader: Reader<M> = { query, hot: definition.hot.sqlite(prepare).reads };
  let last: Promise<unknown> = Promise.resolve();

  async function readNow<S extends Success>(operation: ReadOperation<M, S>): Promise<S | Refusal> {
    try {
      connection.exec("BEGIN");
      return await operation(reader);
    } catch (error) {
      onFault(error);
      return refuse(describeFailure(error));
    } finally {
      if (connection.isTransaction) connection.exec("COMMIT");
    }
  }

  return {
    read: <S extends Success>(operation: ReadOperation<M, S>): Promise<S | Refusal> => {
      const next = last.then(() => readNow(operation));
      last = next;
      return next;
    },
    async close() {
      await last;
      connection.close();
    },
  };
}
