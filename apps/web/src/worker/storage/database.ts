import { StoreError } from "@thicket/client";
import { type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { createAccountKey } from "./seal-row.ts";
import { storeFailure } from "./store-failure.ts";
import { TABLE_NAMES } from "./tables.ts";

/** The object stores beside the client's tables. */
export const RECORD_KEYS = "record-keys";
export const META = "meta";

/** Rows of META: the account key while no lock is set, and the fencing counter. */
const ACCOUNT_KEY = "accountKey";
export const FENCE = "fence";

export type Database = IDBPDatabase;
type Migration = (
  database: Database,
  transaction: IDBPTransaction<unknown, string[], "versionchange">,
) => void;

const FIRST_STORES = [
  META,
  RECORD_KEYS,
  "account",
  "contacts",
  "keyPackages",
  "groups",
  "cursors",
  "groupPublic",
  "groupSecrets",
  "pastEpochs",
  "stagedCommits",
  "intents",
  "outbox",
  "conversations",
  "timeline",
  "timelineIds",
  "acts",
];

/**
 * The database's version is the number of migrations run: append, never change one that was released.
 * IndexedDB itself refuses to open a database of a higher version, so none ever runs backwards.
 */
export const MIGRATIONS: readonly Migration[] = [
  (database) => {
    for (const name of FIRST_STORES) database.createObjectStore(name);
  },
];

export interface OpenDatabase {
  database: Database;
  accountKey: CryptoKey;
  /** This opening's fencing counter: higher than that of any opening before. */
  term: number;
}

/**
 * Opens the account's database as its one writer; makes it where there is none.
 * Throws StoreError: STORE_UNAVAILABLE (refused by the browser), STORE_NEWER, STORE_QUOTA, or STORE_UNREADABLE where
 * rows are left but the key that opens them is gone.
 */
export async function openDatabase(name: string, lost: () => void): Promise<OpenDatabase> {
  let database: Database;
  try {
    database = await openDB(name, MIGRATIONS.length, {
      upgrade(upgraded, from, _to, transaction) {
        for (const migration of MIGRATIONS.slice(from)) migration(upgraded, transaction);
      },
      // A newer version of the app wants to migrate. It was elected, so whoever holds this connection no longer is.
      blocking(_current, _wanted, event) {
        if (event.target instanceof IDBDatabase) event.target.close();
        lost();
      },
      terminated: lost,
    });
  } catch (error) {
    throw storeFailure(error);
  }
  try {
    const accountKey = await readAccountKey(database);
    return { database, accountKey, term: await raiseFence(database) };
  } catch (error) {
    database.close();
    throw storeFailure(error);
  }
}

async function readAccountKey(database: Database): Promise<CryptoKey> {
  const stored: unknown = await database.get(META, ACCOUNT_KEY);
  if (stored instanceof CryptoKey) return stored;
  if (stored !== undefined || (await holdsRows(database))) throw new StoreError("STORE_UNREADABLE");
  const made = await createAccountKey();
  const transaction = database.transaction(META, "readwrite", { durability: "strict" });
  // Another tab may have been as quick: the first key stays, since rows may already depend on it.
  const raced: unknown = await transaction.store.get(ACCOUNT_KEY);
  if (raced === undefined) await transaction.store.put(made, ACCOUNT_KEY);
  await transaction.done;
  return raced instanceof CryptoKey ? raced : made;
}

async function holdsRows(database: Database): Promise<boolean> {
  const names = [RECORD_KEYS, ...TABLE_NAMES];
  const transaction = database.transaction(names, "readonly");
  const counts = await Promise.all(names.map((name) => transaction.objectStore(name).count()));
  return counts.some((count) => count > 0);
}

async function raiseFence(database: Database): Promise<number> {
  const transaction = database.transaction(META, "readwrite", { durability: "strict" });
  const before: unknown = await transaction.store.get(FENCE);
  const term = (typeof before === "number" ? before : 0) + 1;
  await transaction.store.put(term, FENCE);
  await transaction.done;
  return term;
}
