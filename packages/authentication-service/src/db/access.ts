import type * as storage from "@thicket/storage";
import type { Schema } from "./schema.ts";

/** What the Authentication Service keeps, as types. Accounts are made and asked for seldom: kysely does it all. */
export interface AccountModel {
  schema: Schema;
  reads: object;
  writes: object;
  plan: undefined;
  effect: never;
}

/** A consistent view of what is committed. Nothing reachable from it writes. */
export type Reader = storage.Reader<AccountModel>;
/** The one place from which rows change; only a write under way holds one. */
export type Transaction = storage.Transaction<AccountModel>;
