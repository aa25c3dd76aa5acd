import type { Key, Range, Row, Store, Write } from "../ports.ts";
import { type Table, TABLES } from "../tables.ts";
import { compareKeys, startsWith } from "./key-order.ts";

export interface MemoryStore extends Store {
  /** An independent copy of what is durable now: what a crash at this moment would leave. */
  copy(): MemoryStore;
}

type Rows = { [T in Table]?: Map<string, Row<T>> };

/** A Store in memory. Values are copied in and out, as a real one does, so that nobody can change what is stored. */
export function createMemoryStore(): MemoryStore {
  return storeOver({});
}

function storeOver(tables: Rows): MemoryStore {
  return {
    async get<T extends Table>(table: T, key: Key) {
      const row = tables[table]?.get(nameOf(key));
      return row === undefined ? undefined : copyOf(row.value);
    },
    async list<T extends Table>(table: T, range: Range) {
      return select([...(tables[table]?.values() ?? [])], range).map(copyOf);
    },
    async commit(writes) {
      for (const write of writes.map(copyOf)) apply(tables, write);
    },
    copy() {
      const copied: Rows = {};
      for (const table of TABLES) copyTable(tables, copied, table);
      return storeOver(copied);
    },
  };
}

function copyTable(from: Rows, to: Rows, table: Table): void {
  const rows: Map<string, { key: Key; value: unknown }> = (to[table] ??= new Map());
  for (const [name, row] of from[table] ?? []) rows.set(name, row);
}

function apply(tables: Rows, { table, key, value }: Write): void {
  const rows: Map<string, { key: Key; value: unknown }> = (tables[table] ??= new Map());
  if (value === undefined) rows.delete(nameOf(key));
  else rows.set(nameOf(key), { key, value });
}

function select<T extends Table>(rows: Row<T>[], range: Range): Row<T>[] {
  const { prefix, after, before, limit, reverse } = range;
  const found = rows
    .filter(
      ({ key }) =>
        startsWith(key, prefix) &&
        (after === undefined || compareKeys(key, after) > 0) &&
        (before === undefined || compareKeys(key, before) < 0),
    )
    .sort((a, b) => compareKeys(a.key, b.key));
  if (reverse === true) found.reverse();
  return limit === undefined ? found : found.slice(0, limit);
}

function nameOf(key: Key): string {
  return JSON.stringify(key);
}

/** Deep copy of plain data and Uint8Array; anything else in a row is a bug and says so. */
function copyOf<T>(value: T): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a copy has the type of what it is a copy of
  return copyPlain(value) as T;
}

function copyPlain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copyPlain);
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError("a row holds plain data only");
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyPlain(inner)]));
  }
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    throw new TypeError(`a row holds no ${typeof value}`);
  }
  return value;
}
