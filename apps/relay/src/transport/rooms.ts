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
  /** Its cursor is the last seq that the socket was sent. */
  seat: AttachedSeat;
  /** In the group's room: it has what came before, and its seat still belongs. */
  listening: boolean;
  /** Up to here the log was looked at for it: what it wasn't sent until then it may not read. */
  looked: Seq;
}

/**
 * Who hears of what. A group's listeners are in one Socket.IO room, so that an entry is encoded once for all; a seat
 * enters it when it has caught up and leaves it with the commit that removes it. With several nodes the rooms are those
 * of all nodes together, and what is told here is a hint there too: `look-for-missed.ts` makes up for what gets lost.
 */
export interface Rooms {
  /** A device hears of its Welcomes and key packages. `attachAgain` catches up seats of the socket's own. */
  addDevice(socket: Socket, device: DeviceIdentity, attachAgain: (seats: AttachedSeat[]) => void): void;
  /** An attached seat; it doesn't listen yet. */
  attach(socket: Socket, seat: AttachedSeat): void;
  /** From now on the socket hears of the group, unless its seat has been removed. -> whether it does. */
  listen(socket: Socket, groupId: GroupId, seatId: SeatId): boolean;
  leave(socket: Socket): void;
  /** The socket's seats in these groups, as they stand now. */
  seatsOf(socket: Socket, groupIds: ReadonlySet<GroupId>): AttachedSeat[];
  /** Whether another seat of the group listens on any node; true where a node doesn't answer. */
  isAnotherSeatAttached(groupId: GroupId, seatId: SeatId): Promise<boolean>;

  /** What the Delivery Service calls. */
  listeners: Required<Omit<DeliveryListeners, "onFault">>;
  /** What is attached on this node. */
  readonly groups: ReadonlyMap<GroupId, ReadonlySet<Attachment>>;
  readonly devices: ReadonlyMap<Socket, Listener>;
  isInRoom(attachment: Attachment): boolean;
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
const ATTACHED = "attached elsewhere?";

const groupRoom = (groupId: GroupId) => `group ${groupId}`;
const seatRoom = (groupId: GroupId, seatId: SeatId) => `seat ${groupId} ${seatId}`;
const deviceRoom = ({ userId, deviceId }: DeviceIdentity) => `device ${userId} ${deviceId}`;

/** The library's own waits five seconds. */
function withTimeout<T>(answers: Promise<T>): Promise<T> {
  return Promise.race([
    answers,
    wait(ANSWER_WITHIN, undefined, { ref: false }).then(() => Promise.reject(new Error("no answer"))),
  ]);
}

/** `shared`: the namespace's adapter speaks with other nodes. */
export function createRooms(namespace: Namespace, shared: boolean): Rooms {
  const groups = new Map<GroupId, Set<Attachment>>();
  const attachedBy = new WeakMap<Socket, Set<GroupId>>();
  const devices = new Map<Socket, Listener>();
  const of = (groupId: GroupId): Iterable<Attachment> => groups.get(groupId) ?? [];
  const send = <K extends keyof DeliveryEvents>(
    to: ReturnType<Namespace["to"]>,
    event: K,
    payload: DeliveryEvents[K],
  ) => void to.emit(event, toWire(payload));

  function drop(groupId: GroupId, attachment: Attachment): void {
    const attachments = groups.get(groupId);
    attachments?.delete(attachment);
    if (attachments?.size === 0) groups.delete(groupId);
    const { socket, seat } = attachment;
    if (shared) void socket.leave(seatRoom(groupId, seat.seatId));
    const listens = [...of(groupId)].some((other) => other.socket === socket && other.listening);
    // Joins again where another node has put the whole socket out for this one seat.
    void (listens ? socket.join(groupRoom(groupId)) : socket.leave(groupRoom(groupId)));
  }

  /** What a socket was sent, by whatever node: only then is it known what it missed. */
  function follow(socket: Socket): void {
    socket.onAnyOutgoing((event: unknown, payload: DeliveryEvents["entries"]) => {
      if (event !== "entries") return;
      const last = payload.entries.at(-1)?.seq;
      for (const attachment of of(payload.groupId)) {
        const { seat } = attachment;
        if (attachment.socket === socket && last !== undefined && last > seat.cursor) seat.cursor = last;
      }
    });
  }

  function hasAnother(groupId: GroupId, seatId: SeatId): boolean {
    return [...of(groupId)].some(({ seat, listening }) => listening && seat.seatId !== seatId);
  }
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
      for (const other of attachments) if (other.socket === socket && other.seat.seatId === seatId) return;
      attachments.add({ socket, seat: { ...seat }, listening: false, looked: seat.cursor });
      const own = attachedBy.get(socket) ?? new Set();
      attachedBy.set(socket, own.add(groupId));
      if (shared) void socket.join(seatRoom(groupId, seatId));
    },
    listen(socket, groupId, seatId) {
      const found = [...of(groupId)].find((other) => other.socket === socket && other.seat.seatId === seatId);
      if (found === undefined) return false;
      found.listening = true;
      void socket.join(groupRoom(groupId));
      return true;
    },
    leave(socket) {
      devices.delete(socket);
      for (const groupId of attachedBy.get(socket) ?? []) {
        for (const attachment of of(groupId)) if (attachment.socket === socket) drop(groupId, attachment);
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
        const answers: unknown = await withTimeout(
          namespace.serverSideEmitWithAck(ATTACHED, groupId, seatId),
        );
        return Array.isArray(answers) && answers.some((has) => has === true);
      } catch {
        return true;
      }
    },

    groups,
    devices,
    isInRoom: ({ socket, seat }) => socket.rooms.has(groupRoom(seat.groupId)),
    tellHere: {
      acked: (groupId, seq) => send(namespace.local.to(groupRoom(groupId)), "acked", { groupId, seq }),
      welcome: (device) => send(namespace.local.to(deviceRoom(device)), "welcome", {}),
    },
    listeners: {
      onAppended(groupId, entries, hiddenFrom) {
        const blind = [...of(groupId)].filter(({ seat }) => hiddenFrom.includes(seat.seatId));
        const except = blind.map(({ socket }) => socket.id);
        if (shared) except.push(...hiddenFrom.map((seatId) => seatRoom(groupId, seatId)));
        const room = namespace.to(groupRoom(groupId)).except(except);
        send(room, "entries", { groupId, entries: [...entries] });
      },
      onUnseated(groupId, seatIds) {
        const gone = new Set(seatIds);
        // Before they are dropped here: other nodes are to find them by the seats' rooms.
        if (shared) {
          for (const seatId of gone) namespace.in(seatRoom(groupId, seatId)).socketsLeave(groupRoom(groupId));
        }
        for (const attachment of of(groupId)) {
          if (gone.has(attachment.seat.seatId)) drop(groupId, attachment);
        }
      },
      onAcked: (groupId, seq) => send(namespace.to(groupRoom(groupId)), "acked", { groupId, seq }),
      onWelcome: (device) => send(namespace.to(deviceRoom(device)), "welcome", {}),
      onKeyPackagesLow: (device, pool) => send(namespace.to(deviceRoom(device)), "keyPackagesLow", pool),
    },
  };
}
