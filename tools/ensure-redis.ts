import { findRedis } from "@thicket/storage/testing";
import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of a Redis server, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensureRedis(): string {
  return ensureInstalled({
    name: "Redis",
    candidates: () => [findRedis()],
    packages: ["redis-server"],
    advice:
      "REDIS_MISSING: several nodes are tested with a real Redis and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install redis-server; macOS: brew install redis), then run the command again.",
  });
}

if (import.meta.main) printInstalled(ensureRedis);
