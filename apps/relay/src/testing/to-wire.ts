/**
 * A copy of an outgoing value in which every Uint8Array is a Buffer over the same memory: in Node the msgpack encoder
 * writes only Buffer as binary, and takes a typed array for an object with numbered fields. What is undefined is left
 * out.
 */
export function toWire(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(toWire);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) if (field !== undefined) copy[name] = toWire(field);
  return copy;
}
