import type { AsKeyPair } from "./as-key-file.ts";
import type { Registration } from "@thicket/protocol";
import type { Database } from "./db/database.ts";

/** What the operations work with. */
export interface ServiceContext {
  database: Database;
  /** Newest first; the first one signs. */
  keys: readonly [AsKeyPair, ...AsKeyPair[]];
  /** Who may sign up. */
  registration: Registration;
  /** Seconds since 1970 UTC. */
  seconds: () => number;
}
