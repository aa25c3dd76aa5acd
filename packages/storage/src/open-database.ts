import type { Model } from "./access.ts";
import type { DatabaseLocation, StoreDefinition } from "./definition.ts";
import type { Dialect, Health, ReadOperation } from "./dialect.ts";
import { type Refusal, type Success, refuse } from "./outcome.ts";
import { openPostgres } from "./postgres/open-postgres.ts";
import { openSqlite } from "./sqlite/open-sqlite.ts";
import { createWriteQueue, type WriteQueue, type WriteQueueOptions } from "./write-queue.ts";

export interface Database<M extends Model> {
  /** Runs on a snapshot of what is committed. */
  read<S extends Success>(operation: ReadOperation<M, S>): Promise<S | Refusal>;
  write: WriteQueue<M>["write"];
  health(): Health;
  /** Refuses what is new with SHUTTING_DOWN, finishes what waits, and closes. */
  close(): Promise<void>;
}

export interface DatabaseOptions<M extends Model> {
  location: DatabaseLocation;
  definition: StoreDefinition<M>;
  /**
   * When a batch of waiting writes starts. By default after what is arriving now (setImmediate); a simulation that must
   * replay exactly passes queueMicrotask.
   */
  defer?: ((run: () => void) => void) | undefined;
  emit?: (effect: M["effect"]) => void;
  /** See {@link WriteQueueOptions}. */
  merge?: WriteQueueOptions<M>["merge"];
  /** Told of errors that a client sees as a code only. */
  onFault: (error: unknown) => void;
  /** Told how many writes were committed, or failed, together. */
  onBatch?: ((writes: number) => void) | undefined;
}

/**
 * Opens the database, makes it where there is none, and brings its schema up to date.
 * @throws DatabaseStartError; what was there is left as it was.
 */
export async function openDatabase<M extends Model>(options: DatabaseOptions<M>): Promise<Database<M>> {
  const {
    location,
    definition,
    onFault,
    onBatch,
    defer = setImmediate,
    emit = () => undefined,
    merge,
  } = options;
  const dialect: Dialect<M> =
    location.kind === "sqlite"
      ? openSqlite(location.file, definition, onFault)
      : await openPostgres(location, definition, onFault);
  const queue = createWriteQueue<M>({ runBatch: dialect.runBatch, defer, emit, merge, onFault, onBatch });
  let closing: Promise<void> | undefined;
  return {
    async read(operation) {
      if (closing !== undefined) return refuse("SHUTTING_DOWN");
      if (dialect.read !== undefined) return dialect.read(operation);
      return queue.write(async (tx) => ({ reply: await operation(tx), effects: [] }), undefined);
    },
    async write(operation, plan, committed) {
      return closing === undefined ? queue.write(operation, plan, committed) : refuse("SHUTTING_DOWN");
    },
    health: () => dialect.health(),
    close: () => (closing ??= queue.drained().then(() => dialect.close())),
  };
}
