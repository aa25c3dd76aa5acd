export type { Awaitable, Model, Reader, Transaction } from "./access.ts";
export type {
  BatchStatements,
  DatabaseLocation,
  Hot,
  HotBatch,
  Migration,
  Prepare,
  Run,
  StoreDefinition,
} from "./definition.ts";
export { NOTHING_HOT } from "./definition.ts";
export { copyDatabase } from "./sqlite/copy-database.ts";
export { examineDatabase, type Finding } from "./examine-database.ts";
export type { Health, ReadOperation } from "./dialect.ts";
export { type Database, type DatabaseOptions, openDatabase } from "./open-database.ts";
export { type Outcome, type Refusal, refuse, type Success } from "./outcome.ts";
export { type DatabaseStartCode, DatabaseStartError } from "./start-error.ts";
export type { WriteOperation } from "./write-queue.ts";
