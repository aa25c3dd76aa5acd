/**
 * A copy of an outgoing value in which every Uint8Array is an ArrayBuffer of exactly its bytes: in a browser the msgpack
 * encoder writes only ArrayBuffer as binary, and takes a typed array for an object with numbered fields.
 */
export function toWire(value: unknown): unknown {
  if (value instanceof Uint8Array) return exactBuffer(value);
  if (Array.isArray(value)) return value.map(toWire);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  // A field that is undefined is one that is left out.
  for (const [name, field] of Object.entries(value)) if (field !== undefined) copy[name] = toWire(field);
  return copy;
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  if (whole && bytes.buffer instanceof ArrayBuffer) return bytes.buffer;
  return new Uint8Array(bytes).buffer;
}
