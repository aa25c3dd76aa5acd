import type { Key, Range, Row, Store, Write } from "../ports.ts";
import type { Table } from "../tables.ts";
import { compareKeys, startsWith } from "./key-order.ts";

export interface MemoryStore extends Store {
  /** An independent copy of what is durable now: what a crash at this moment would leave. */
  copy(): MemoryStore;
}

type Rows = Map<Table, Map<string, Row>>;

/** A Store in memory. Values are copied in and out, as a real one does, so that nobody can change what is stored. */
export function createMemoryStore(): MemoryStore {
  return storeOver(new Map());
}

function storeOver(tables: Rows): MemoryStore {
  const rowsOf = (table: Table): Map<string, Row> => tables.get(table) ?? new Map<string, Row>();
  return {
    async get<T extends Table>(table: T, key: Key) {
      const row = rowsOf(table).get(nameOf(key)) as Row<T> | undefined;
      return row === undefined ? undefined : copyOf(row.value);
    },
    async list<T extends Table>(table: T, range: Range) {
      return select([...rowsOf(table).values()] as Row<T>[], range).map(copyOf);
    },
    async commit(writes) {
      const copied = writes.map(copyOf);
      for (const write of copied) apply(tables, write);
    },
    copy: () => storeOver(new Map(Array.from(tables, ([table, rows]) => [table, new Map(rows)] as const))),
  };
}

function apply(tables: Rows, write: Write): void {
  const rows = tables.get(write.table) ?? new Map<string, Row>();
  tables.set(write.table, rows);
  const name = nameOf(write.key);
  if (write.value === undefined) rows.delete(name);
  else rows.set(name, { key: write.key, value: write.value });
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
