import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryService, DeviceIdentity, Head } from "@thicket/delivery-service";
import type { GroupId, Seq } from "@thicket/protocol";
import type { Socket } from "socket.io";
import type { Log } from "../log.ts";
import type { Attachment, Rooms } from "./rooms.ts";

/** Between two looks, ms: while the nodes hear each other, and while they don't. */
const CALM = 4000;
const ALONE = 1000;

export interface LookOptions {
  rooms: Rooms;
  delivery: Pick<DeliveryService, "readHeads" | "newestWelcomes">;
  /** Whether other nodes' hints arrive as far as is known. */
  areTold: () => boolean;
  log: Log;
}

/**
 * Looks every few seconds whether the logs of the groups attached here are ahead of what was told, and has such seats
 * read them. So a group's last hint that got lost only delays, and chats between nodes go on, slower, while Redis is
 * gone. -> what ends it.
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

async function look({ rooms, delivery, areTold }: LookOptions, seen: Seen): Promise<void> {
  const reply = await delivery.readHeads([...rooms.groups.keys()]);
  // A failing database is looked at again.
  if (!reply.ok) return;
  const behind: Attachment[] = [];
  for (const [groupId, head] of reply.heads) {
    // What is on its way is no miss: it was there the last time too. Where nothing is told there's nothing to wait for.
    const due = areTold() ? (seen.heads.get(groupId)?.headSeq ?? 0) : head.headSeq;
    for (const attachment of rooms.groups.get(groupId) ?? []) {
      if (attachment.caughtUp && attachment.told < due) behind.push(attachment);
    }
    const acked = seen.acked.get(groupId);
    if (acked !== undefined && acked < head.ackedSeq) {
      rooms.hear({ kind: "acked", groupId, seq: head.ackedSeq });
    }
    seen.acked.set(groupId, head.ackedSeq);
  }
  for (const groupId of seen.acked.keys()) if (!reply.heads.has(groupId)) seen.acked.delete(groupId);
  seen.heads = reply.heads;
  rooms.recover(behind);
  await lookForWelcomes(rooms, delivery, seen);
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
      rooms.hear({ kind: "welcome", device });
    }
  }
}

function nameOf(device: DeviceIdentity | undefined): string {
  return `${device?.userId} ${device?.deviceId}`;
}
