import { Kysely, PostgresDialect } from "kysely";
import type { Pool, QueryResult } from "pg";

export type RunText = (
  text: string,
  values: readonly unknown[],
) => Promise<QueryResult<Record<string, unknown>>>;

/** Kysely over whatever runs a statement; who owns the connection and its transactions is the caller. */
export function kyselyOverPg<Schema>(run: RunText): Kysely<Schema> {
  const client = {
    query: async (text: string, values: readonly unknown[]) => run(text, values),
    release: () => undefined,
  };
  return new Kysely<Schema>({
    dialect: new PostgresDialect({
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kysely asks for no more than these of a pool
      pool: { connect: async () => client, end: async () => undefined } as unknown as Pool,
    }),
  });
}
