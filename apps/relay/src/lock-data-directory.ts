import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "./start-error.ts";

const SQLITE_BUSY = 5;

/**
 * Takes the data directory (made where it is missing) for this process alone. The lock is the operating system's, on
 * an open file, by way of SQLite: it is gone with the process, however that ends, so there is none to clean up.
 * @returns what gives it back. @throws StartError DATA_DIRECTORY_LOCKED or DATA_DIRECTORY_UNUSABLE
 */
export function lockDataDirectory(directory: string): () => void {
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(directory, "relay.lock"));
    lock.exec("BEGIN EXCLUSIVE");
    return () => lock?.close();
  } catch (cause) {
    lock?.close();
    const busy = cause instanceof Error && "errcode" in cause && Number(cause.errcode) === SQLITE_BUSY;
    if (busy) {
      throw new StartError(
        "DATA_DIRECTORY_LOCKED",
        `Another relay is running on ${directory}. Stop it, or set THICKET_DATA to another directory.`,
      );
    }
    throw new StartError("DATA_DIRECTORY_UNUSABLE", `The data directory ${directory} can't be written to.`, {
      cause,
    });
  }
}
