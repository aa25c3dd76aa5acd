import { DatabaseSync } from "node:sqlite";
import { AuthenticationStartError } from "../start-error.ts";
import { MIGRATIONS } from "./migrations.ts";

/** "ThkA": marks the file as ours, so that a mistaken path never alters somebody else's database. */
const APPLICATION_ID = 0x54686b41;

/**
 * Opens the database and brings its schema up to date; a new or empty file is made ready.
 * @throws AuthenticationStartError DATABASE_UNREADABLE or DATABASE_NEWER; the file is left as it was.
 */
export function openConnection(file: string): DatabaseSync {
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(file);
    check(connection, file);
    // WAL with FULL: a commit that returned is on the disk.
    connection.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
    `);
    migrate(connection);
    return connection;
  } catch (error) {
    if (connection?.isOpen === true) connection.close();
    if (error instanceof AuthenticationStartError) throw error;
    throw new AuthenticationStartError("DATABASE_UNREADABLE", `The database ${file} can't be opened.`, {
      cause: error,
    });
  }
}

function check(connection: DatabaseSync, file: string): void {
  const version = pragma(connection, "user_version");
  if (version > MIGRATIONS.length) {
    throw new AuthenticationStartError(
      "DATABASE_NEWER",
      `The database ${file} was written by a newer version (schema ${version}, this one knows ${MIGRATIONS.length}).`,
    );
  }
  const empty = connection.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (!empty && pragma(connection, "application_id") !== APPLICATION_ID) {
    throw new AuthenticationStartError("DATABASE_UNREADABLE", `The database ${file} is not Thicket's.`);
  }
  if (connection.prepare("PRAGMA quick_check(1)").get()?.["quick_check"] !== "ok") {
    throw new AuthenticationStartError("DATABASE_UNREADABLE", `The database ${file} is damaged.`);
  }
}

function migrate(connection: DatabaseSync): void {
  for (let version = pragma(connection, "user_version"); version < MIGRATIONS.length; version++) {
    connection.exec(`
      BEGIN IMMEDIATE;
      ${MIGRATIONS[version]}
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${version + 1};
      COMMIT;
    `);
  }
}

function pragma(connection: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(connection.prepare(`PRAGMA ${name}`).get()?.[name]);
}
