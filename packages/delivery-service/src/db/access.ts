import type * as storage from "@thicket/storage";
import type { Effect } from "../outcome.ts";
import type { Schema } from "./schema.ts";
import type { HotReads, HotWrites } from "./statements.ts";
import type { Plan } from "./plan.ts";

/** What the Delivery Service keeps, as types. */
export interface DeliveryModel {
  schema: Schema;
  reads: HotReads;
  writes: HotWrites;
  plan: Plan;
  effect: Effect;
}

/** A consistent view of what is committed. Nothing reachable from it writes. */
export type Reader = storage.Reader<DeliveryModel>;
/** The one place from which rows change; only a write operation under way holds one. */
export type Transaction = storage.Transaction<DeliveryModel>;
export type ReadOperation<S extends storage.Success> = storage.ReadOperation<DeliveryModel, S>;
export type WriteOperation<S extends storage.Success> = storage.WriteOperation<DeliveryModel, S>;
