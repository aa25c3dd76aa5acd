import type { DatabaseSync } from "node:sqlite";
import type { Reply } from "@thicket/protocol";
import type { Kysely } from "kysely";
import { type Refusal, refuse } from "../refusal.ts";
import { describeFailure } from "./describe-failure.ts";
import { kyselyOver } from "./kysely-over-node-sqlite.ts";
import type { Schema } from "./schema.ts";

/** What is committed. Nothing reachable from it writes. */
export interface Reader {
  readonly query: Pick<Kysely<Schema>, "selectFrom">;
}

/** The one place from which rows change; only a write under way holds one. */
export interface Transaction extends Reader {
  readonly change: Pick<Kysely<Schema>, "insertInto" | "updateTable" | "deleteFrom">;
}

export interface Database {
  read<R extends Reply<object>>(operation: (reader: Reader) => Promise<R>): Promise<R | Refusal>;
  /** One transaction: a refusal or a failure leaves no trace; a reply that is ok is on the disk. */
  write<R extends Reply<object>>(operation: (tx: Transaction) => Promise<R>): Promise<R | Refusal>;
  /** Finishes what waits and closes. */
  close(): Promise<void>;
}

/**
 * Operations take turns on the one connection, so that none reads what another hasn't committed: accounts are made
 * and asked for seldom. `onFault` is told of errors that a client sees as a code only.
 */
export function createDatabase(connection: DatabaseSync, onFault: (error: unknown) => void): Database {
  const kysely = kyselyOver(connection);
  const transaction: Transaction = { query: kysely, change: kysely };
  let last: Promise<unknown> = Promise.resolve();

  async function writeNow<R extends Reply<object>>(operation: (tx: Transaction) => Promise<R>): Promise<R> {
    connection.exec("BEGIN IMMEDIATE");
    try {
      const reply = await operation(transaction);
      if (reply.ok) connection.exec("COMMIT");
      return reply;
    } finally {
      // After some failures (a full disk) SQLite has already rolled back.
      if (connection.isTransaction) connection.exec("ROLLBACK");
    }
  }

  function inTurn<R extends Reply<object>>(run: () => Promise<R>): Promise<R | Refusal> {
    const next = last.then(run).catch((error: unknown) => {
      onFault(error);
      return refuse(describeFailure(error));
    });
    last = next;
    return next;
  }

  return {
    read: (operation) => inTurn(() => operation(transaction)),
    write: (operation) => inTurn(() => writeNow(operation)),
    async close() {
      await last;
      connection.close();
    },
  };
}
