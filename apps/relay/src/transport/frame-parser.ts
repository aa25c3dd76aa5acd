import parser from "socket.io-msgpack-parser";
import { encodeFrame } from "./encode-frame.ts";

/** Values in one frame. The largest request, a commit of 10,000 seats with their Welcomes, has less than half of it. */
const VALUES = 200_000;
/** Requests are a few levels deep; the decoder recurses. */
const DEPTH = 32;

/**
 * Socket.IO's msgpack parser behind a look at the frame. The parser believes what a frame says of its own lengths: six
 * bytes make it reserve four gigabytes, and eight mebibytes of empty values make it build millions of objects. A frame
 * that isn't plausible throws, which ends its connection.
 */
export const frameParser = {
  Encoder: class {
    encode(packet: unknown): Buffer[] {
      return [encodeFrame(packet)];
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
 * value and copies nothing.
 */
export function isPlausible(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
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
    const head = headAt(view, at);
    if (head === undefined) return false;
    at += head.bytes;
    if (at > frame.length) return false;
    if (head.values === 0) continue;
    if (open.length > DEPTH || head.values > budget) return false;
    open.push(head.values);
  }
  return at === frame.length;
}

/** What one value takes: its own bytes with its text or binary, and how many values it holds. */
interface Head {
  bytes: number;
  values: number;
}

const plain = (bytes: number): Head => ({ bytes, values: 0 });
const holding = (bytes: number, values: number): Head => ({ bytes, values });

/** -> undefined for a type that no request has, or a length that is cut off. */
function headAt(view: DataView, at: number): Head | undefined {
  const type = view.getUint8(at);
  if (type < 0x80 || type >= 0xe0) return plain(1);
  if (type < 0x90) return holding(1, 2 * (type & 0x0f));
  if (type < 0xa0) return holding(1, type & 0x0f);
  if (type < 0xc0) return plain(1 + (type & 0x1f));
  const fixed = FIXED.get(type);
  if (fixed !== undefined) return plain(fixed);
  const width = WIDTH.get(type);
  if (width === undefined || at + 1 + width > view.byteLength) return undefined;
  const length =
    width === 1 ? view.getUint8(at + 1) : width === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1);
  if (type >= 0xde) return holding(1 + width, 2 * length);
  if (type >= 0xdc) return holding(1 + width, length);
  const isExtension = type >= 0xc7 && type <= 0xc9;
  return plain(1 + width + length + (isExtension ? 1 : 0));
}

/** nil, false, true; float 32 and 64; uint and int 8 to 64; extensions of 1 to 16 bytes with their type. */
const FIXED = new Map([
  [0xc0, 1],
  [0xc2, 1],
  [0xc3, 1],
  [0xca, 5],
  [0xcb, 9],
  ...[0xcc, 0xd0].flatMap((first): [number, number][] => [
    [first, 2],
    [first + 1, 3],
    [first + 2, 5],
    [first + 3, 9],
  ]),
  [0xd4, 3],
  [0xd5, 4],
  [0xd6, 6],
  [0xd7, 10],
  [0xd8, 18],
]);

/** Bytes of the length that follows: bin, extension, str, array and map, each 8 (but the last two), 16 and 32. */
const WIDTH = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
  [0xc7, 1],
  [0xc8, 2],
  [0xc9, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
]);
