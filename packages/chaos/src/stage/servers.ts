import {
  findPostgres,
  findRedis,
  startPostgres,
  startRedis,
  type TestServer,
} from "@thicket/storage/testing";
import type { Disk } from "./disk.ts";

/** What several nodes share. */
export interface Servers {
  readonly postgres: TestServer;
  readonly redis: TestServer;
  dispose(): Promise<void>;
}

/** What is missing on this machine for a run on several nodes; undefined where nothing is. */
export function missingServers(): string | undefined {
  const missing = [
    ...(findPostgres() === undefined ? ["PostgreSQL"] : []),
    ...(findRedis() === undefined ? ["Redis"] : []),
  ];
  return missing.length === 0 ? undefined : `${missing.join(" and ")} not installed`;
}

/** PostgreSQL keeps its files on the disk that can be made full. */
export async function startServers(disk: Disk): Promise<Servers> {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = disk.directory;
  try {
    const postgres = await startPostgres();
    const redis = await startRedis();
    // Up to its first wait a kill is done at once: enough for an end without a goodbye.
    const end = () => {
      void redis.kill();
      void postgres.kill();
    };
    process.once("exit", end);
    return {
      postgres,
      redis,
      async dispose() {
        process.off("exit", end);
        await redis.kill();
        await postgres.kill();
      },
    };
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}
