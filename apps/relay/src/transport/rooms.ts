import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryListeners, DeviceIdentity, Standing } from "@thicket/delivery-service";
import type { DeliveryEvents, DeliveryRequest, GroupId, SeatId, Seq } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import type { Hint, OtherNodes } from "../nodes/hint.ts";
import { beginToListen, type Ear, takeTold, type Told, toldOf } from "./ear.ts";

export type AttachedSeat = Pick<
  DeliveryRequest<"group.attach">["seats"][number],
  "groupId" | "seatId" | "seatToken" | "cursor"
>;

export interface Attachment extends Ear {
  readonly socket: Socket;
  readonly seat: AttachedSeat;
}

/**
 * Who is attached here, and who hears of what. Each attached seat hears its group's log in order and without gaps, what
 * it may read of it; an entry is encoded once for all. What other nodes appended comes through them as a hint. One that
 * doesn't come is missed with the next one, and read from the log; where none comes, `look-for-missed.ts` finds out.
 */
export interface Rooms {
  /** A device hears of its Welcomes and key packages. `attachAgain` catches up seats of the socket's own. */
  addDevice(socket: Socket, device: DeviceIdentity, attachAgain: (seats: AttachedSeat[]) => void): void;
  /** A seat that stood like this as it attached, in place of an attachment of the same socket. It doesn't listen yet. */
  attach(socket: Socket, seat: AttachedSeat, standing: Standing): Attachment;
  /** It has read its log up to here. -> whether it listens now; else it must read on first. */
  listen(attachment: Attachment, upTo: Seq): boolean;
  /** Has them read their logs again, since they missed something. */
  recover(attachments: readonly Attachment[]): void;
  leave(socket: Socket): void;
  /** Whether a socket of any node has attached another seat of the group than this one; true where a node doesn't say. */
  isAnotherSeatAttached(groupId: GroupId, seatId: SeatId): Promise<boolean>;

  /** What the Delivery Service calls: tells all nodes. */
  listeners: Required<Omit<DeliveryListeners, "onFault" | "onHeld" | "onBatch">>;
  /** Tells this node's sockets. */
  hear(hint: Hint): void;
  readonly groups: ReadonlyMap<GroupId, ReadonlySet<Attachment>>;
  readonly devices: ReadonlyMap<Socket, Listener>;
}

interface Listener {
  device: DeviceIdentity;
  attachAgain: (seats: AttachedSeat[]) => void;
}

/** Another node that doesn't say whether it has a seat within this time (ms) counts as having one. */
const ANSWER_WITHIN = 1000;
/** What was told out of order waits so long (ms) for what comes before it; then that is read from the log. */
const BEFORE_READING = 200;
const ATTACHED = "is another seat attached?";

const deviceRoom = ({ userId, deviceId }: DeviceIdentity) => `device ${userId} ${deviceId}`;

