import { parse } from "@thicket/delivery-service/testing";
import { Hello, WIRE_VERSION } from "@thicket/protocol";
import { Manager, type Socket } from "socket.io-client";
import parser, { Encoder, PacketType } from "socket.io-msgpack-parser";

/** A connection to one namespace on which anything can be sent. */
export interface RawSocket {
  readonly hello: Hello;
  readonly id: string;
  isOpen(): boolean;
  /** Sends an event of any name with any values -> its acknowledgement, undefined where none came in time. */
  ask(name: unknown, ...values: unknown[]): Promise<unknown>;
  /** One WebSocket message of these very bytes. */
  send(frame: Uint8Array | string): void;
  /** Takes nothing any more from the operating system. */
  stopReading(): void;
  close(): void;
}

const WITHIN = 10_000;
let lastId = 0;

/**
 * `from`: the address that a proxy would name.
 * @throws what `connect_error` says, where the namespace isn't entered.
 */
export async function openRaw(
  url: string,
  namespace: "/ds" | "/as",
  auth: object = { wire: WIRE_VERSION },
  from?: string,
): Promise<RawSocket> {
  const manager = new Manager(url, {
    transports: ["websocket"],
    parser,
    reconnection: false,
    timeout: WITHIN,
    ...(from === undefined ? {} : { extraHeaders: { "X-Forwarded-For": from } }),
  });
  const socket = manager.socket(namespace, { auth });
  const waiting = new Map<number, (answer: unknown) => void>();
  manager.on("packet", ({ id, data }) => {
    // The server asks for no acknowledgements: a packet with a number is one.
    if (typeof id !== "number") return;
    waiting.get(id)?.(Array.isArray(data) ? data[0] : undefined);
    waiting.delete(id);
  });
  const hello = await new Promise<Hello>((resolve, reject) => {
    socket.once("hello", (greeting) => resolve(parse(Hello, greeting)));
    socket.once("connect_error", reject);
    socket.once("disconnect", () => reject(new Error("disconnected")));
  });
  const under = webSocketOf(socket);
  socket.on("disconnect", () => {
    for (const resolve of waiting.values()) resolve(undefined);
    waiting.clear();
  });
  return {
    hello,
    id: socket.id ?? "",
    isOpen: () => socket.connected,
    ask(name, ...values) {
      const id = ++lastId;
      const packet = { type: PacketType.EVENT, nsp: namespace, id, data: [name, ...values] };
      // Its type declaration says one ArrayBuffer; what it gives is a list of frames.
      const [frame] = [new Encoder().encode(packet)].flat();
      if (!(frame instanceof Uint8Array)) throw new Error("not a frame");
      return new Promise((resolve) => {
        const timer = setTimeout(() => settle(undefined), WITHIN);
        const settle = (answer: unknown): void => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(answer);
        };
        waiting.set(id, settle);
        if (socket.connected) under.send(frame);
        else settle(undefined);
      });
    },
    send: (frame) => under.send(frame),
    stopReading: () => under._socket.pause(),
    close() {
      socket.disconnect();
      manager.engine.close();
    },
  };
}

interface UnderlyingSocket {
  send(data: Uint8Array | string): void;
  _socket: { pause(): void };
}

/** The WebSocket under Socket.IO, to send what Socket.IO wouldn't. */
function webSocketOf(socket: Socket): UnderlyingSocket {
  const { transport } = socket.io.engine;
  if (!("ws" in transport)) throw new Error("not on a WebSocket");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Engine.IO's own field, which it doesn't declare
  return transport.ws as UnderlyingSocket;
}
