import type { DeliveryListeners, DeviceIdentity } from "@thicket/delivery-service";
import type { DeliveryEvents, GroupId, SeatId } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { toWire } from "./to-wire.ts";

interface Attachment {
  socket: Socket;
  seatId: SeatId;
  /** It has what came before. */
  caughtUp: boolean;
  /** Its seat belongs to a tip, as far as was told. */
  seated: boolean;
}

/**
 * Who hears of what. A group's listeners are in one Socket.IO room, so that an entry is encoded once for all; a seat
 * enters it when it has caught up and leaves it with the commit that removes it.
 */
export interface Rooms {
  /** A device hears of its Welcomes and key packages. */
  addDevice(socket: Socket, device: DeviceIdentity): void;
  /** An attached seat; it doesn't listen yet. */
  attach(socket: Socket, groupId: GroupId, seatId: SeatId): void;
  /** From now on the socket hears of what is for this seat. -> whether the seat is still attached. */
  listen(socket: Socket, groupId: GroupId, seatId: SeatId): boolean;
  leave(socket: Socket): void;
  /** Whether a socket has attached another seat of the group than this one. */
  isAnotherSeatAttached(groupId: GroupId, seatId: SeatId): boolean;

  /** What the Delivery Service calls. */
  listeners: Required<Omit<DeliveryListeners, "onFault" | "onHeld">>;
}

export function createRooms(namespace: Namespace): Rooms {
  const groups = new Map<GroupId, Set<Attachment>>();
  const attachedBy = new WeakMap<Socket, Set<GroupId>>();
  const groupRoom = (groupId: GroupId) => `group ${groupId}`;
  const deviceRoom = ({ userId, deviceId }: DeviceIdentity) => `device ${userId} ${deviceId}`;
  const of = (groupId: GroupId): Iterable<Attachment> => groups.get(groupId) ?? [];
  const send = <K extends keyof DeliveryEvents>(
    room: string,
    event: K,
    payload: DeliveryEvents[K],
    except: string[] = [],
  ) => namespace.to(room).except(except).emit(event, toWire(payload));
  const listens = ({ caughtUp, seated }: Attachment) => caughtUp && seated;

  function enterOrLeave(groupId: GroupId, { socket }: Attachment): void {
    const room = groupRoom(groupId);
    const any = [...of(groupId)].some((other) => other.socket === socket && listens(other));
    if (any) void socket.join(room);
    else void socket.leave(room);
  }

  function change(
    groupId: GroupId,
    concerns: (attachment: Attachment) => boolean,
    to: Partial<Pick<Attachment, "caughtUp" | "seated">>,
  ): boolean {
    const found = [...of(groupId)].filter(concerns);
    for (const attachment of found) {
      Object.assign(attachment, to);
      enterOrLeave(groupId, attachment);
    }
    return found.length > 0;
  }

  return {
    addDevice: (socket, device) => void socket.join(deviceRoom(device)),
    attach(socket, groupId, seatId) {
      const attachments = groups.get(groupId) ?? new Set();
      groups.set(groupId, attachments);
      const own = attachedBy.get(socket) ?? new Set();
      attachedBy.set(socket, own.add(groupId));
      const same = (other: Attachment) => other.socket === socket && other.seatId === seatId;
      if (change(groupId, same, { caughtUp: false, seated: true })) return;
      attachments.add({ socket, seatId, caughtUp: false, seated: true });
    },
    listen(socket, groupId, seatId) {
      const same = (other: Attachment) => other.socket === socket && other.seatId === seatId;
      return change(groupId, same, { caughtUp: true });
    },
    leave(socket) {
      for (const groupId of attachedBy.get(socket) ?? []) {
        const attachments = groups.get(groupId);
        for (const attachment of of(groupId))
          if (attachment.socket === socket) attachments?.delete(attachment);
        if (attachments?.size === 0) groups.delete(groupId);
        void socket.leave(groupRoom(groupId));
      }
      attachedBy.delete(socket);
    },
    isAnotherSeatAttached: (groupId, seatId) => [...of(groupId)].some((other) => other.seatId !== seatId),

    listeners: {
      onAppended(groupId, entries, hiddenFrom, alsoTo) {
        const blind = new Set(hiddenFrom);
        const among = [...of(groupId)].filter(({ seatId }) => blind.has(seatId)).map(({ socket }) => socket);
        // A socket may have two seats of one group, of which one reads.
        const reads = (socket: Socket) =>
          [...of(groupId)].some(
            (other) => other.socket === socket && listens(other) && !blind.has(other.seatId),
          );
        const except = among.filter((socket) => !reads(socket)).map(({ id }) => id);
        const event = { groupId, entries: [...entries] };
        send(groupRoom(groupId), "entries", event, except);
        if (alsoTo.length === 0) return;
        const also = new Set(alsoTo);
        const asides = [...of(groupId)].filter(({ seatId, caughtUp }) => caughtUp && also.has(seatId));
        for (const socket of new Set(asides.map((aside) => aside.socket))) {
          if (!reads(socket)) socket.emit("entries", toWire(event));
        }
      },
      onUnseated(groupId, seatIds) {
        const gone = new Set(seatIds);
        change(groupId, ({ seatId }) => gone.has(seatId), { seated: false });
      },
      onSeated(groupId, seatIds) {
        const back = new Set(seatIds);
        change(groupId, ({ seatId }) => back.has(seatId), { seated: true });
      },
      onAcked: (groupId, seq) => void send(groupRoom(groupId), "acked", { groupId, seq }),
      onWelcome: (device) => void send(deviceRoom(device), "welcome", {}),
      onKeyPackagesLow: (device, pool) => void send(deviceRoom(device), "keyPackagesLow", pool),
    },
  };
}
