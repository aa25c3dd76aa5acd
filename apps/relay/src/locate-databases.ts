import { join } from "node:path";
import type { DatabaseLocation } from "@thicket/storage";
import type { Config } from "./config.ts";

/** Where both services keep what they keep: two files, or two schemas of one PostgreSQL. */
export function locateDatabases(config: Pick<Config, "dataDirectory" | "databaseUrl">): {
  delivery: DatabaseLocation;
  authentication: DatabaseLocation;
} {
  const { dataDirectory, databaseUrl: url } = config;
  if (url !== undefined)
    return { delivery: { kind: "postgres", url }, authentication: { kind: "postgres", url } };
  return {
    delivery: { kind: "sqlite", file: join(dataDirectory, "delivery.sqlite") },
    authentication: { kind: "sqlite", file: join(dataDirectory, "authentication.sqlite") },
  };
}
