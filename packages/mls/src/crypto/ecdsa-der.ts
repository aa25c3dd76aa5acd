/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) of `r` and `s`, big-endian and of equal length one after the other. */
export function encodeEcdsaSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const content = [...encodeInteger(raw.subarray(0, half)), ...encodeInteger(raw.subarray(half))];
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Uint8Array.from([0x30, ...length, ...content]);
}

function encodeInteger(bytes: Uint8Array): number[] {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const sign = (bytes[from] ?? 0) > 0x7f ? [0] : [];
  return [0x02, sign.length + bytes.length - from, ...sign, ...bytes.subarray(from)];
}

/**
 * `r` and `s` of `length` bytes each, one after the other; undefined for anything but the one DER encoding of two
 * positive numbers of at most that length.
 */
export function decodeEcdsaSignature(der: Uint8Array, length: number): Uint8Array | undefined {
  const long = der[1] === 0x81;
  const start = long ? 3 : 2;
  const size = der[start - 1];
  if (der[0] !== 0x30 || size === undefined || size > 0x7f !== long || der.length !== start + size) {
    return undefined;
  }
  const r = integerAt(der, start, length);
  const s = r === undefined ? undefined : integerAt(der, r.end, length);
  if (r === undefined || s === undefined || s.end !== der.length) return undefined;
  const raw = new Uint8Array(2 * length);
  raw.set(r.bytes, length - r.bytes.length);
  raw.set(s.bytes, 2 * length - s.bytes.length);
  return raw;
}

/**
 * The number without its leading zero. A length in the long form, which no number of these curves needs, reads as more
 * bytes than one has; an end beyond the bytes shows where the next thing should be.
 */
function integerAt(
  der: Uint8Array,
  at: number,
  longest: number,
): { bytes: Uint8Array; end: number } | undefined {
  const size = der[at + 1];
  if (der[at] !== 0x02 || size === undefined) return undefined;
  const all = der.subarray(at + 2, at + 2 + size);
  const [first, second] = all;
  if (first === undefined || first > 0x7f) return undefined; // empty or negative
  if (first === 0 && (second === undefined || second < 0x80)) return undefined; // zero, or not the shortest form
  const bytes = first === 0 ? all.subarray(1) : all;
  return bytes.length > longest ? undefined : { bytes, end: at + 2 + size };
}
