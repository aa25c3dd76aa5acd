import type { Key } from "../ports.ts";

/** Part by part, numbers before strings, a shorter key before a longer one that begins with it. */
export function compareKeys(a: Key, b: Key): number {
  for (let part = 0; part < Math.min(a.length, b.length); part++) {
    const order = compareParts(a[part] ?? "", b[part] ?? "");
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

export function startsWith(key: Key, prefix: Key): boolean {
  return key.length >= prefix.length && prefix.every((part, index) => key[index] === part);
}

function compareParts(a: string | number, b: string | number): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
