import type { Generated } from "kysely";
import { NOTHING_HOT, type StoreDefinition } from "../definition.ts";
import type { WriteOperation } from "../write-queue.ts";
import { refuse } from "../outcome.ts";

/** The smallest service that there can be: things with a name of their own, for tests of the storage itself. */
export interface ShelfModel {
  schema: { things: { no: Generated<number>; name: string; bytes: Uint8Array } };
  reads: object;
  writes: object;
  plan: undefined;
  effect: string;
}

export const SHELF: StoreDefinition<ShelfModel> = {
  name: "thicket_shelf",
  applicationId: 0x54686b53,
  migrations: [
    {
      sqlite:
        "CREATE TABLE things (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;",
      postgres:
        "CREATE TABLE things (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, bytes bytea NOT NULL);",
    },
  ],
  hot: NOTHING_HOT,
};

/** Puts a thing there; a name that is taken is refused. `then` may end the write otherwise: in a refusal, or by throwing. */
export function put(
  name: string,
  size = 1,
  then?: () => void,
): WriteOperation<ShelfModel, { ok: true; name: string }> {
  return async (tx) => {
    const taken = await tx.query
      .selectFrom("things")
      .select("no")
      .where("name", "=", name)
      .executeTakeFirst();
    if (taken !== undefined) return { reply: refuse("GROUP_TAKEN"), effects: [] };
    await tx.change
      .insertInto("things")
      .values({ name, bytes: new Uint8Array(size) })
      .execute();
    if (then === undefined) return { reply: { ok: true, name }, effects: [name] };
    then();
    return { reply: refuse("SEATS_FULL"), effects: [] };
  };
}
