import type { Kysely } from "kysely";

/** The types of what one service keeps: its tables and its ways to them. */
export interface Model {
  /** The tables as kysely sees them. */
  schema: object;
  /** What is read and written so often that it has statements of its own (see {@link Hot}). */
  reads: object;
  writes: object;
  /** What a write declares of itself before it runs: which rows it is about. */
  plan: unknown;
  /** What is told once a write is on the disk. */
  effect: unknown;
}

/** SQLite answers at once; PostgreSQL needs a promise. */
export type Awaitable<T> = T | Promise<T>;

/** A consistent view of what is committed. Nothing reachable from it writes. */
export interface Reader<M extends Model> {
  readonly query: Pick<Kysely<M["schema"]>, "selectFrom">;
  readonly hot: M["reads"];
}

/** The one place from which rows change; only a write operation under way holds one. */
export interface Transaction<M extends Model> extends Reader<M> {
  readonly change: Pick<Kysely<M["schema"]>, "insertInto" | "updateTable" | "deleteFrom">;
  readonly hot: M["reads"] & M["writes"];
  /** Until the transaction ends no other node is past the same call with the same name. */
  lock(name: string): Awaitable<void>;
}
