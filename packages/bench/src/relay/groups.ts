import { createHash, randomBytes } from "node:crypto";
import { NAMESPACES } from "@thicket/protocol";
import { PacketType } from "socket.io-msgpack-parser";
import { encodePacket, fieldOf, type Session } from "./session.ts";
import { clientFrame, OPCODE } from "./web-socket.ts";

export interface Seat {
  readonly seatId: string;
  readonly seatToken: Buffer;
}

/** Where a group stands, and its founder's seat. */
export interface Group {
  readonly groupId: string;
  readonly founder: Seat;
  readonly epoch: number;
  readonly branch: number;
  readonly epochToken: Buffer;
}

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
const newId = (length: number) => randomBytes(length).toString("hex");
export const newSeat = (): Seat => ({ seatId: newId(16), seatToken: randomBytes(32) });

/** What a person writes is one MLSMessage of this many bytes in all the rows. */
export const MESSAGE_BYTES = 1024;

/** An MLSMessage of which the part that the DS reads is real (RFC 9420 §6.3.1), and the ciphertext random. */
function privateMessage(groupId: string, epoch: number, contentType: number, size = MESSAGE_BYTES): Buffer {
  const message = randomBytes(size);
  message.writeUInt16BE(1, 0); // mls10
  message.writeUInt16BE(2, 2); // mls_private_message
  message.writeUInt8(32, 4);
  message.write(groupId, 5, "hex");
  message.writeBigUInt64BE(BigInt(epoch), 37);
  message.writeUInt8(contentType, 45);
  return message;
}
const APPLICATION = 1;
const COMMIT = 3;

export async function createGroup(session: Session): Promise<Group> {
  const founder = newSeat();
  const groupId = newId(32);
  const epochToken = randomBytes(32);
  await session.ask("group.create", { groupId, ...founder, epochTokenHash: sha256(epochToken) });
  return { groupId, founder, epoch: 0, branch: 0, epochToken };
}

/** A commit of the founder that adds seats. -> the group in its next epoch. */
export async function addSeats(session: Session, group: Group, seats: readonly Seat[]): Promise<Group> {
  const { groupId, founder, epoch, branch, epochToken } = group;
  const nextToken = randomBytes(32);
  const reply = await session.ask("group.commit", {
    groupId,
    ...founder,
    epochToken,
    entryId: newId(16),
    epoch,
    branch,
    bytes: privateMessage(groupId, epoch, COMMIT),
    nextTokenHash: sha256(nextToken),
    seatsAdded: seats.map(({ seatId }) => seatId),
    seatsRemoved: [],
    welcomes: [],
  });
  return { groupId, founder, epoch: epoch + 1, branch: Number(fieldOf(reply, "seq")), epochToken: nextToken };
}

/** The request that attaches seats which have everything so far. */
export function attachRequest(seats: readonly { group: Group; seat: Seat; cursor: number }[]): object {
  return {
    seats: seats.map(({ group: { groupId, epochToken }, seat, cursor }) => ({
      groupId,
      ...seat,
      epochToken,
      cursor,
    })),
  };
}

/**
 * `group.append` prepared once: each frame is the same bytes with another request id and entry id written in.
 * -> the frame to send for a request id.
 */
export function prepareAppend(group: Group, seat: Seat, size = MESSAGE_BYTES): (requestId: number) => Buffer {
  const { groupId, epoch, branch, epochToken } = group;
  const entryId = newId(16);
  const id = 0x7fff_fff1;
  const bytes = privateMessage(groupId, epoch, APPLICATION, size);
  const request = { groupId, ...seat, epochToken, entryId, epoch, branch, kind: "application", bytes };
  const packet = { type: PacketType.EVENT, nsp: NAMESPACES.delivery, id, data: ["group.append", request] };
  const payload = encodePacket(packet);
  const idAt = payload.indexOf(Buffer.from([0xce, 0x7f, 0xff, 0xff, 0xf1])) + 1;
  const entryIdAt = payload.indexOf(entryId);
  let written = 0;
  return (requestId) => {
    payload.writeUInt32BE(requestId, idAt);
    payload.write((written++).toString(16).padStart(8, "0"), entryIdAt, "latin1");
    return clientFrame(OPCODE.binary, payload);
  };
}

/** What a relay lets one socket have under way, less a margin. */
const TOGETHER = 100;

/** Runs something so many times, no more at once than a relay takes from one socket. */
export async function inTurns<T>(count: number, run: () => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  while (done.length < count) {
    const more = Array.from({ length: Math.min(TOGETHER, count - done.length) }, run);
    done.push(...(await Promise.all(more)));
  }
  return done;
}
