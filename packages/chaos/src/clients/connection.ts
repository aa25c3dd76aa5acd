import { parse } from "@thicket/delivery-service/testing";
import {
  deliveryEvents,
  type Entry,
  Hello,
  Login,
  WIRE_VERSION,
  type deliveryRequests,
} from "@thicket/protocol";
import { Manager } from "socket.io-client";
import parser from "socket.io-msgpack-parser";

/** After this (ms) without an answer nobody waits on: what became of the request is unknown. */
const ANSWER_WITHIN = 8000;
const CONNECT_WITHIN = 4000;

/** A logged-in connection to one node's Delivery Service. */
export interface Connection {
  readonly no: number;
  /** Index of the node. */
  readonly node: number;
  isOpen(): boolean;
  /** The reply as it came, or undefined where none came. A request without an answer ends the connection. */
  ask(name: keyof typeof deliveryRequests, request: object): Promise<unknown>;
  close(): void;
}

export interface Listeners {
  onEntries(groupId: string, entries: readonly Entry[]): void;
  onWelcome(): void;
  onClosed(): void;
}

let lastNo = 0;

/** -> undefined where the node can't be reached or doesn't let the device in. */
export async function openConnection(options: {
  url: string;
  node: number;
  origin: string;
  logIn: (challenge: { role: "ds"; nonce: Uint8Array; origin: string; socketId: string }) => Promise<object>;
  listeners: Listeners;
  answerWithin?: number;
}): Promise<Connection | undefined> {
  const { listeners, answerWithin = ANSWER_WITHIN } = options;
  const manager = new Manager(options.url, {
    transports: ["websocket"],
    parser,
    reconnection: false,
    timeout: CONNECT_WITHIN,
  });
  const socket = manager.socket("/ds", { auth: { wire: WIRE_VERSION } });
  let open = false;
  const close = (): void => {
    socket.disconnect();
    manager.engine?.close();
  };
  socket.on("entries", (event) => {
    const { groupId, entries } = parse(deliveryEvents.entries, event);
    listeners.onEntries(groupId, entries);
  });
  socket.on("welcome", () => listeners.onWelcome());
  socket.on("disconnect", () => {
    if (open) listeners.onClosed();
    open = false;
  });

  const hello = await greeted(socket, manager);
  if (hello === undefined) {
    close();
    return undefined;
  }
  const challenge = {
    role: "ds",
    nonce: hello.nonce,
    origin: options.origin,
    socketId: socket.id ?? "",
  } as const;
  const proof = await options.logIn(challenge);
  const answer = await socket
    .timeout(CONNECT_WITHIN)
    .emitWithAck("login", proof)
    .catch(() => undefined);
  if (answer === undefined || !parse(Login.reply, answer).ok || !socket.connected) {
    close();
    return undefined;
  }
  open = true;
  return {
    no: ++lastNo,
    node: options.node,
    isOpen: () => open,
    async ask(name, request) {
      if (!open) return undefined;
      try {
        return await socket.timeout(answerWithin).emitWithAck(name, request);
      } catch {
        close();
        return undefined;
      }
    },
    close,
  };
}

type Client = ReturnType<Manager["socket"]>;

function greeted(socket: Client, manager: Manager): Promise<Hello | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), CONNECT_WITHIN);
    const settle = (hello: Hello | undefined): void => {
      clearTimeout(timer);
      resolve(hello);
    };
    socket.once("hello", (hello) => settle(parse(Hello, hello)));
    socket.once("connect_error", () => settle(undefined));
    socket.once("disconnect", () => settle(undefined));
    manager.once("error", () => settle(undefined));
    manager.once("close", () => settle(undefined));
  });
}
