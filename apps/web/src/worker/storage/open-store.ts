import { type Key, type Range, type Row, type Schema, type Store, StoreError } from "@thicket/client";
import type { Table, Write } from "@thicket/client";
import type { IDBPObjectStore, IDBPTransaction } from "idb";
import { FENCE, META, openDatabase, RECORD_KEYS } from "./database.ts";
import { isKey, keyRange } from "./key-range.ts";
import {
  createRecordKey,
  encodeValue,
  isSealedRow,
  isWrappedRecordKey,
  openRecordKey,
  openRow,
  sealRow,
} from "./seal-row.ts";
import type { RecordKey, SealedRow, WrappedRecordKey } from "./seal-row.ts";
import { readFailure, storeFailure } from "./store-failure.ts";
import { scopeOf, TABLES } from "./tables.ts";

export interface OpenStore {
  store: Store;
  /** The fencing counter under which this store writes. */
  term: number;
  close: () => void;
}

/**
 * The Store port on IndexedDB. It is the account's one writer from here on: any store opened earlier fails its next
 * commit with STORE_FENCED. `lost` is called when this one may write no longer (fenced, deleted, or upgraded from
 * under it). Throws StoreError as {@link openDatabase} says.
 */
export async function openStore(options: { name: string; lost: () => void }): Promise<OpenStore> {
  const { database, accountKey, term } = await openDatabase(options.name, options.lost);
  /** By id: an id is never used twice, so what is here can't go stale. */
  const opened = new Map<string, RecordKey>();
  /** By scope, changed only by commits, which run one after another. */
  const current = new Map<string, RecordKey>();
  let commits: Promise<void> = Promise.resolve();

  return {
    term,
    close: () => database.close(),
    store: {
      async get<T extends Table>(table: T, key: Key): Promise<Schema[T] | undefined> {
        const [row] = await read(table, async (rows) => {
          const value: unknown = await rows.get([...key]);
          return value === undefined ? [] : [{ key, value }];
        });
        return row?.value;
      },
      list: <T extends Table>(table: T, range: Range) => read(table, (rows) => collect(rows, range)),
      async commit(writes) {
        // Encoded at once: whoever asked may change its values while this waits for its turn.
        const plain = writes.map((row) => (row.value === undefined ? undefined : encodeValue(row.value)));
        const done = commits.then(() => write(writes, plain));
        commits = done.catch(() => undefined);
        return done;
      },
    },
  };

  async function read<T extends Table>(
    table: T,
    find: (rows: Rows) => Promise<FoundRow[]>,
  ): Promise<Row<T>[]> {
    try {
      const found = await findSealed(table, find);
      const values = await Promise.all(
        found.rows.map(async ({ key, sealed }) => {
          const recordKey = await keyOf(scopeOf(table, key), sealed.keyId, found.wrapped);
          return openRow(recordKey, table, key, sealed);
        }),
      );
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its seal says that it was written to this table
      return found.rows.map(({ key }, index) => ({ key, value: values[index] as Schema[T] }));
    } catch (error) {
      throw readFailure(error);
    }
  }

  /** The rows and, in the same transaction, the wrapped keys that they need. */
  async function findSealed(table: Table, find: (rows: Rows) => Promise<FoundRow[]>) {
    const stores: string[] = [table, RECORD_KEYS];
    const transaction = database.transaction(stores, "readonly");
    const rows = (await find(transaction.objectStore<string>(table))).map(({ key, value }) => {
      if (!isKey(key) || !isSealedRow(value)) throw new StoreError("STORE_UNREADABLE");
      return { key, sealed: value };
    });
    const scopes = new Set(
      rows.filter(({ sealed }) => !opened.has(sealed.keyId)).map(({ key }) => scopeOf(table, key)),
    );
    const wrapped = await readWrapped(transaction, scopes);
    await transaction.done;
    return { rows, wrapped };
  }

  async function keyOf(scope: string, id: string, wrapped: Map<string, WrappedRecordKey>) {
    const known = opened.get(id);
    if (known) return known;
    const stored = wrapped.get(scope);
    if (stored?.id !== id) throw new StoreError("STORE_UNREADABLE");
    const recordKey = await openRecordKey(accountKey, scope, stored);
    opened.set(id, recordKey);
    return recordKey;
  }

  async function write(writes: readonly Write[], plain: readonly (Uint8Array | undefined)[]): Promise<void> {
    if (writes.length === 0) return;
    try {
      // No crypto is awaited inside a transaction (it would close): everything is sealed before it opens.
      const made = new Map<string, { recordKey: RecordKey; wrapped: WrappedRecordKey }>();
      await loadRecordKeys(writes, made);
      const sealed = await Promise.all(
        writes.map(async (row, index) => {
          const value = plain[index];
          if (value === undefined) return undefined;
          const scope = scopeOf(row.table, row.key);
          const recordKey = current.get(scope) ?? made.get(scope)?.recordKey;
          if (!recordKey) throw new Error("a record key was not loaded");
          return sealRow(recordKey, row.table, row.key, value);
        }),
      );
      const emptied = await writeSealed(writes, sealed, made);
      for (const [scope, { recordKey }] of made) {
        current.set(scope, recordKey);
        opened.set(recordKey.id, recordKey);
      }
      for (const scope of emptied) {
        opened.delete(current.get(scope)?.id ?? "");
        current.delete(scope);
      }
    } catch (error) {
      if (error instanceof StoreError && error.code === "STORE_FENCED") options.lost();
      throw storeFailure(error);
    }
  }

  /** Fills `current` with the keys of the scopes to be written to, and `made` with new ones for scopes that have none. */
  async function loadRecordKeys(
    writes: readonly Write[],
    made: Map<string, { recordKey: RecordKey; wrapped: WrappedRecordKey }>,
  ): Promise<void> {
    const scopes = new Set(
      writes.filter((row) => row.value !== undefined).map((row) => scopeOf(row.table, row.key)),
    );
    for (const scope of current.keys()) scopes.delete(scope);
    if (scopes.size === 0) return;
    const transaction = database.transaction([RECORD_KEYS], "readonly");
    const wrapped = await readWrapped(transaction, scopes);
    await transaction.done;
    await Promise.all(
      [...scopes].map(async (scope) => {
        const stored = wrapped.get(scope);
        if (stored) current.set(scope, await keyOf(scope, stored.id, wrapped));
        else made.set(scope, await createRecordKey(accountKey, scope));
      }),
    );
  }

  /** The one strict transaction. Resolves to the scopes that it left without rows, whose keys went with the last of them. */
  async function writeSealed(
    writes: readonly Write[],
    sealed: readonly (SealedRow | undefined)[],
    made: ReadonlyMap<string, { wrapped: WrappedRecordKey }>,
  ): Promise<string[]> {
    const tables = [...new Set(writes.map((row) => row.table))];
    const transaction = database.transaction([...tables, RECORD_KEYS, META], "readwrite", {
      durability: "strict",
    });
    // Whatever fails below rejects here too; its reason is read from the transaction.
    const done = transaction.done.catch(() => undefined);
    try {
      if ((await transaction.objectStore(META).get(FENCE)) !== term) throw new StoreError("STORE_FENCED");
      const keys = transaction.objectStore(RECORD_KEYS);
      const requests: Promise<unknown>[] = [...made].map(([scope, { wrapped }]) => keys.put(wrapped, scope));
      for (const [index, row] of writes.entries()) {
        const rows = transaction.objectStore(row.table);
        const value = sealed[index];
        requests.push(value ? rows.put(value, [...row.key]) : rows.delete([...row.key]));
      }
      await Promise.all(requests);
      const emptied = await dropEmptied(transaction, writes);
      await transaction.done;
      return emptied;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has aborted by itself.
      }
      await done;
      throw transaction.error ?? error;
    }
  }
}

