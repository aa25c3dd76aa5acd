import type { Model, Reader } from "./access.ts";
import type { Refusal, Success } from "./outcome.ts";
import type { RunBatch } from "./write-queue.ts";

export type ReadOperation<M extends Model, S extends Success> = (reader: Reader<M>) => Promise<S | Refusal>;

/** `failing` from a write that the store couldn't take until the next one that it could. */
export type Health = "ok" | "failing";

/** What a dialect is to the rest. */
export interface Dialect<M extends Model> {
  runBatch: RunBatch<M>;
  /** Undefined where reads take turns with writes. */
  read: (<S extends Success>(operation: ReadOperation<M, S>) => Promise<S | Refusal>) | undefined;
  health: () => Health;
  close: () => Promise<void>;
}
