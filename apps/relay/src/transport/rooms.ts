import type { DeliveryListeners, DeviceIdentity } from "@thicket/delivery-service";
import type { DeliveryEvents, GroupId, SeatId } from "@thicket/protocol";
import type { Namespace, Socket } from "socket.io";
import { toWire } from "./to-wire.ts";

interface Attachment {
  socket: Socket;
  seatId: SeatId;
  /** In the group's room: it has what came before, and its seat still belongs. */
  listening: boolean;
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
  /** From now on the socket hears of the group, unless its seat has been removed. -> whether it does. */
  listen(socket: Socket, groupId: GroupId, seatId: SeatId): boolean;
  leave(socket: Socket): void;

  /** What the Delivery Service calls. */
  listeners: Required<Omit<DeliveryListeners, "onFault">>;
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

  function drop(groupId: GroupId, attachment: Attachment): void {
    const attachments = groups.get(groupId);
    attachments?.delete(attachment);
    if (attachments?.size === 0) groups.delete(groupId);
    const { socket } = attachment;
    const listens = [...of(groupId)].some((other) => other.socket === socket && other.listening);
    if (!listens) void socket.leave(groupRoom(groupId));
  }

  return {
    addDevice: (socket, device) => void socket.join(deviceRoom(device)),
    attach(socket, groupId, seatId) {
      const attachments = groups.get(groupId) ?? new Set();
      groups.set(groupId, attachments);
      for (const other of attachments) if (other.socket === socket && other.seatId === seatId) return;
      attachments.add({ socket, seatId, listening: false });
      const own = attachedBy.get(socket) ?? new Set();
      attachedBy.set(socket, own.add(groupId));
    },
    listen(socket, groupId, seatId) {
      const found = [...of(groupId)].find((other) => other.socket === socket && other.seatId === seatId);
      if (found === undefined) return false;
      found.listening = true;
      void socket.join(groupRoom(groupId));
      return true;
    },
    leave(socket) {
      for (const groupId of attachedBy.get(socket) ?? []) {
        for (const attachment of of(groupId)) if (attachment.socket === socket) drop(groupId, attachment);
      }
      attachedBy.delete(socket);
    },

    listeners: {
      onAppended(groupId, entries, hiddenFrom) {
        const blind = [...of(groupId)].filter(({ seatId }) => hiddenFrom.includes(seatId));
        const except = blind.map(({ socket }) => socket.id);
        send(groupRoom(groupId), "entries", { groupId, entries: [...entries] }, except);
      },
      onUnseated(groupId, seatIds) {
        const gone = new Set(seatIds);
        for (const attachment of of(groupId)) if (gone.has(attachment.seatId)) drop(groupId, attachment);
      },
      onAcked: (groupId, seq) => void send(groupRoom(groupId), "acked", { groupId, seq }),
      onWelcome: (device) => void send(deviceRoom(device), "welcome", {}),
      onKeyPackagesLow: (device, pool) => void send(deviceRoom(device), "keyPackagesLow", pool),
    },
  };
}
