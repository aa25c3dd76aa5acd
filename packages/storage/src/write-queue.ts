import type { Model, Transaction } from "./access.ts";
import { BatchEnded, describeFailure } from "./describe-failure.ts";
import { type Outcome, refuse, type Refusal, type Success } from "./outcome.ts";

/** Pure but for the transaction: it may be run again where another node was in the way. */
export type WriteOperation<M extends Model, S extends Success> = (
  tx: Transaction<M>,
) => Promise<Outcome<S, M["effect"]>>;

export interface WriteQueue<M extends Model> {
  /**
   * Runs the operation in the next batch. The promise settles once the batch is on the disk (or has failed).
   * `plan` says what the operation is about. `committed` is called with the reply at that moment, in commit order,
   * before any effect of this or a later operation is told: what it registers misses nothing.
   */
  write<S extends Success>(
    operation: WriteOperation<M, S>,
    plan: M["plan"],
    committed?: (reply: S | Refusal) => void,
  ): Promise<S | Refusal>;
  /** Settles once nothing waits any more. */
  drained(): Promise<void>;
}

/** One waiting write. `run` keeps its outcome and gives back a refusal, which is to be rolled back; `settle` is called after the commit, or with the failure of the batch. */
export interface Job<M extends Model> {
  readonly plan: M["plan"];
  /** Whether somebody begins to listen with its reply. */
  readonly listens: boolean;
  run(tx: Transaction<M>): Promise<Refusal | undefined>;
  settle(failure: Refusal | undefined): readonly M["effect"][];
}

/** -> for each job undefined once it is committed, else what it is answered with. */
export type RunBatch<M extends Model> = (
  batch: readonly Job<M>[],
) => Promise<readonly (Refusal | undefined)[]>;

export interface WriteQueueOptions<M extends Model> {
  runBatch: RunBatch<M>;
  /** Called to start a batch: lets what arrives together be committed together. */
  defer: (run: () => void) => void;
  emit: (effect: M["effect"]) => void;
  /** What is told in place of these effects of one batch, in the order in which they came. By default just these. */
  merge?: ((effects: readonly M["effect"][]) => readonly M["effect"][]) | undefined;
  onFault: (error: unknown) => void;
  onBatch?: ((writes: number) => void) | undefined;
}

/** Bounds what one failing disk write takes with it, and how long a batch holds the first of its requests. */
const BATCH = 128;

/**
 * Group commit: writes that wait share one transaction and one flush to the disk, each on its own within it, so that a
 * refused or failing one leaves no trace.
 */
export function createWriteQueue<M extends Model>(options: WriteQueueOptions<M>): WriteQueue<M> {
  const { runBatch, defer, emit, merge = (all) => all, onFault, onBatch } = options;
  const waiting: Job<M>[] = [];
  let running = false;
  let idle: (() => void)[] = [];

  function start(): void {
    if (running) return;
    running = true;
    defer(() => void runBatches());
  }

  async function runBatches(): Promise<void> {
    const batch = waiting.splice(0, BATCH);
    const failures = await runBatch(batch);
    onBatch?.(batch.length);
    let untold: M["effect"][] = [];
    const tell = () => {
      for (const effect of merge(untold)) guarded(() => emit(effect), onFault);
      untold = [];
    };
    for (const [index, job] of batch.entries()) {
      // Who listens from here on has what came before, and isn't told of it.
      if (job.listens) tell();
      untold.push(...job.settle(failures[index]));
    }
    tell();
    running = false;
    if (waiting.length > 0) return start();
    const settled = idle;
    idle = [];
    for (const resolve of settled) resolve();
  }

  return {
    write: (operation, plan, committed) =>
      new Promise((resolve) => {
        waiting.push(createJob(operation, plan, { resolve, committed, onFault }));
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

function createJob<M extends Model, S extends Success>(
  operation: WriteOperation<M, S>,
  plan: M["plan"],
  told: {
    resolve: (reply: S | Refusal) => void;
    committed: ((reply: S | Refusal) => void) | undefined;
    onFault: (error: unknown) => void;
  },
): Job<M> {
  // Undefined until it ran: a batch can fail before, or on the way to it.
  let outcome: Outcome<S, M["effect"]> | undefined;
  return {
    plan,
    listens: told.committed !== undefined,
    async run(tx) {
      outcome = undefined;
      try {
        outcome = await operation(tx);
      } catch (error) {
        if (error instanceof BatchEnded) throw error;
        told.onFault(error);
        outcome = { reply: refuse(describeFailure(error)), effects: [] };
      }
      return outcome.reply.ok ? undefined : outcome.reply;
    },
    settle(failure) {
      // What isn't committed refuses nobody either: EPOCH_STALE may have been for a winner that is no more.
      const reply = failure ?? outcome?.reply ?? refuse("INTERNAL");
      const { committed } = told;
      if (committed !== undefined) guarded(() => committed(reply), told.onFault);
      told.resolve(reply);
      return reply.ok && outcome !== undefined ? outcome.effects : [];
    },
  };
}

export function guarded(run: () => void, onFault: (error: unknown) => void): void {
  try {
    run();
  } catch (error) {
    onFault(error);
  }
}
