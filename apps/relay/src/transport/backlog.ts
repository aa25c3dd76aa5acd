import type { Socket } from "socket.io";

/** A slow reader is cut at this many bytes and resumes from its cursor. */
const CUT_AT = 8 * 1024 * 1024;

type Connection = Socket["conn"];
export interface Backlog {
  /** How many bytes wait to be taken by the peer. */
  bytes(): number;
}

const watched = new WeakMap<Connection, Backlog>();

/**
 * Counts what waits on a connection, and cuts it when that is too much. By the engine's own events: a packet is
 * created, then flushed to the transport with others, then drained to the operating system.
 */
export function watchBacklog(connection: Connection, onCut: () => void): Backlog {
  const known = watched.get(connection);
  if (known !== undefined) return known;
  let waiting = 0;
  let flushed = 0;
  let cut = false;
  connection.on("packetCreate", (packet: { data?: unknown }) => {
    waiting += sizeOf(packet.data);
    if (waiting + flushed <= CUT_AT || cut) return;
    cut = true;
    onCut();
    connection.close(true);
  });
  connection.on("flush", () => {
    flushed += waiting;
    waiting = 0;
  });
  // The connection's own "drain" only says that it has handed over; the transport's, that it has sent.
  connection.transport.on("drain", () => {
    flushed = 0;
  });
  const backlog = { bytes: () => waiting + flushed };
  watched.set(connection, backlog);
  return backlog;
}

function sizeOf(data: unknown): number {
  if (typeof data === "string") return data.length;
  return data instanceof Uint8Array ? data.byteLength : 0;
}
