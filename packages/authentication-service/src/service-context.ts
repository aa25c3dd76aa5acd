import type { AsKeyPair } from "./as-key-file.ts";
import type { Database } from "./db/database.ts";

/** What the operations work with. */
export interface ServiceContext {
  database: Database;
  /** Newest first; the first one signs. */
  keys: readonly [AsKeyPair, ...AsKeyPair[]];
  /** Seconds since 1970 UTC. */
  seconds: () => number;
}
