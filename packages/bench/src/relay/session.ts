import { Decoder, Encoder, PacketType } from "socket.io-msgpack-parser";
import { NAMESPACES, WIRE_VERSION } from "@thicket/protocol";
import { clientFrame, OPCODE, openWebSocket, type WebSocket } from "./web-socket.ts";

export const SOCKET_IO_PATH = "/socket.io/?EIO=4&transport=websocket";
/** Engine.IO's own packets, which are text: the server's greeting and its ping, and the answer to that. */
const ENGINE_OPEN = "0".charCodeAt(0);
const ENGINE_PING = "2".charCodeAt(0);
const PONG = clientFrame(OPCODE.text, Buffer.from("3"));

/** Says that it is alive, when that is what Engine.IO asks. */
export function answerPing(webSocket: WebSocket, opcode: number, payload: Buffer): void {
  if (opcode === OPCODE.text && payload[0] === ENGINE_PING) webSocket.send(PONG);
}

export type Namespace = (typeof NAMESPACES)[keyof typeof NAMESPACES];

interface Packet {
  type: PacketType;
  nsp: string;
  id?: number;
  data?: unknown;
}

/** A connection to one namespace of the relay, greeted. */
export interface Session {
  readonly socketId: string;
  readonly nonce: Uint8Array;
  /** -> what an accepted request was answered with. Throws on a refusal. */
  ask(name: string, request: object): Promise<Readonly<Record<string, unknown>>>;
  /** A fresh request id; `answered` is called with its reply. */
  expect(answered: (reply: unknown) => void): number;
  /** Takes binary frames before they are decoded. -> whether it was for it. */
  intercept: ((payload: Buffer) => boolean) | undefined;
  readonly webSocket: WebSocket;
}

const encoder = new Encoder();

export function encodePacket(packet: Packet): Buffer {
  // Its type declaration says one ArrayBuffer; what it gives is a list of frames.
  const [payload] = [encoder.encode(packet)].flat();
  if (!Buffer.isBuffer(payload)) throw new Error("not a frame");
  return payload;
}

/** The packet of a frame. Binary fields are views of it, good until the frame's callback returns. */
export function decodePacket(payload: Buffer): Packet {
  let packet: Packet | undefined;
  const decoder = new Decoder();
  decoder.on("decoded", (decoded: Packet) => (packet = decoded));
  decoder.add(payload);
  if (packet === undefined) throw new Error("no packet");
  return packet;
}

/** Above those of which msgpack makes something shorter: a prepared request has room for any of them. */
const FIRST_ID = 0x1000_0000;

export async function openSession(port: number, namespace: Namespace): Promise<Session> {
  const waiting = new Map<number, (reply: unknown) => void>();
  let lastId = FIRST_ID;
  let socketId = "";
  let greeted: (nonce: Uint8Array) => void;
  let refused: (error: Error) => void;
  const greeting = new Promise<Uint8Array>((resolve, reject) => {
    greeted = resolve;
    refused = reject;
  });

  const webSocket = await openWebSocket(port, SOCKET_IO_PATH, (opcode, payload, opened) => {
    if (opcode === OPCODE.text) {
      answerPing(opened, opcode, payload);
      if (payload[0] === ENGINE_OPEN) opened.send(frameOf(connectPacket(namespace)));
    } else if (opcode === OPCODE.binary && session.intercept?.(payload) !== true) {
      receive(decodePacket(payload));
    }
  });
  const session: Session = {
    get socketId() {
      return socketId;
    },
    nonce: new Uint8Array(0),
    async ask(name, request) {
      const answered = new Promise((resolve) => {
        const id = session.expect(resolve);
        webSocket.send(frameOf({ type: PacketType.EVENT, nsp: namespace, id, data: [name, request] }));
      });
      return accepted(name, await answered);
    },
    expect(answered) {
      lastId += 1;
      waiting.set(lastId, answered);
      return lastId;
    },
    intercept: undefined,
    webSocket,
  };

  function receive({ type, id, data }: Packet): void {
    if (type === PacketType.CONNECT) socketId = String(fieldOf(data, "sid"));
    if (type === PacketType.CONNECT_ERROR) refused(new Error(`refused: ${JSON.stringify(data)}`));
    if (type === PacketType.EVENT && Array.isArray(data) && data[0] === "hello") {
      greeted(bytesOf(fieldOf(data[1], "nonce")));
    }
    if (type !== PacketType.ACK || id === undefined) return;
    const answered = waiting.get(id);
    waiting.delete(id);
    answered?.(Array.isArray(data) ? data[0] : undefined);
  }

  return Object.assign(session, { nonce: await greeting });
}

const frameOf = (packet: Packet) => clientFrame(OPCODE.binary, encodePacket(packet));

function connectPacket(namespace: Namespace): Packet {
  return { type: PacketType.CONNECT, nsp: namespace, data: { wire: WIRE_VERSION } };
}

/** The reply to an accepted request. */
export function accepted(name: string, reply: unknown): Readonly<Record<string, unknown>> {
  if (typeof reply !== "object" || reply === null || fieldOf(reply, "ok") !== true) {
    throw new Error(`${name}: ${JSON.stringify(reply)}`);
  }
  return { ...reply };
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** A copy: what was decoded is a view of a buffer that is read into again. */
export function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error("no bytes");
  return Uint8Array.from(value);
}
