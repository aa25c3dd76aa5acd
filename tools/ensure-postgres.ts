import { join } from "node:path";
import { findPostgres } from "@thicket/storage/testing";
import { ensureInstalled, printInstalled } from "./ensure-installed.ts";

/** The path of a PostgreSQL server, installed where it is missing and that is permitted. Throws a sentence that says what to do. */
export function ensurePostgres(): string {
  return ensureInstalled({
    name: "PostgreSQL",
    candidates: () => {
      const programs = findPostgres();
      return [programs && join(programs, "postgres")];
    },
    packages: ["postgresql"],
    advice:
      "POSTGRES_MISSING: the server is tested on a real PostgreSQL and none was found. Install it " +
      "(Debian and Ubuntu: sudo apt-get install postgresql; macOS: brew install postgresql), then run the command again.",
  });
}

if (import.meta.main) printInstalled(ensurePostgres);
