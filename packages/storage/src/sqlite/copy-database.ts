import { closeSync, fsyncSync, openSync } from "node:fs";
import type { Model } from "../access.ts";
import { type Marks, openToRead } from "./open-connection.ts";

/**
 * Copies an SQLite database as it is at this moment into a new file, also while a relay writes to it, and brings the
 * copy to the disk. @throws DatabaseStartError where it can't be read or isn't this service's.
 */
export function copyDatabase<M extends Model>(from: string, to: string, marks: Marks<M>): void {
  const { database } = openToRead(from, marks);
  try {
    database.prepare("VACUUM INTO ?").run(to);
  } finally {
    database.close();
  }
  // SQLite leaves that to whoever needs it.
  const copy = openSync(to, "r");
  try {
    fsyncSync(copy);
  } finally {
    closeSync(copy);
  }
}
