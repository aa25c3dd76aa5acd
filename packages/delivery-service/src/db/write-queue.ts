import type { DatabaseSync } from "node:sqlite";
import type { Effect, Outcome, Refusal, Success } from "../outcome.ts";
import { refuse } from "../outcome.ts";
import type { Transaction } from "./access.ts";
import { describeFailure } from "./describe-failure.ts";

export type WriteOperation<S extends Success> = (tx: Transaction) => Promise<Outcome<S>>;

export interface WriteQueue {
  /**
   * Runs the operation in the next batch. The promise settles once the batch is on the disk (or has failed).
   * `committed` is called with the reply at that moment, in commit order, before any effect of this or a later
   * operation is told: what it registers misses nothing.
   */
  write<S extends Success>(
    operation: WriteOperation<S>,
    committed?: (reply: S | Refusal) => void,
  ): Promise<S | Refusal>;
  /** Settles once nothing waits any more. */
  drained(): Promise<void>;
}

/** One waiting write. `run` keeps its outcome and gives back a refusal, which is to be rolled back; `settle` is called after the commit, or with the failure of the batch. */
interface Job {
  run(tx: Transaction): Promise<Refusal | undefined>;
  settle(failure: Refusal | undefined): readonly Effect[];
}

export interface WriteQueueOptions {
  database: DatabaseSync;
  transaction: Transaction;
  /** Called to start a batch: lets what arrives together be committed together. */
  defer: (run: () => void) => void;
  emit: (effect: Effect) => void;
  onFault: (error: unknown) => void;
}

/** Bounds what one failing disk write takes with it, and how long a batch holds the first of its requests. */
const BATCH = 128;

/**
 * Group commit: writes that wait are committed by one SQLite transaction, each under its own savepoint, so that a
 * refused or failing one leaves no trace and the others share one flush to the disk.
 */
export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const { database, transaction, defer, emit, onFault } = options;
  const waiting: Job[] = [];
  let running = false;
  let idle: (() => void)[] = [];

  function start(): void {
    if (running) return;
    running = true;
    defer(() => void runBatches());
  }

  async function runBatches(): Promise<void> {
    const batch = waiting.splice(0, BATCH);
    const failure = await runBatch(database, transaction, batch, onFault);
    for (const job of batch) {
      for (const effect of job.settle(failure)) guarded(() => emit(effect), onFault);
    }
    running = false;
    if (waiting.length > 0) return start();
    const settled = idle;
    idle = [];
    for (const resolve of settled) resolve();
  }

  return {
    write: (operation, committed) =>
      new Promise((resolve) => {
        waiting.push(createJob(operation, resolve, committed, onFault));
        start();
      }),
    drained: () =>
      running
        ? new Promise((resolve) => {
            idle.push(resolve);
          })
        : Promise.resolve(),
  };
}

function createJob<S extends Success>(
  operation: WriteOperation<S>,
  resolve: (reply: S | Refusal) => void,
  committed: ((reply: S | Refusal) => void) | undefined,
  onFault: (error: unknown) => void,
): Job {
  // Undefined until it ran: a batch can fail before, or on the way to it.
  let outcome: Outcome<S> | undefined;
  return {
    async run(tx) {
      try {
        outcome = await operation(tx);
      } catch (error) {
        onFault(error);
        outcome = { reply: refuse(describeFailure(error)), effects: [] };
      }
      return outcome.reply.ok ? undefined : outcome.reply;
    },
    settle(failure) {
      // What isn't committed refuses nobody either: EPOCH_STALE may have been for a winner that is no more.
      const reply = failure ?? outcome?.reply ?? refuse("INTERNAL");
      if (committed !== undefined) guarded(() => committed(reply), onFault);
      resolve(reply);
      return reply.ok && outcome !== undefined ? outcome.effects : [];
    },
  };
}

/** -> undefined once committed, else what every request of the batch is answered with. */
async function runBatch(
  database: DatabaseSync,
  transaction: Transaction,
  batch: readonly Job[],
  onFault: (error: unknown) => void,
): Promise<Refusal | undefined> {
  try {
    database.exec("BEGIN IMMEDIATE");
    for (const job of batch) {
      database.exec("SAVEPOINT request");
      const refusal = await job.run(transaction);
      // After some failures (a full disk) SQLite has already rolled everything back.
      if (!database.isTransaction) return refusal ?? refuse("STORE_FAILED");
      if (refusal !== undefined) database.exec("ROLLBACK TO request");
      database.exec("RELEASE request");
    }
    database.exec("COMMIT");
    return undefined;
  } catch (error) {
    onFault(error);
    return refuse(describeFailure(error));
  } finally {
    if (database.isTransaction) guarded(() => database.exec("ROLLBACK"), onFault);
  }
}

function guarded(run: () => void, onFault: (error: unknown) => void): void {
  try {
    run();
  } catch (error) {
    onFault(error);
  }
}
