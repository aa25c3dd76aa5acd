import { Client } from "pg";
import type { TableDump } from "./find-names.ts";

/** Every table of the services' schemas. */
export async function dumpPostgres(url: string): Promise<TableDump[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ table_schema: string; table_name: string }>(
      `SELECT table_schema, table_name FROM information_schema.tables
       WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    );
    const dumps: TableDump[] = [];
    for (const { table_schema: schema, table_name: name } of tables.rows) {
      const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM "${schema}"."${name}"`);
      const values = rows.flatMap((row) =>
        Object.values(row).flatMap((value) => [toBytes(value), SEPARATOR]),
      );
      // The Authentication Service knows people, that is what it is for; it has a schema of its own.
      if (!schema.includes("authentication")) dumps.push({ name, bytes: Buffer.concat(values) });
    }
    return dumps;
  } finally {
    await client.end();
  }
}

function toBytes(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
}

const SEPARATOR = Buffer.from([0]);
