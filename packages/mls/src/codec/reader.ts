import { MlsError } from "../errors.ts";
import { halves, NO_BYTES } from "./shared.ts";

/**
 * Reads the TLS presentation language from bytes. Every read is checked against what is left before anything is
 * allocated, and everything handed out but `opaqueInPlace` is a copy, so that the input may be reused.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** How many bytes are left in the structure, or in the vector that is being read. */
  get left(): number {
    return this.#end - this.#at;
  }

  uint(size: 1 | 2 | 3 | 4): number {
    const at = this.#take(size);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (this.#bytes[at + i] ?? 0);
    return value;
  }

  uint64(): bigint {
    halves.setUint32(0, this.uint(4));
    halves.setUint32(4, this.uint(4));
    return halves.getBigUint64(0);
  }

  raw(length: number): Uint8Array {
    if (length === 0) return NO_BYTES;
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** The bytes of an `opaque x<V>` where they stand, not copied: for what is long and read at once. */
  opaqueInPlace(): Uint8Array {
    const length = this.varint();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The bytes of an `opaque x<V>`. */
  opaque(): Uint8Array {
    return this.raw(this.varint());
  }

  /** A variable-size vector header; only the shortest form is accepted (RFC 9420 §2.1.2). */
  varint(): number {
    const first = this.uint(1);
    const prefix = first >> 6;
    if (prefix === 0) return first;
    if (prefix === 3)
      throw new MlsError("DECODE_VARINT", "vector header with prefix 11", { section: "§2.1.2" });
    const value =
      prefix === 1 ? ((first & 0x3f) << 8) | this.uint(1) : (first & 0x3f) * 0x100_0000 + this.uint(3);
    if (value < (prefix === 1 ? 0x40 : 0x4000)) {
      throw new MlsError("DECODE_VARINT", "vector header not in its shortest form", { section: "§2.1.2" });
    }
    return value;
  }

  /** Reads a vector's elements until its bytes are used up. An element may not reach past the vector's end. */
  vector<T>(element: () => T): T[] {
    const length = this.varint();
    const outerEnd = this.#end;
    const end = this.#take(length) + length;
    this.#at = end - length;
    this.#end = end;
    const elements: T[] = [];
    while (this.#at < end) {
      const before = this.#at;
      elements.push(element());
      // An element of no bytes would repeat for ever.
      if (this.#at === before) throw new MlsError("DECODE_VALUE", "vector of elements without bytes");
    }
    this.#end = outerEnd;
    return elements;
  }

  /** Throws DECODE_TRAILING unless everything was read. */
  finish(): void {
    if (this.left !== 0) throw new MlsError("DECODE_TRAILING", `${this.left} bytes left over`);
  }

  #take(length: number): number {
    if (length > this.left) {
      throw new MlsError("DECODE_TRUNCATED", `${length} bytes wanted, ${this.left} left`);
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
