import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * Every byte string that can be reached from a value, in hexadecimal and one after another: through maps, sets and
 * getters, and of a view the whole memory behind it, which holds more than it shows.
 */
export function everythingIn(...values: readonly unknown[]): string {
  const found: string[] = [];
  const seen = new Set<unknown>();
  const walk = (value: unknown): void => {
    if (typeof value === "string") found.push(value);
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (ArrayBuffer.isView(value)) return walk(value.buffer);
    if (value instanceof ArrayBuffer) {
      found.push(bytesToHex(new Uint8Array(value)));
      return;
    }
    if (value instanceof Map || value instanceof Set) for (const entry of value) walk(entry);
    for (const key of Reflect.ownKeys(value)) walk(Reflect.get(value, key));
  };
  values.forEach(walk);
  return found.join(" ");
}
