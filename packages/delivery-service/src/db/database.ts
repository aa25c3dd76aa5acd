import type { DatabaseSync } from "node:sqlite";
import type { Effect, Refusal, Success } from "../outcome.ts";
import { refuse } from "../outcome.ts";
import type { Reader, Transaction } from "./access.ts";
import { describeFailure } from "./describe-failure.ts";
import { kyselyOver } from "./kysely-over-node-sqlite.ts";
import { IN_MEMORY, openReader, openWriter } from "./open-connection.ts";
import { createPrepare, hotReads, hotWrites } from "./statements.ts";
import { createWriteQueue, type WriteQueue } from "./write-queue.ts";

export type ReadOperation<S extends Success> = (reader: Reader) => Promise<S | Refusal>;

export interface Database {
  /** Runs on a snapshot of what is committed. */
  read<S extends Success>(operation: ReadOperation<S>): Promise<S | Refusal>;
  write: WriteQueue["write"];
  /** Refuses what is new with SHUTTING_DOWN, finishes what waits, and closes. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  file: string;
  defer: (run: () => void) => void;
  emit: (effect: Effect) => void;
  onFault: (error: unknown) => void;
}

/**
 * Opens or makes the database.
 * @throws DatabaseStartError
 */
export function openDatabase({ file, defer, emit, onFault }: DatabaseOptions): Database {
  const writer = openWriter(file);
  const prepare = createPrepare(writer);
  const kysely = kyselyOver(writer, prepare);
  const transaction: Transaction = {
    query: kysely,
    change: kysely,
    hot: { ...hotReads(prepare), ...hotWrites(prepare) },
  };
  const queue = createWriteQueue({ database: writer, transaction, defer, emit, onFault });

  // A database in memory has one connection only, so its reads take turns with its writes.
  const reading = file === IN_MEMORY ? undefined : createReading(openReader(file), onFault);
  let closing = false;
  return {
    async read(operation) {
      if (closing) return refuse("SHUTTING_DOWN");
      return reading === undefined
        ? queue.write(async (tx) => ({ reply: await operation(tx), effects: [] }))
        : reading.read(operation);
    },
    async write(operation, committed) {
      return closing ? refuse("SHUTTING_DOWN") : queue.write(operation, committed);
    },
    async close() {
      if (closing) return;
      closing = true;
      await queue.drained();
      await reading?.close();
      if (file !== IN_MEMORY) writer.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      writer.close();
    },
  };
}

function createReading(connection: DatabaseSync, onFault: (error: unknown) => void) {
  const prepare = createPrepare(connection);
  const reader: Reader = { query: kyselyOver(connection, prepare), hot: hotReads(prepare) };
  let last: Promise<unknown> = Promise.resolve();

  async function readNow<S extends Success>(operation: ReadOperation<S>): Promise<S | Refusal> {
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
    read<S extends Success>(operation: ReadOperation<S>): Promise<S | Refusal> {
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
