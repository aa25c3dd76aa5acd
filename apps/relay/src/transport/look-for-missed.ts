import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryService, DeviceIdentity, Head } from "@thicket/delivery-service";
import type { GroupId, Seq } from "@thicket/protocol";
import type { Socket } from "socket.io";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { AttachedSeat, Attachment, Rooms } from "./rooms.ts";

/** Between two looks, ms: while the nodes hear each other, and while they don't. */
const CALM = 4000;
const ALONE = 1000;

export interface LookOptions {
  rooms: Rooms;
  delivery: Pick<DeliveryService, "readHeads" | "newestWelcomes">;
  /** Whether other nodes' hints arrive as far as is known. */
  areTold: () => boolean;
  log: Log;
  metrics: Metrics;
}

/**
 * Looks every few seconds whether the logs of the groups attached here are ahead of what was sent, and has such seats
 * attached again. So a hint of another node that got lost only delays, and chats between nodes go on, slower, while
 * Redis is gone. -> what ends it.
 */
export function lookForMissed(options: LookOptions): () => Promise<void> {
  const ending = new AbortController();
  const seen: Seen = { heads: new Map(), acked: new Map(), welcomes: new WeakMap() };
  const running = (async () => {
    while (!ending.signal.aborted) {
      await wait(options.areTold() ? CALM : ALONE, undefined, { signal: ending.signal, ref: false }).catch(
        () => undefined,
      );
      if (ending.signal.aborted) return;
      try {
        await look(options, seen);
      } catch (error) {
        options.log.fault(error);
      }
    }
  })();
  return () => {
    ending.abort();
    return running;
  };
}

/** What the look before found. */
interface Seen {
  heads: ReadonlyMap<GroupId, Head>;
  acked: Map<GroupId, Seq>;
  welcomes: WeakMap<Socket, string>;
}

async function look({ rooms, delivery, areTold, metrics }: LookOptions, seen: Seen): Promise<void> {
  const reply = await delivery.readHeads([...rooms.groups.keys()]);
  // A failing database is looked at again.
  if (!reply.ok) return;
  const behind = new Map<Socket, AttachedSeat[]>();
  for (const [groupId, head] of reply.heads) {
    // What is on its way is no miss: it was there the last time too. Where nothing is told there's nothing to wait for.
    const due = areTold() ? (seen.heads.get(groupId)?.headSeq ?? 0) : head.headSeq;
    for (const attachment of rooms.groups.get(groupId) ?? []) {
      if (!isBehind(rooms, attachment, due)) continue;
      attachment.looked = due > attachment.looked ? head.headSeq : attachment.looked;
      const { socket, seat } = attachment;
      behind.set(socket, [...(behind.get(socket) ?? []), { ...seat }]);
    }
    const acked = seen.acked.get(groupId);
    if (acked !== undefined && acked < head.ackedSeq) rooms.tellHere.acked(groupId, head.ackedSeq);
    seen.acked.set(groupId, head.ackedSeq);
  }
  for (const groupId of seen.acked.keys()) if (!reply.heads.has(groupId)) seen.acked.delete(groupId);
  seen.heads = reply.heads;
  for (const [socket, seats] of behind) {
    metrics.recovered(seats.length);
    rooms.devices.get(socket)?.attachAgain(seats);
  }
  await lookForWelcomes(rooms, delivery, seen);
}

/** A seat whose log went on without it, or whose place another node has changed: attaching tells where it stands. */
function isBehind(rooms: Rooms, attachment: Attachment, due: number): boolean {
  if (!attachment.caughtUp) return false;
  return rooms.isMisplaced(attachment) || due > Math.max(attachment.seat.cursor, attachment.looked);
}

async function lookForWelcomes(rooms: Rooms, delivery: LookOptions["delivery"], seen: Seen): Promise<void> {
  const sockets = Map.groupBy(rooms.devices.keys(), (socket) => nameOf(rooms.devices.get(socket)?.device));
  const devices = [...rooms.devices.values()].map(({ device }) => device);
  const reply = await delivery.newestWelcomes(devices);
  if (!reply.ok) return;
  for (const { device, mark } of reply.waiting) {
    for (const socket of sockets.get(nameOf(device)) ?? []) {
      if (seen.welcomes.get(socket) === mark) continue;
      seen.welcomes.set(socket, mark);
      rooms.tellHere.welcome(device);
    }
  }
}

function nameOf(device: DeviceIdentity | undefined): string {
  return `${device?.userId} ${device?.deviceId}`;
}
