import { setTimeout as wait } from "node:timers/promises";
import type { DeliveryListeners, DeviceIdentity } from "@thicket/delivery-service";
import type { DeliveryEvents, DeliveryRequest, GroupId, SeatId, Seq } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { toWire } from "./to-wire.ts";

export type AttachedSeat = Pick<
  DeliveryRequest<"group.attach">["seats"][number],
  "groupId" | "seatId" | "seatToken" | "cursor"
>;

export interface Attachment {
  socket: Socket;
  /** Where nodes are several, its cursor is the last seq that the socket was sent. */
  seat: AttachedSeat;
  /** It has what came before. */
  caughtUp: boolean;
  /** Its seat belongs to a tip, as far as was told. */
  seated: boolean;
  /** Up to here the log was looked at for it: what it wasn't sent until then it may not read. */
  looked: Seq;
}

/**
 * Who hears of what. A group's listeners are in one Socket.IO room, so that an entry is encoded once for all; a seat
 * enters it when it has caught up and leaves it with the commit that removes it. With several nodes the rooms are those
 * of all nodes together, and what is told is a hint there too: `look-for-missed.ts` makes up for what gets lost.
 */
export interface Rooms {
  /** A device hears of its Welcomes and key packages. `attachAgain` catches up seats of the socket's own. */
  addDevice(socket: Socket, device: DeviceIdentity, attachAgain: (seats: AttachedSeat[]) => void): void;
  /** An attached seat; it doesn't listen yet. */
  attach(socket: Socket, seat: AttachedSeat): void;
  /** From now on the socket hears of what is for this seat. -> whether the seat is still attached. */
  listen(socket: Socket, groupId: GroupId, seatId: SeatId): boolean;
  leave(socket: Socket): void;
  /** The socket's seats in these groups, as they stand now. */
  seatsOf(socket: Socket, groupIds: ReadonlySet<GroupId>): AttachedSeat[];
  /** Whether a socket of any node has attached another seat of the group than this one; true where a node doesn't say. */
  isAnotherSeatAttached(groupId: GroupId, seatId: SeatId): Promise<boolean>;

  /** What the Delivery Service calls. */
  listeners: Required<Omit<DeliveryListeners, "onFault" | "onHeld" | "onBatch">>;
  /** What is attached on this node. */
  readonly groups: ReadonlyMap<GroupId, ReadonlySet<Attachment>>;
  readonly devices: ReadonlyMap<Socket, Listener>;
  /** Another node has put the attachment's socket out of the group's room, or into it, by what it was told. */
  isMisplaced(attachment: Attachment): boolean;
  /** Tells the sockets of this node only. */
  tellHere: {
    acked(groupId: GroupId, seq: Seq): void;
    welcome(device: DeviceIdentity): void;
  };
}

interface Listener {
  device: DeviceIdentity;
  attachAgain: (seats: AttachedSeat[]) => void;
}

/** Another node that doesn't say whether it has a seat within this time (ms) counts as having one. */
const ANSWER_WITHIN = 1000;
const ATTACHED = "is another seat attached?";

const groupRoom = (groupId: GroupId) => `group ${groupId}`;
const seatRoom = (groupId: GroupId, seatId: SeatId) => `seat ${groupId} ${seatId}`;
const deviceRoom = ({ userId, deviceId }: DeviceIdentity) => `device ${userId} ${deviceId}`;
const listens = ({ caughtUp, seated }: Attachment) => caughtUp && seated;

