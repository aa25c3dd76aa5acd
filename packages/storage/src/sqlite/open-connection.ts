import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Model } from "../access.ts";
import type { StoreDefinition } from "../definition.ts";
import { DatabaseStartError } from "../start-error.ts";

export const IN_MEMORY = ":memory:";

/** Up to this size (bytes) the entire file is checked at start; above it, only its header, length and schema. */
const CHECKED_ENTIRELY = 64 * 1024 * 1024;
const SQLITE_BUSY = 5;
/** Milliseconds that another program's write is waited for. */
const LOCKED_AT_MOST = 2000;

/** What of a definition says whether a file is ours. */
export type Marks<M extends Model> = Pick<StoreDefinition<M>, "applicationId" | "migrations">;

/**
 * Opens the writing connection and brings its schema up to date; a new or empty file is made ready.
 * @throws DatabaseStartError DATABASE_UNREADABLE (corrupt, truncated, not ours, locked, not permitted) or
 * DATABASE_NEWER; the file is left as it was.
 */
export function openWriter<M extends Model>(file: string, marks: Marks<M>): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // Beside the service, a command of its operator may write for a moment.
    database = new DatabaseSync(file, { timeout: LOCKED_AT_MOST });
    checkFile(database, file, marks);
    // WAL with FULL: a commit that returned is on the disk. Erased key packages are overwritten, not only unlinked.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
      PRAGMA secure_delete = ON;
      PRAGMA journal_size_limit = 67108864;
    `);
    migrate(database, marks);
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    if (error instanceof DatabaseStartError) throw error;
    const sentence = isBusy(error) ? "is locked by another program" : "can't be opened";
    throw new DatabaseStartError("DATABASE_UNREADABLE", `The database ${file} ${sentence}.`, {
      cause: error,
    });
  }
}

/**
 * A connection that only looks, for who examines or copies a file that a relay may have open.
 * @throws DatabaseStartError as {@link openWriter}; an older file is given out as it is, with its version.
 */
export function openToRead<M extends Model>(
  file: string,
  marks: Marks<M>,
): { database: DatabaseSync; version: number } {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    checkMarks(database, file, marks);
    return { database, version: pragma(database, "user_version") };
  } catch (error) {
    if (database?.isOpen === true) database.close();
    if (error instanceof DatabaseStartError) throw error;
    throw new DatabaseStartError("DATABASE_UNREADABLE", `The database ${file} can't be opened.`, {
      cause: error,
    });
  }
}

/** A second connection for reads: it sees what is committed, and nothing of a transaction under way. */
export function openReader(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true });
}

function unreadable(file: string, sentence: string): DatabaseStartError {
  return new DatabaseStartError("DATABASE_UNREADABLE", `The database ${file} ${sentence}.`);
}

function checkMarks<M extends Model>(database: DatabaseSync, file: string, marks: Marks<M>): void {
  const version = pragma(database, "user_version");
  const known = marks.migrations.length;
  const empty = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (!empty && pragma(database, "application_id") !== marks.applicationId) {
    throw unreadable(file, "is not Thicket's");
  }
  if (version > known) {
    throw new DatabaseStartError(
      "DATABASE_NEWER",
      `The database ${file} was written by a newer version (schema ${version}, this one knows ${known}).`,
    );
  }
}

function checkFile<M extends Model>(database: DatabaseSync, file: string, marks: Marks<M>): void {
  checkMarks(database, file, marks);
  if (file === IN_MEMORY) return;
  // Pages that are still in the write-ahead log only make the file shorter than page_count says, so a
  // shorter file is judged by SQLite's own check.
  const length = statSync(file).size;
  if (length <= CHECKED_ENTIRELY) {
    const found = database.prepare("PRAGMA quick_check(1)").get();
    if (found?.["quick_check"] !== "ok") throw unreadable(file, "is damaged");
  }
}

function migrate<M extends Model>(database: DatabaseSync, { migrations, applicationId }: Marks<M>): void {
  for (let version = pragma(database, "user_version"); version < migrations.length; version++) {
    database.exec(`
      BEGIN IMMEDIATE;
      ${migrations[version]?.sqlite}
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${version + 1};
      COMMIT;
    `);
  }
}

function pragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}
