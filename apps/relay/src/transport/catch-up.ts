import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryOperations, DeviceIdentity, Standing } from "@thicket/delivery-service";
import { type DeliveryReply, LIMITS, type Seq } from "@thicket/protocol";
import type { Socket } from "socket.io";
import { type Backlog } from "./backlog.ts";
import { later } from "./ear.ts";
import type { AttachedSeat, Attachment, Rooms } from "./rooms.ts";

/** No page is sent while more than this (bytes) waits for the peer. */
const ROOM_FOR_A_PAGE = 1024 * 1024;

/**
 * Called in commit order, before anything later is told: whoever has everything listens from here on, without a gap.
 * -> those that lack entries, for {@link catchUp}.
 */
export function listenAtOnce(
  socket: Socket,
  rooms: Rooms,
  seats: readonly AttachedSeat[],
  reply: DeliveryReply<"group.attach">,
  standings: readonly (Standing | undefined)[],
): Attachment[] {
  if (!reply.ok) return [];
  return seats.flatMap((seat, index) => {
    const [result, standing] = [reply.results[index], standings[index]];
    if (result?.attached !== true || standing === undefined) return [];
    const attachment = rooms.attach(socket, seat, standing);
    const hasAll = seat.cursor >= result.headSeq && rooms.listen(attachment, standing.logSeq);
    return hasAll ? [] : [attachment];
  });
}

/** Streams to each seat what it lacks, page by page and no faster than the peer takes it; then it listens. */
export async function catchUp(
  rooms: Rooms,
  attachments: readonly Attachment[],
  deps: { operations: DeliveryOperations; device: DeviceIdentity; backlog: Backlog },
): Promise<void> {
  for (const attachment of attachments) {
    let after = attachment.told;
    do {
      // What was told by now is in the log that is read next.
      const { heard } = attachment;
      const last = await sendAfter(attachment, after, deps);
      // What can't be read now is asked for anew by who connects again; seats that never listen would be silent for good.
      if (last === undefined) {
        attachment.socket.conn.close();
        return;
      }
      after = later(last, heard);
    } while (!rooms.listen(attachment, after));
  }
}

/** -> the last seq that was sent, or undefined where the log can't be read or the connection is going down. */
async function sendAfter(
  { socket, seat }: Attachment,
  cursor: Seq,
  deps: { operations: DeliveryOperations; device: DeviceIdentity; backlog: Backlog },
): Promise<Seq | undefined> {
  const { groupId, seatId, seatToken } = seat;
  let after = cursor;
  for (;;) {
    while (socket.connected && deps.backlog.bytes() > ROOM_FOR_A_PAGE) await wait(20);
    if (!socket.connected) return undefined;
    const request = { groupId, seatId, seatToken, after, limit: LIMITS.logPage };
    const page = await deps.operations["group.read"](deps.device, request);
    if (!page.ok || !socket.connected) return undefined;
    const last = page.entries.at(-1);
    if (last === undefined) return after;
    socket.emit("entries", { groupId, entries: page.entries });
    after = last.seq;
    if (after >= page.headSeq) return after;
  }
}
