import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** RFC 6455 §5.2. */
export const OPCODE = { text: 1, binary: 2, close: 8 } as const;

/** A frame as it came; `payload` is only good until the callback returns. */
export type OnFrame = (opcode: number, payload: Buffer, webSocket: WebSocket) => void;

/**
 * A WebSocket of the load generator. By hand, over a TCP socket that reads into one buffer shared by all: what is
 * measured is the server, and a client library costs more for each message than the server does.
 */
export interface WebSocket {
  onFrame: OnFrame;
  /** A frame made by {@link clientFrame}. */
  send(frame: Uint8Array): void;
  close(): void;
}

/** One read takes what has come, up to this many bytes. */
const READ = Buffer.allocUnsafe(256 * 1024);
const HEADERS_END = "\r\n\r\n";

export async function openWebSocket(port: number, path: string, onFrame: OnFrame): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    let take: (chunk: Buffer) => void = handshake;
    let early = Buffer.alloc(0);
    const socket: Socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: READ,
        callback(length) {
          take(READ.subarray(0, length));
          return true;
        },
      },
    });
    const webSocket: WebSocket = {
      onFrame,
      send: (frame) => void socket.write(frame),
      close() {
        closing = true;
        socket.destroy();
      },
    };
    let closing = false;
    socket.once("error", reject);
    socket.once("close", () => {
      const error = new Error(`the server closed the connection to ${path} on ${port}`);
      reject(error);
      // A bench that lost a connection would wait for ever, or count less than it says.
      if (!closing && take !== handshake) throw error;
    });
    socket.write(upgradeRequest(port, path));

    function handshake(chunk: Buffer): void {
      early = Buffer.concat([early, chunk]);
      const end = early.indexOf(HEADERS_END);
      if (end < 0) return;
      if (!early.subarray(0, end).toString("latin1").startsWith("HTTP/1.1 101 ")) {
        return void socket.destroy(new Error("the server takes no WebSocket"));
      }
      const rest = early.subarray(end + HEADERS_END.length);
      take = createFrameReader((opcode, payload) => webSocket.onFrame(opcode, payload, webSocket));
      resolve(webSocket);
      take(rest);
    }
  });
}

function upgradeRequest(port: number, path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  ];
  return lines.join("\r\n") + HEADERS_END;
}

/** Cuts what comes into frames. A server's frames aren't masked, and none of these servers fragments. */
function createFrameReader(onFrame: (opcode: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let kept = Buffer.alloc(0);
  return (chunk) => {
    const data = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    let at = 0;
    for (;;) {
      const frame = frameAt(data, at);
      if (frame === undefined) break;
      onFrame(frame.opcode, data.subarray(frame.start, frame.end));
      at = frame.end;
    }
    // A copy: the buffer that was read into is used again.
    kept = Buffer.from(data.subarray(at));
  };
}

function frameAt(data: Buffer, at: number): { opcode: number; start: number; end: number } | undefined {
  if (data.length < at + 2) return undefined;
  const opcode = data.readUInt8(at) & 0x0f;
  let length = data.readUInt8(at + 1) & 0x7f;
  let start = at + 2;
  if (length === 126) {
    if (data.length < start + 2) return undefined;
    length = data.readUInt16BE(start);
    start += 2;
  } else if (length === 127) {
    if (data.length < start + 8) return undefined;
    length = Number(data.readBigUInt64BE(start));
    start += 8;
  }
  const end = start + length;
  return data.length < end ? undefined : { opcode, start, end };
}

/** A client's frame, masked as a browser does. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const mask = 2 + extended;
  const frame = Buffer.allocUnsafe(mask + 4 + length);
  frame.writeUInt8(0x80 | opcode, 0);
  frame.writeUInt8(0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127), 1);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(MASK, mask);
  for (let index = 0; index < length; index++) {
    frame[mask + 4 + index] = (payload[index] ?? 0) ^ (MASK[index & 3] ?? 0);
  }
  return frame;
}

const MASK = Uint8Array.of(0x6b, 0x1f, 0xa4, 0xd2);
