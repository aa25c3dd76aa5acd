import { MlsError } from "../errors.ts";
import { halves, NO_BYTES } from "./shared.ts";

/** The largest length that a vector header can say: 30 bits (RFC 9420 §2.1.2). */
export const MAX_VECTOR_LENGTH = 0x3fff_ffff;

const FIRST_SIZE = 256;
const LARGEST_SPARE = 0x1_0000;

/** The buffer of the last writer, zeroed, for the next one: growing anew each time costs more than the writing. */
let spare: Uint8Array | undefined;

/** A growing byte buffer that writes the TLS presentation language. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor() {
    this.#bytes = spare ?? new Uint8Array(FIRST_SIZE);
    spare = undefined;
  }

  /** Of what is written so far. */
  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, as a copy of exact size. The writer is used up by it. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length);
    this.giveBack();
    return written;
  }

  /** The same with an `opaque x<V>` behind it that may be long: it is copied once. The writer is used up by it. */
  finishWith(last: Uint8Array): Uint8Array {
    this.varint(last.length);
    const written = new Uint8Array(this.#length + last.length);
    for (let i = 0; i < this.#length; i++) written[i] = this.#bytes[i] ?? 0; // few: a view of them would cost more
    written.set(last, this.#length);
    this.giveBack();
    return written;
  }

  /**
   * The bytes written so far without a copy, which for a whole message costs a good part of sealing it. They are good
   * until `giveBack`, which has to follow, and the writer takes no more.
   */
  lend(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Wipes the bytes and leaves their room to another writer. The writer is used up by it. */
  giveBack(): void {
    this.#bytes.fill(0, 0, this.#length); // it may be secret
    const size = this.#bytes.length;
    if (size <= LARGEST_SPARE && (spare === undefined || spare.length < size)) spare = this.#bytes;
    this.#bytes = NO_BYTES;
    this.#length = 0;
  }

  /** An unsigned big-endian integer of 1 to 4 bytes. Throws ENCODE_RANGE if it does not fit. */
  uint(value: number, size: 1 | 2 | 3 | 4): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff >>> (32 - 8 * size)) {
      throw new MlsError("ENCODE_RANGE", `${value} is not an unsigned integer of ${size} bytes`);
    }
    const at = this.#grow(size);
    for (let i = 0; i < size; i++) this.#bytes[at + i] = (value >>> (8 * (size - 1 - i))) & 0xff;
  }

  uint64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) {
      throw new MlsError("ENCODE_RANGE", `${value} is not an unsigned integer of 8 bytes`);
    }
    halves.setBigUint64(0, value);
    this.uint(halves.getUint32(0), 4);
    this.uint(halves.getUint32(4), 4);
  }

  raw(value: Uint8Array): void {
    const at = this.#grow(value.length); // first: growing replaces the buffer
    this.#bytes.set(value, at);
  }

  /** As many zeros as it takes to come to this length in all. */
  padTo(length: number): void {
    const at = this.#grow(length - this.#length);
    this.#bytes.fill(0, at, length);
  }

  /** A length header and the bytes (`opaque x<V>`). */
  opaque(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** A variable-size vector header in its shortest form (§2.1.2). */
  varint(value: number): void {
    if (value < 0x40) this.uint(value, 1);
    else if (value < 0x4000) this.uint(value | 0x4000, 2);
    else if (value <= MAX_VECTOR_LENGTH) this.uint((value | 0x8000_0000) >>> 0, 4);
    else throw new MlsError("ENCODE_RANGE", `a vector of ${value} bytes is too long`, { section: "§2.1.2" });
  }

  /** Whatever `body` writes, behind the header that says how long it came out. */
  vector(body: () => void): void {
    const start = this.#length;
    body();
    const length = this.#length - start;
    const header = length < 0x40 ? 1 : length < 0x4000 ? 2 : 4;
    // The header's own size depends on the length, so the body is moved once that is known.
    this.#grow(header);
    this.#bytes.copyWithin(start + header, start, start + length);
    this.#length = start;
    this.varint(length);
    this.#length += length;
  }

  #grow(size: number): number {
    const at = this.#length;
    const needed = at + size;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#length = needed;
    return at;
  }
}
