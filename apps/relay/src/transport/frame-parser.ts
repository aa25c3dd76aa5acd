import { Encoder } from "@msgpack/msgpack";
import parser from "socket.io-msgpack-parser";

/** Room that is kept, for what is usual: a frame of a hundred messages. */
const ROOM = 256 * 1024;
const encoder = new Encoder({ ignoreUndefined: true, initialBufferSize: ROOM });

/** Values in one frame. The largest request, a commit of 10,000 seats with their Welcomes, has less than half of it. */
const VALUES = 200_000;
/** Requests are a few levels deep; the decoder recurses. */
const DEPTH = 32;

/**
 * What goes out is msgpack by the library that MessagePack names: Socket.IO's own encoder makes a list of bytes first, and
 * takes a Uint8Array for an object with numbered fields. A field that is undefined is left out.
 *
 * What comes in is Socket.IO's msgpack parser behind a look at the frame. The parser believes what a frame says of its own lengths: six
 * bytes make it reserve four gigabytes, and eight mebibytes of empty values make it build millions of objects. A frame
 * that isn't plausible throws, which ends its connection.
 */
export const frameParser = {
  Encoder: class {
    encode(packet: unknown): Buffer[] {
      const { buffer, byteOffset, byteLength } = encoder.encode(packet);
      return [Buffer.from(buffer, byteOffset, byteLength)];
    }
  },
  Decoder: class extends parser.Decoder {
    override add(frame: unknown): void {
      if (!(frame instanceof Uint8Array) || !isPlausible(frame)) throw new Error("not a frame");
      super.add(frame);
    }
  },
};

/**
 * Whether the bytes are one msgpack value of bounded size and depth, with all that its lengths promise. Costs a step a
 * value, and makes and copies nothing.
 */
export function isPlausible(frame: Uint8Array): boolean {
  /** Values that are still to come, level by level; the first is the frame itself. */
  const open = [1];
  let at = 0;
  let budget = VALUES;
  while (open.length > 0) {
    const level = open.length - 1;
    if (open[level] === 0) {
      open.pop();
      continue;
    }
    open[level] = (open[level] ?? 0) - 1;
    if (at >= frame.length || --budget < 0) return false;
    const type = frame[at] ?? 0;
    const own = OWN[type] ?? 0;
    if (own === 0 || at + own > frame.length) return false;
    const width = WIDTH[type] ?? 0;
    const length = width === 0 ? type & 0x0f : readLength(frame, at + 1, width);
    at += own;
    const holds = HOLDS[type] ?? 0;
    if (holds === 0) {
      if (width > 0) at += length;
      if (at > frame.length) return false;
    } else if (length > 0) {
      const values = holds * length;
      if (open.length > DEPTH || values > budget) return false;
      open.push(values);
    }
  }
  return at === frame.length;
}

function readLength(frame: Uint8Array, at: number, width: number): number {
  let length = 0;
  for (let index = at; index < at + width; index++) length = 256 * length + (frame[index] ?? 0);
  return length;
}

/** By type: the bytes of a value without those that its length promises; 0 for a type that msgpack never uses. */
const OWN = new Uint8Array(256);
/** By type: how many of these say the length. Of a short array or map its type does. */
const WIDTH = new Uint8Array(256);
/** By type: 1 where the length counts values, 2 where it counts pairs of them, 0 where it counts bytes. */
const HOLDS = new Uint8Array(256);

OWN.fill(1, 0, 0xa0); // small numbers, maps and arrays
for (let type = 0xa0; type < 0xc0; type++) OWN[type] = 1 + (type & 0x1f); // short texts
OWN.fill(1, 0xe0); // small negative numbers
HOLDS.fill(2, 0x80, 0x90);
HOLDS.fill(1, 0x90, 0xa0);
for (const type of [0xc0, 0xc2, 0xc3]) OWN[type] = 1; // nil, false, true
OWN.set([5, 9], 0xca); // floats
OWN.set([2, 3, 5, 9, 2, 3, 5, 9], 0xcc); // unsigned and signed integers
OWN.set([3, 4, 6, 10, 18], 0xd4); // extensions of 1 to 16 bytes, with their type
// Bytes, extensions (whose own type follows the length) and texts, each by a length of 8, 16 and 32 bits.
for (const [first, more] of [
  [0xc4, 1],
  [0xc7, 2],
  [0xd9, 1],
] as const) {
  for (const [step, width] of [1, 2, 4].entries()) {
    WIDTH[first + step] = width;
    OWN[first + step] = width + more;
  }
}
// Arrays and maps, by one of 16 and 32.
for (const [first, holds] of [
  [0xdc, 1],
  [0xde, 2],
] as const) {
  for (const [step, width] of [2, 4].entries()) {
    WIDTH[first + step] = width;
    OWN[first + step] = width + 1;
    HOLDS[first + step] = holds;
  }
}
