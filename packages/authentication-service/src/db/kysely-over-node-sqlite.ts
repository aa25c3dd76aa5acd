import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import type { Schema } from "./schema.ts";

/** Kysely speaks to better-sqlite3's interface; node:sqlite differs only in how parameters are passed. */
export function kyselyOver(connection: DatabaseSync): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        close: () => connection.close(),
        prepare: (sql) => {
          const statement = connection.prepare(sql);
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...parameters.map(bindable)),
            run: (parameters) => statement.run(...parameters.map(bindable)),
            iterate: (parameters) => statement.iterate(...parameters.map(bindable)),
          };
        },
      },
    }),
  });
}

function bindable(value: unknown): SQLInputValue {
  if (value === null || typeof value === "number" || typeof value === "string") return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a ${typeof value} can't be a query parameter`);
}