type Rows = IDBPObjectStore<unknown, string[]>;
interface FoundRow {
  key: unknown;
  value: unknown;
}

/** Reads no more rows than asked for, from whichever end. */
async function collect(rows: Rows, range: Range): Promise<FoundRow[]> {
  const query = keyRange(range);
  if (!query || range.limit === 0) return [];
  if (!range.reverse) {
    const [keys, values] = await Promise.all([
      rows.getAllKeys(query, range.limit),
      rows.getAll(query, range.limit),
    ]);
    return keys.map((key, index) => ({ key, value: values[index] }));
  }
  const found: FoundRow[] = [];
  let cursor = await rows.openCursor(query, "prev");
  while (cursor) {
    found.push({ key: cursor.key, value: cursor.value });
    if (found.length === range.limit) break;
    cursor = await cursor.continue();
  }
  return found;
}

async function readWrapped(
  transaction: IDBPTransaction<unknown, string[]>,
  scopes: ReadonlySet<string>,
): Promise<Map<string, WrappedRecordKey>> {
  const keys = transaction.objectStore(RECORD_KEYS);
  const found = await Promise.all(
    [...scopes].map(async (scope) => ({ scope, value: (await keys.get(scope)) as unknown })),
  );
  const wrapped = new Map<string, WrappedRecordKey>();
  for (const { scope, value } of found) {
    if (value === undefined) continue;
    if (!isWrappedRecordKey(value)) throw new StoreError("STORE_UNREADABLE");
    wrapped.set(scope, value);
  }
  return wrapped;
}

/** A record key goes with the last row that it sealed. */
async function dropEmptied(
  transaction: IDBPTransaction<unknown, string[], "readwrite">,
  writes: readonly Write[],
): Promise<string[]> {
  const scopes = new Map(
    writes
      .filter((row) => row.value === undefined && TABLES[row.table].keyedBy > 0)
      .map((row) => [scopeOf(row.table, row.key), row]),
  );
  const emptied: string[] = [];
  for (const [scope, row] of scopes) {
    const query = keyRange({ prefix: row.key.slice(0, TABLES[row.table].keyedBy) });
    if (query && (await transaction.objectStore(row.table).count(query)) === 0) {
      await transaction.objectStore(RECORD_KEYS).delete(scope);
      emptied.push(scope);
    }
  }
  return emptied;
}
