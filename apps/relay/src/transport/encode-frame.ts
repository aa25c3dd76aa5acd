/** Room that is kept, for what is usual: a frame of a hundred messages. A larger value has more of it for itself. */
const KEPT = 256 * 1024;
/** Longer texts are written by Node, shorter ones are done before it is called. */
const SHORT = 24;

/** How a length is written: with its type in one byte, up to `most`; after its type in one; in two, and in four after the next type. */
interface Head {
  short: number;
  most: number;
  byte?: number;
  wide: number;
}
const TEXT: Head = { short: 0xa0, most: 0x1f, byte: 0xd9, wide: 0xda };
const BYTES: Head = { short: 0, most: -1, byte: 0xc4, wide: 0xc5 };
const LIST: Head = { short: 0x90, most: 0x0f, wide: 0xdc };
const FIELDS: Head = { short: 0x80, most: 0x0f, wide: 0xde };

let room = Buffer.allocUnsafeSlow(KEPT);
let at = 0;

/**
 * What goes out, as msgpack: a copy out of the room in which each value is written in one go. Socket.IO's own encoder
 * makes a list of bytes first, and takes a Uint8Array for an object with numbered fields. A field that is undefined is
 * left out.
 */
export function encodeFrame(value: unknown): Buffer {
  at = 0;
  write(value);
  const frame = Buffer.from(room.subarray(0, at));
  if (room.length > KEPT) room = Buffer.allocUnsafeSlow(KEPT);
  return frame;
}

function write(value: unknown): void {
  if (typeof value === "string") writeText(value);
  else if (typeof value === "number") writeNumber(value);
  else if (typeof value === "boolean") writeByte(value ? 0xc3 : 0xc2);
  else if (value === undefined || value === null) writeByte(0xc0);
  else if (value instanceof Uint8Array) writeBytes(value);
  else if (Array.isArray(value)) {
    writeHead(value.length, LIST);
    for (const item of value) write(item);
  } else if (typeof value === "object") writeFields(value);
  else throw new TypeError(`a ${typeof value} can't be sent`);
}

function writeFields(value: object): void {
  const fields = Object.entries(value);
  let count = 0;
  for (const [, field] of fields) if (field !== undefined) count += 1;
  writeHead(count, FIELDS);
  for (const [name, field] of fields) {
    if (field === undefined) continue;
    writeText(name);
    write(field);
  }
}

function makeRoom(bytes: number): void {
  if (at + bytes <= room.length) return;
  const larger = Buffer.allocUnsafeSlow(2 * (at + bytes));
  room.copy(larger, 0, 0, at);
  room = larger;
}

function writeByte(byte: number): void {
  makeRoom(1);
  room[at++] = byte;
}

function writeHead(length: number, { short, most, byte, wide }: Head): void {
  makeRoom(5);
  if (length <= most) room[at++] = short | length;
  else if (byte !== undefined && length <= 0xff) {
    room[at++] = byte;
    room[at++] = length;
  } else if (length <= 0xffff) {
    room[at] = wide;
    at = room.writeUInt16BE(length, at + 1);
  } else {
    room[at] = wide + 1;
    at = room.writeUInt32BE(length, at + 1);
  }
}

function writeText(text: string): void {
  const length = Buffer.byteLength(text);
  writeHead(length, TEXT);
  makeRoom(length);
  if (length > SHORT || length > text.length) at += room.write(text, at);
  else for (let index = 0; index < length; index++) room[at++] = text.charCodeAt(index);
}

function writeBytes(bytes: Uint8Array): void {
  writeHead(bytes.length, BYTES);
  makeRoom(bytes.length);
  room.set(bytes, at);
  at += bytes.length;
}

/** Counts, seqs and times. What is negative or no whole number, as a double. */
function writeNumber(value: number): void {
  makeRoom(9);
  if (!Number.isSafeInteger(value) || value < 0) {
    room[at] = 0xcb;
    at = room.writeDoubleBE(value, at + 1);
  } else if (value <= 0x7f) room[at++] = value;
  else if (value <= 0xffff) {
    room[at] = 0xcd;
    at = room.writeUInt16BE(value, at + 1);
  } else if (value <= 0xffff_ffff) {
    room[at] = 0xce;
    at = room.writeUInt32BE(value, at + 1);
  } else {
    room[at] = 0xcf;
    room.writeUInt32BE(Math.floor(value / 2 ** 32), at + 1);
    at = room.writeUInt32BE(value % 2 ** 32, at + 5);
  }
}
