import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";
import type { HotReads, HotWrites } from "./statements.ts";

/** A consistent view of what is committed. Nothing reachable from it writes. */
export interface Reader {
  readonly query: Pick<Kysely<Schema>, "selectFrom">;
  readonly hot: HotReads;
}

/** The one place from which rows change; only a write operation under way holds one. */
export interface Transaction extends Reader {
  readonly change: Pick<Kysely<Schema>, "insertInto" | "updateTable" | "deleteFrom">;
  readonly hot: HotReads & HotWrites;
}