/** `others`: where there are other nodes. `onMissed`: so many seats read their logs for what they weren't told. */
export function createRooms(
  namespace: Namespace,
  options: { others?: OtherNodes | undefined; onMissed: (seats: number) => void },
): Rooms {
  const { others } = options;
  const groups = new Map<GroupId, Set<Attachment>>();
  const attachedBy = new WeakMap<Socket, Set<GroupId>>();
  const devices = new Map<Socket, Listener>();
  /** By group, what was told before what comes before it. */
  const early = new Map<GroupId, { told: readonly Told[]; timer: NodeJS.Timeout }>();
  const of = (groupId: GroupId): Iterable<Attachment> => groups.get(groupId) ?? [];

  function send<K extends keyof DeliveryEvents>(
    sockets: Iterable<Socket>,
    event: K,
    payload: DeliveryEvents[K],
  ): void {
    const ids = Array.from(sockets, ({ id }) => id);
    if (ids.length > 0) namespace.local.to(ids).emit(event, payload);
  }

  const sendToDevice = <K extends keyof DeliveryEvents>(
    device: DeviceIdentity,
    event: K,
    payload: DeliveryEvents[K],
  ) => namespace.local.to(deviceRoom(device)).emit(event, payload);

  /** -> whether all of the group's seats are past it. */
  function offer(told: Told): boolean {
    const { groupId, entries } = told;
    let isTaken = true;
    const hearers = new Set<Socket>();
    const partly: { socket: Socket; entries: Told["entries"] }[] = [];
    for (const attachment of of(groupId)) {
      const { socket } = attachment;
      const taken = takeTold(attachment, told);
      if (taken === undefined) isTaken = false;
      else if (taken.length === entries.length) hearers.add(socket);
      else if (taken.length > 0) partly.push({ socket, entries: taken });
    }
    send(hearers, "entries", { groupId, entries: [...entries] });
    for (const { socket, entries: rest } of partly) {
      if (!hearers.has(socket)) send([socket], "entries", { groupId, entries: [...rest] });
    }
    return isTaken;
  }

  /** Offers what is early, and what was told now, in the log's order. */
  function tellInOrder(groupId: GroupId, now: readonly Told[]): void {
    const before = early.get(groupId);
    if (before === undefined && now.length === 0) return;
    const all = [...(before?.told ?? []), ...now].toSorted((one, other) => one.first - other.first);
    const left = all.filter((told) => !offer(told));
    if (left.length === 0) {
      clearTimeout(before?.timer);
      early.delete(groupId);
      return;
    }
    const timer = before?.timer ?? setTimeout(() => readMissing(groupId), BEFORE_READING);
    early.set(groupId, { told: left, timer });
  }

  function readMissing(groupId: GroupId): void {
    const last = early.get(groupId)?.told.at(-1)?.last;
    early.delete(groupId);
    if (last === undefined) return;
    rooms.recover([...of(groupId)].filter(({ caughtUp, told }) => caughtUp && told < last));
  }

  function tellAll(hint: Hint): void {
    rooms.hear(hint);
    others?.tell(hint);
  }

  function hasAnother(groupId: GroupId, seatId: SeatId): boolean {
    const attached = [...of(groupId)];
    // Whoever has attached the seat itself has its other attachments under names that it replaced.
    const own = new Set(attached.filter((one) => one.seatId === seatId).map(({ socket }) => socket));
    return attached.some((one) => one.seatId !== seatId && !own.has(one.socket));
  }
  namespace.on(ATTACHED, (groupId: GroupId, seatId: SeatId, reply: (has: boolean) => void) =>
    reply(hasAnother(groupId, seatId)),
  );

  const rooms: Rooms = {
    addDevice(socket, device, attachAgain) {
      devices.set(socket, { device, attachAgain });
      void socket.join(deviceRoom(device));
    },
    attach(socket, seat, { logSeq, seated }) {
      const { groupId, seatId } = seat;
      const attachments = groups.get(groupId) ?? new Set();
      groups.set(groupId, attachments);
      const own = attachedBy.get(socket) ?? new Set();
      attachedBy.set(socket, own.add(groupId));
      for (const other of attachments) {
        if (other.socket === socket && other.seatId === seatId) attachments.delete(other);
      }
      const told = logSeq < seat.cursor ? logSeq : seat.cursor;
      const place = { told, caughtUp: false, heard: logSeq, seated, seatedAsOf: logSeq };
      const attachment: Attachment = { socket, seat, seatId, ...place };
      attachments.add(attachment);
      return attachment;
    },
    listen(attachment, upTo) {
      const listens = beginToListen(attachment, upTo);
      if (listens) tellInOrder(attachment.seat.groupId, []);
      return listens;
    },
    recover(attachments) {
      if (attachments.length > 0) options.onMissed(attachments.length);
      for (const [socket, behind] of Map.groupBy(attachments, (attachment) => attachment.socket)) {
        for (const attachment of behind) attachment.caughtUp = false;
        devices.get(socket)?.attachAgain(behind.map(({ seat, told }) => ({ ...seat, cursor: told })));
      }
    },
    leave(socket) {
      devices.delete(socket);
      for (const groupId of attachedBy.get(socket) ?? []) {
        const attachments = groups.get(groupId);
        for (const attachment of of(groupId)) {
          if (attachment.socket === socket) attachments?.delete(attachment);
        }
        if (attachments?.size === 0) groups.delete(groupId);
      }
      attachedBy.delete(socket);
    },
    async isAnotherSeatAttached(groupId, seatId) {
      if (hasAnother(groupId, seatId)) return true;
      if (others === undefined) return false;
      try {
        const answers = await inTime(namespace.serverSideEmitWithAck(ATTACHED, groupId, seatId));
        return answers.some((has) => has === true);
      } catch {
        return true;
      }
    },

    groups,
    devices,
    hear(hint) {
      switch (hint.kind) {
        case "appended": {
          const told = groups.has(hint.appended.groupId) ? toldOf(hint.appended) : undefined;
          return told && tellInOrder(told.groupId, [told]);
        }
        case "unseated": {
          const gone = new Set(hint.seatIds);
          for (const other of of(hint.groupId)) if (gone.has(other.seatId)) other.seated = false;
          return;
        }
        case "acked": {
          const { groupId, seq } = hint;
          const listening = [...of(groupId)].filter(({ caughtUp, seated }) => caughtUp && seated);
          return send(new Set(listening.map(({ socket }) => socket)), "acked", { groupId, seq });
        }
        case "welcome":
          return void sendToDevice(hint.device, "welcome", {});
        case "keyPackagesLow":
          return void sendToDevice(hint.device, "keyPackagesLow", hint.pool);
      }
    },
    listeners: {
      onAppended: (appended) => tellAll({ kind: "appended", appended }),
      onUnseated: (groupId, seatIds) => tellAll({ kind: "unseated", groupId, seatIds }),
      onAcked: (groupId, seq) => tellAll({ kind: "acked", groupId, seq }),
      onWelcome: (device) => tellAll({ kind: "welcome", device }),
      onKeyPackagesLow: (device, pool) => tellAll({ kind: "keyPackagesLow", device, pool }),
    },
  };
  others?.onHint((hint) => rooms.hear(hint));
  return rooms;
}

/** The library itself waits five seconds. */
function inTime<T>(answers: Promise<T>): Promise<T> {
  return Promise.race([
    answers,
    wait(ANSWER_WITHIN, undefined, { ref: false }).then(() => Promise.reject(new Error("no answer"))),
  ]);
}
