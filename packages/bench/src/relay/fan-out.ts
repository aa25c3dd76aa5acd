import { PacketType } from "socket.io-msgpack-parser";
import { addSeats, attachRequest, createGroup, MESSAGE_BYTES, newSeat, prepareAppend } from "./groups.ts";
import { signUp } from "./people.ts";
import type { ServerProcess } from "./server-process.ts";
import {
  accepted,
  answerPing,
  decodePacket,
  encodePacket,
  fieldOf,
  type Session,
  SOCKET_IO_PATH,
} from "./session.ts";
import { clientFrame, OPCODE, openWebSocket } from "./web-socket.ts";

/** Sockets that hear everything, and those of them that write. */
const SOCKETS = 100;
const WRITERS = 10;

/** One server with a hundred sockets on it, each of which gets what any of them writes. */
export interface Broadcast {
  readonly server: ServerProcess;
  /** Writes one message of 1 KiB; `turn` chooses the socket. */
  write(turn: number): void;
  /** Called with how many messages came with a frame. */
  onDelivered: (messages: number) => void;
  readonly close: () => void;
}

export interface FanOutFigures {
  deliveriesPerSecond: number;
  /** Of those that a server sent together. */
  messagesPerFrame: number;
  /** The server's, per delivery. */
  cpuMicroseconds: number;
}

/** Messages that are under way at once: enough that no server ever waits for the load generator. */
const UNDER_WAY = 64;

/** Writes for so long, a new message as soon as one has reached everybody, and ends when all have arrived. */
export async function measureFanOut(broadcast: Broadcast, seconds: number): Promise<FanOutFigures> {
  const started = performance.now();
  const cpuBefore = broadcast.server.cpuSeconds();
  let written = 0;
  let delivered = 0;
  let frames = 0;
  await new Promise<void>((resolve) => {
    const refill = () => {
      const over = performance.now() - started > 1000 * seconds;
      if (over) {
        if (delivered === written * SOCKETS) resolve();
        return;
      }
      while (written - Math.floor(delivered / SOCKETS) < UNDER_WAY) broadcast.write(written++);
    };
    broadcast.onDelivered = (messages) => {
      delivered += messages;
      if (messages > 0) frames += 1;
      refill();
    };
    refill();
  });
  const elapsed = (performance.now() - started) / 1000;
  return {
    deliveriesPerSecond: delivered / elapsed,
    messagesPerFrame: delivered / frames,
    cpuMicroseconds: (1e6 * (broadcast.server.cpuSeconds() - cpuBefore)) / delivered,
  };
}

/** Ours: a group of a hundred attached seats. What is counted was on the disk before it was sent. */
export async function openRelayBroadcast(server: ServerProcess): Promise<Broadcast> {
  const { port } = server;
  const account = await signUp(port);
  const seats = Array.from({ length: SOCKETS }, newSeat);
  const founder = await (await account.addDevice()).logIn(port);
  const group = await addSeats(founder, await createGroup(founder), seats);
  founder.webSocket.close();
  const sessions: { session: Session; frame: (requestId: number) => Buffer }[] = [];
  for (const seat of seats) {
    const session = await (await account.addDevice()).logIn(port);
    await session.ask("group.attach", attachRequest([{ group, seat, cursor: 1 }]));
    session.intercept = (payload) => {
      if (payload.length < MESSAGE_BYTES) return false;
      broadcast.onDelivered(entriesIn(payload));
      return true;
    };
    sessions.push({ session, frame: prepareAppend(group, seat) });
  }
  const broadcast: Broadcast = {
    server,
    write(turn) {
      const writer = sessions[turn % WRITERS];
      if (writer === undefined) return;
      const { session, frame } = writer;
      session.webSocket.send(frame(session.expect((reply) => accepted("group.append", reply))));
    },
    onDelivered: () => undefined,
    close: () => sessions.forEach(({ session }) => session.webSocket.close()),
  };
  return broadcast;
}

/** By the length of the frame: with messages of one size, no two counts of them make frames of one length. */
const countByLength = new Map<number, number>();

function entriesIn(payload: Buffer): number {
  const known = countByLength.get(payload.length);
  if (known !== undefined) return known;
  const { data } = decodePacket(payload);
  const entries = Array.isArray(data) ? fieldOf(data[1], "entries") : undefined;
  if (!Array.isArray(entries)) throw new Error("no entries");
  countByLength.set(payload.length, entries.length);
  return entries.length;
}

/** Raw `ws`, or Socket.IO with the relay's parser: what comes in goes out to all, and is kept nowhere. */
export async function openPeerBroadcast(server: ServerProcess, peer: "ws" | "Socket.IO"): Promise<Broadcast> {
  const message = Buffer.alloc(MESSAGE_BYTES, 0x5a);
  const nsp = "/";
  const packet = (type: PacketType, data: unknown) => encodePacket({ type, nsp, data });
  const payload = peer === "ws" ? message : packet(PacketType.EVENT, ["message", message]);
  const frame = clientFrame(OPCODE.binary, payload);
  const path = peer === "ws" ? "/" : SOCKET_IO_PATH;
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, async () => {
      const socket = await openWebSocket(server.port, path, () => undefined);
      if (peer === "Socket.IO") {
        socket.send(clientFrame(OPCODE.binary, packet(PacketType.CONNECT, undefined)));
        await new Promise<void>((resolve) => {
          socket.onFrame = (opcode) => opcode === OPCODE.binary && resolve();
        });
      }
      socket.onFrame = (opcode, received) => {
        if (received.length >= MESSAGE_BYTES) broadcast.onDelivered(1);
        else answerPing(socket, opcode, received);
      };
      return socket;
    }),
  );
  const broadcast: Broadcast = {
    server,
    write: (turn) => sockets[turn % WRITERS]?.send(frame),
    onDelivered: () => undefined,
    close: () => sockets.forEach((socket) => socket.close()),
  };
  return broadcast;
}
