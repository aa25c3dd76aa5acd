import { DatabaseSync } from "node:sqlite";
import type { TableDump } from "./find-names.ts";

/** Every table of a SQLite database, read beside whoever has it open. */
export function dumpSqlite(file: string): TableDump[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return names.map(({ name }) => dumpTable(database, String(name)));
  } finally {
    database.close();
  }
}

function dumpTable(database: DatabaseSync, name: string): TableDump {
  const parts: Buffer[] = [];
  for (const row of database.prepare(`SELECT * FROM "${name}"`).iterate()) {
    for (const value of Object.values(row)) {
      parts.push(value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)), SEPARATOR);
    }
  }
  return { name, bytes: Buffer.concat(parts) };
}

const SEPARATOR = Buffer.from([0]);
