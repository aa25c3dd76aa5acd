import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

/** What a case of a vector file says is not what the engine does. */
export class VectorMismatch extends Error {
  override readonly name = "VectorMismatch";
}

/** The bytes of a hexadecimal field. */
export function hex(text: string): Uint8Array {
  return hexToBytes(text);
}

/** Throws VectorMismatch unless the bytes are those of the hexadecimal field. */
export function sameBytes(what: string, actual: Uint8Array | undefined, expected: string): void {
  same(what, actual && bytesToHex(actual), expected.toLowerCase());
}

/** Throws VectorMismatch unless both are the same value. */
export function same(
  what: string,
  actual: string | number | bigint | null | undefined,
  expected: string | number | bigint | null | undefined,
): void {
  if (actual === expected) return;
  throw new VectorMismatch(`${what}: ${String(actual)} instead of ${String(expected)}`);
}

/** Throws VectorMismatch unless it holds. */
export function holds(what: string, condition: boolean): void {
  if (!condition) throw new VectorMismatch(`not so: ${what}`);
}
