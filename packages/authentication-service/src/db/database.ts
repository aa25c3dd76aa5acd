import * as storage from "@thicket/storage";
import type { AccountModel, Reader, Transaction } from "./access.ts";
import { ACCOUNTS } from "./definition.ts";

type Operation<A, S extends storage.Success> = (access: A) => Promise<S | storage.Refusal>;

export interface Database {
  read<S extends storage.Success>(operation: Operation<Reader, S>): Promise<S | storage.Refusal>;
  /**
   * One transaction: a refusal or a failure leaves no trace; a reply that is ok is on the disk. The operation may run
   * again where another node was in the way.
   */
  write<S extends storage.Success>(operation: Operation<Transaction, S>): Promise<S | storage.Refusal>;
  health(): storage.Health;
  /** Finishes what waits and closes. */
  close(): Promise<void>;
}

/** @throws DatabaseStartError */
export async function openDatabase(
  options: Pick<storage.DatabaseOptions<AccountModel>, "location" | "defer" | "onFault">,
): Promise<Database> {
  const database = await storage.openDatabase<AccountModel>({ ...options, definition: ACCOUNTS });
  return {
    read: (operation) => database.read(operation),
    write: (operation) =>
      database.write(async (tx) => ({ reply: await operation(tx), effects: [] }), undefined),
    health: () => database.health(),
    close: () => database.close(),
  };
}
