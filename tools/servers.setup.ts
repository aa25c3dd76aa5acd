import { findPostgres, findRedis, startPostgres, startRedis } from "@thicket/storage/testing";
import type { TestProject } from "vitest/node";

/** Before all tests: the servers that some of them need, where they are installed. Those tests are skipped by name where not. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis] = await Promise.all([
    findPostgres() === undefined ? undefined : startPostgres({ inMemory: true }),
    findRedis() === undefined ? undefined : startRedis(),
  ]);
  project.provide("postgresUrl", postgres?.url);
  project.provide("redisUrl", redis?.url);
  return async () => {
    await Promise.all([postgres?.stop(), redis?.stop()]);
  };
}
