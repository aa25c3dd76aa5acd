import type { Socket } from "socket.io-client";
import { Encoder, PacketType } from "socket.io-msgpack-parser";
import { rawSocket } from "./person.ts";

let lastId = 1_000_000;

/** Sends an event of any name, also of those that Socket.IO's client reserves, and gives back its acknowledgement. */
export function askRaw(
  socket: Socket,
  nsp: "/ds" | "/as",
  name: unknown,
  ...values: unknown[]
): Promise<unknown> {
  const id = lastId++;
  const data = [name, ...(values.length === 0 ? [{}] : values)];
  const packet = { type: PacketType.EVENT, nsp, id, data };
  // Its type declaration says one ArrayBuffer; what it gives is a list of frames.
  const [frame] = [new Encoder().encode(packet)].flat();
  if (!(frame instanceof Uint8Array)) throw new Error("not a frame");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no acknowledgement")), 10_000);
    socket.io.on("packet", function answer(answered) {
      if (answered.id !== id) return;
      clearTimeout(timer);
      socket.io.off("packet", answer);
      resolve(answered.data[0]);
    });
    rawSocket(socket).send(frame);
  });
}