/** `shared`: the namespace's adapter speaks with other nodes. */
export function createRooms(namespace: Namespace, shared: boolean): Rooms {
  const groups = new Map<GroupId, Set<Attachment>>();
  const attachedBy = new WeakMap<Socket, Set<GroupId>>();
  const devices = new Map<Socket, Listener>();
  const of = (groupId: GroupId): Iterable<Attachment> => groups.get(groupId) ?? [];
  const seatRooms = (groupId: GroupId, seatIds: readonly SeatId[]) =>
    shared ? seatIds.map((seatId) => seatRoom(groupId, seatId)) : [];
  const isOf =
    (socket: Socket, seatId: SeatId) =>
    (other: Attachment): boolean =>
      other.socket === socket && other.seat.seatId === seatId;

  function send<K extends keyof DeliveryEvents>(
    to: ReturnType<Namespace["to"]>,
    event: K,
    payload: DeliveryEvents[K],
  ): void {
    to.emit(event, toWire(payload));
  }

  const isListening = (groupId: GroupId, socket: Socket) =>
    [...of(groupId)].some((other) => other.socket === socket && listens(other));

  function enterOrLeave(groupId: GroupId, { socket }: Attachment): void {
    const room = groupRoom(groupId);
    if (isListening(groupId, socket)) void socket.join(room);
    else void socket.leave(room);
  }

  function change(
    groupId: GroupId,
    concerns: (attachment: Attachment) => boolean,
    to: Partial<Attachment>,
  ): boolean {
    const found = [...of(groupId)].filter(concerns);
    for (const attachment of found) {
      Object.assign(attachment, to);
      enterOrLeave(groupId, attachment);
    }
    return found.length > 0;
  }

  /** What a socket was sent, by whatever node: only so is it known what it missed. */
  function follow(socket: Socket): void {
    socket.onAnyOutgoing((event: unknown, payload: DeliveryEvents["entries"]) => {
      if (event !== "entries") return;
      const last = payload.entries.at(-1)?.seq;
      for (const { socket: other, seat } of of(payload.groupId)) {
        if (other === socket && last !== undefined && last > seat.cursor) seat.cursor = last;
      }
    });
  }

  const hasAnother = (groupId: GroupId, seatId: SeatId) =>
    [...of(groupId)].some(({ seat }) => seat.seatId !== seatId);
  namespace.on(ATTACHED, (groupId: GroupId, seatId: SeatId, reply: (has: boolean) => void) =>
    reply(hasAnother(groupId, seatId)),
  );

  return {
    addDevice(socket, device, attachAgain) {
      devices.set(socket, { device, attachAgain });
      if (shared) follow(socket);
      void socket.join(deviceRoom(device));
    },
    attach(socket, seat) {
      const { groupId, seatId } = seat;
      const attachments = groups.get(groupId) ?? new Set();
      groups.set(groupId, attachments);
      const own = attachedBy.get(socket) ?? new Set();
      attachedBy.set(socket, own.add(groupId));
      const fresh = { seat: { ...seat }, caughtUp: false, seated: true };
      if (change(groupId, isOf(socket, seatId), fresh)) return;
      attachments.add({ socket, ...fresh, looked: seat.cursor });
      if (shared) void socket.join(seatRoom(groupId, seatId));
    },
    listen: (socket, groupId, seatId) => change(groupId, isOf(socket, seatId), { caughtUp: true }),
    leave(socket) {
      devices.delete(socket);
      for (const groupId of attachedBy.get(socket) ?? []) {
        const attachments = groups.get(groupId);
        for (const attachment of of(groupId)) {
          if (attachment.socket === socket) attachments?.delete(attachment);
        }
        if (attachments?.size === 0) groups.delete(groupId);
        // It is out of all rooms by itself: it has gone.
      }
      attachedBy.delete(socket);
    },
    seatsOf: (socket, groupIds) =>
      [...groupIds].flatMap((groupId) =>
        [...of(groupId)].filter((other) => other.socket === socket).map(({ seat }) => ({ ...seat })),
      ),
    async isAnotherSeatAttached(groupId, seatId) {
      if (hasAnother(groupId, seatId)) return true;
      if (!shared) return false;
      try {
        const answers = await inTime(namespace.serverSideEmitWithAck(ATTACHED, groupId, seatId));
        return answers.some((has) => has === true);
      } catch {
        return true;
      }
    },

    groups,
    devices,
    isMisplaced: ({ socket, seat: { groupId } }) =>
      socket.rooms.has(groupRoom(groupId)) !== isListening(groupId, socket),
    tellHere: {
      acked: (groupId, seq) => send(namespace.local.to(groupRoom(groupId)), "acked", { groupId, seq }),
      welcome: (device) => send(namespace.local.to(deviceRoom(device)), "welcome", {}),
    },
    listeners: {
      onAppended(groupId, entries, hiddenFrom, alsoTo) {
        const blind = new Set(hiddenFrom);
        // A socket may have two seats of one group, of which one reads.
        const reads = (socket: Socket) =>
          [...of(groupId)].some(
            (other) => other.socket === socket && listens(other) && !blind.has(other.seat.seatId),
          );
        const among = [...of(groupId)].filter(({ seat }) => blind.has(seat.seatId));
        const except = among.flatMap(({ socket }) => (reads(socket) ? [] : [socket.id]));
        const event = { groupId, entries: [...entries] };
        const everybody = namespace.to(groupRoom(groupId));
        send(everybody.except([...except, ...seatRooms(groupId, hiddenFrom)]), "entries", event);
        if (alsoTo.length === 0) return;
        const also = new Set(alsoTo);
        const asides = [...of(groupId)].filter(({ seat, caughtUp }) => caughtUp && also.has(seat.seatId));
        const told = new Set(asides.map(({ socket }) => socket).filter((socket) => !reads(socket)));
        // By the rooms of seats, which other nodes know; or one by one.
        if (shared)
          send(namespace.to(seatRooms(groupId, alsoTo)).except(groupRoom(groupId)), "entries", event);
        else for (const socket of told) socket.emit("entries", toWire(event));
      },
      onUnseated(groupId, seatIds) {
        if (shared) namespace.in(seatRooms(groupId, seatIds)).socketsLeave(groupRoom(groupId));
        const gone = new Set(seatIds);
        change(groupId, ({ seat }) => gone.has(seat.seatId), { seated: false });
      },
      onSeated(groupId, seatIds) {
        if (shared) namespace.in(seatRooms(groupId, seatIds)).socketsJoin(groupRoom(groupId));
        const back = new Set(seatIds);
        change(groupId, ({ seat }) => back.has(seat.seatId), { seated: true });
      },
      onAcked: (groupId, seq) => send(namespace.to(groupRoom(groupId)), "acked", { groupId, seq }),
      onWelcome: (device) => send(namespace.to(deviceRoom(device)), "welcome", {}),
      onKeyPackagesLow: (device, pool) => send(namespace.to(deviceRoom(device)), "keyPackagesLow", pool),
    },
  };
}

/** The library itself waits five seconds. */
function inTime<T>(answers: Promise<T>): Promise<T> {
  return Promise.race([
    answers,
    wait(ANSWER_WITHIN, undefined, { ref: false }).then(() => Promise.reject(new Error("no answer"))),
  ]);
}
