import * as v from "valibot";

/**
 * Binary fields. The msgpack parser yields a Buffer in Node and an ArrayBuffer in a browser;
 * inside the product there is only Uint8Array, so the schema is where they become one.
 */
export function bytes(maxLength: number, minLength = 0) {
  return v.pipe(
    v.custom<Uint8Array | ArrayBuffer>(isBinary),
    v.transform((value): Uint8Array =>
      value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
    ),
    v.minLength(minLength),
    v.maxLength(maxLength),
  );
}

function isBinary(value: unknown): boolean {
  return value instanceof Uint8Array || value instanceof ArrayBuffer;
}

/** Exactly `length` bytes. */
export function bytesOf(length: number) {
  return bytes(length, length);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hexadecimal; its order is the order of the bytes. */
export function toHex(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += HEX[byte];
  return text;
}

/** Character code -> the digit's value, 255 for what is no lower-case hexadecimal digit. */
const DIGIT = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code));
  return digit < 0 ? 255 : digit;
});

/** The reverse of {@link toHex}. Throws on anything but pairs of lower-case hexadecimal digits: a bug, since ids are parsed at the edge. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new TypeError("not lower-case hexadecimal");
  const data = new Uint8Array(text.length / 2);
  for (let index = 0; index < data.length; index++) {
    const high = DIGIT[text.charCodeAt(2 * index)] ?? 255;
    const low = DIGIT[text.charCodeAt(2 * index + 1)] ?? 255;
    if (high > 15 || low > 15) throw new TypeError("not lower-case hexadecimal");
    data[index] = 16 * high + low;
  }
  return data;
}
