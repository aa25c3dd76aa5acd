import type { Database } from "./database.ts";

/** A failure of the store is taken for gone after this time (ms): with no traffic nothing else would show it. */
const REMEMBERED = 10_000;

export interface WatchedDatabase extends Database {
  /** Whether writes go through: one is tried, and none has failed just now for want of a working store or a full disk. */
  isWriting(): Promise<boolean>;
}

/** The same database, with a memory of failing writes. */
export function watchWrites(database: Database, now: () => number): WatchedDatabase {
  let failedAt: number | undefined;
  return {
    ...database,
    async write(operation, committed) {
      const reply = await database.write(operation, committed);
      if (reply.ok) failedAt = undefined;
      else if (reply.error.code === "DISK_FULL" || reply.error.code === "STORE_FAILED") failedAt = now();
      return reply;
    },
    async isWriting() {
      const tried = await database.write(async (tx) => {
        // Takes the writer's turn and changes nothing: a full disk shows in the writes of others.
        await tx.change.deleteFrom("groups").where("no", "=", -1).execute();
        return { reply: { ok: true }, effects: [] };
      });
      return tried.ok && (failedAt === undefined || Math.abs(now() - failedAt) > REMEMBERED);
    },
  };
}
