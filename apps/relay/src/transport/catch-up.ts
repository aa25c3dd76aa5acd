import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryOperations, DeviceIdentity } from "@thicket/delivery-service";
import type { DeliveryReply } from "@thicket/protocol";
import { LIMITS } from "@thicket/protocol";
import type { Socket } from "socket.io";
import { type Backlog } from "./backlog.ts";
import type { AttachedSeat, Rooms } from "./rooms.ts";
import { toWire } from "./to-wire.ts";

type Seats = readonly AttachedSeat[];
type Reply = DeliveryReply<"group.attach">;

/** No page is sent while more than this (bytes) waits for the peer. */
const ROOM_FOR_A_PAGE = 1024 * 1024;

/**
 * Called in commit order, before anything later is told: whoever has everything listens from here on, without a gap.
 * -> the seats that lack entries, for {@link catchUp}.
 */
export function listenAtOnce(socket: Socket, rooms: Rooms, seats: Seats, reply: Reply): Seats {
  if (!reply.ok) return [];
  return seats.filter((seat, index) => {
    const result = reply.results[index];
    if (result?.attached !== true) return false;
    rooms.attach(socket, seat);
    if (seat.cursor < result.headSeq) return true;
    rooms.listen(socket, seat.groupId, seat.seatId);
    return false;
  });
}

/** Streams to each seat what it lacks, page by page and no faster than the peer takes it; then it listens. */
export async function catchUp(
  socket: Socket,
  rooms: Rooms,
  seats: Seats,
  deps: { operations: DeliveryOperations; device: DeviceIdentity; backlog: Backlog },
): Promise<void> {
  for (const seat of seats) {
    const after = await sendAfter(socket, seat, seat.cursor, deps);
    // What can't be read now is asked for anew by who connects again; seats that never listen would be silent for good.
    if (after === undefined) {
      socket.conn.close();
      return;
    }
    // What was appended since the last page was read; it may come twice, never not at all.
    if (rooms.listen(socket, seat.groupId, seat.seatId)) await sendAfter(socket, seat, after, deps);
  }
}

/** -> the last seq that was sent, or undefined where the log can't be read or the connection is going down. */
async function sendAfter(
  socket: Socket,
  { groupId, seatId, seatToken }: AttachedSeat,
  cursor: AttachedSeat["cursor"],
  deps: { operations: DeliveryOperations; device: DeviceIdentity; backlog: Backlog },
): Promise<AttachedSeat["cursor"] | undefined> {
  let after = cursor;
  for (;;) {
    while (socket.connected && deps.backlog.bytes() > ROOM_FOR_A_PAGE) await wait(20);
    if (!socket.connected) return undefined;
    const request = { groupId, seatId, seatToken, after, limit: LIMITS.logPage };
    const page = await deps.operations["group.read"](deps.device, request);
    if (!page.ok || !socket.connected) return undefined;
    const last = page.entries.at(-1);
    if (last === undefined) return after;
    socket.emit("entries", toWire({ groupId, entries: page.entries }));
    after = last.seq;
    if (after >= page.headSeq) return after;
  }
}
