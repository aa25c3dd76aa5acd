import type { Key, Range } from "@thicket/client";

/**
 * The bounds of a Range as IndexedDB has them, or undefined where nothing can lie between them.
 * IndexedDB orders array keys part by part, numbers before strings before arrays, and a prefix before what it begins:
 * so `[...prefix, []]` lies behind every key that begins with the prefix.
 */
export function keyRange(range: Range): IDBKeyRange | undefined {
  let lower: IDBValidKey = [...range.prefix];
  let lowerOpen = false;
  let upper: IDBValidKey = [...range.prefix, []];
  let upperOpen = true;
  if (range.after && indexedDB.cmp([...range.after], lower) >= 0) {
    lower = [...range.after];
    lowerOpen = true;
  }
  if (range.before && indexedDB.cmp([...range.before], upper) <= 0) {
    upper = [...range.before];
    upperOpen = true;
  }
  const order = indexedDB.cmp(lower, upper);
  if (order > 0 || (order === 0 && (lowerOpen || upperOpen))) return undefined;
  return IDBKeyRange.bound(lower, upper, lowerOpen, upperOpen);
}

/** A row's key as it was written; anything else in a table is damage. */
export function isKey(key: unknown): key is Key & (string | number)[] {
  return Array.isArray(key) && key.every((part) => typeof part === "string" || typeof part === "number");
}
