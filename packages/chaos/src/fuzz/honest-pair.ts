import { createHash } from "node:crypto";
import { parse, privateMessage, type SeededRandom } from "@thicket/delivery-service/testing";
import {
  type DeliveryReply,
  deliveryRequests,
  type DeliveryRequests,
  GroupId,
  toHex,
} from "@thicket/protocol";
import { type Connection, openConnection } from "../clients/connection.ts";
import { type Device, wire } from "../clients/device.ts";

/** Two who only want to talk: each message is acknowledged to one and heard by the other, whatever a third does. */
export interface HonestPair {
  readonly groupId: string;
  readonly seats: readonly { seatId: string; seatToken: Buffer }[];
  readonly epochToken: Buffer;
  /** @throws Error where it isn't acknowledged or not heard in time. */
  talk(): Promise<void>;
  /** Everything that was ever acknowledged is read by both. @throws Error with what is missing. */
  readAll(): Promise<void>;
  close(): void;
}

/** ms */
const HEARD_WITHIN = 30_000;

export async function openHonestPair(
  at: { url: string; origin: string },
  devices: readonly [Device, Device],
  random: SeededRandom,
): Promise<HonestPair> {
  const groupId = parse(GroupId, toHex(random.bytes(32)));
  const epochToken = Buffer.from(random.bytes(32));
  const seats = devices.map(() => ({
    seatId: toHex(random.bytes(16)),
    seatToken: Buffer.from(random.bytes(32)),
  }));
  const [one, other] = seats;
  const heard = new Map<number, () => void>();
  let heardUpTo = 0;
  const connections = await Promise.all(devices.map((device, index) => connect(at, device, index === 1)));
  const [speaker, listener] = connections;
  if (speaker === undefined || listener === undefined || one === undefined || other === undefined) {
    throw new Error("a pair is two");
  }

  function connect(place: { url: string; origin: string }, device: Device, listens: boolean) {
    return openConnection({
      url: place.url,
      node: 0,
      origin: place.origin,
      answerWithin: HEARD_WITHIN,
      logIn: (challenge) => device.logIn(challenge),
      listeners: {
        onEntries(_, entries) {
          if (!listens) return;
          for (const { seq } of entries) {
            heardUpTo = Math.max(heardUpTo, seq);
            heard.get(seq)?.();
          }
        },
        onWelcome: () => undefined,
        onClosed: () => undefined,
      },
    });
  }

  const ask = async <K extends keyof DeliveryRequests>(through: Connection, name: K, request: object) => {
    const answer = await through.ask(name, request);
    if (answer === undefined) throw new Error(`an honest ${name} wasn't answered`);
    const reply: DeliveryReply<K> = parse<DeliveryReply<K>>(deliveryRequests[name].reply, answer);
    if (!reply.ok) throw new Error(`an honest ${name} was refused: ${reply.error.code}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `ok` says which of the two it is
    return reply as Extract<DeliveryReply<K>, { ok: true }>;
  };
  await ask(speaker, "group.create", { groupId, ...one, epochTokenHash: sha256(epochToken) });
  const second = Buffer.from(random.bytes(32));
  const place = { groupId, ...one, epochToken, epoch: 0, branch: 0 };
  const committed = await ask(speaker, "group.commit", {
    ...place,
    entryId: toHex(random.bytes(16)),
    bytes: wire(privateMessage(groupId, 0, "commit", random.bytes(40))),
    nextTokenHash: sha256(second),
    seatsAdded: [other.seatId],
    seatsRemoved: [],
    welcomes: [],
  });
  const branch = committed.seq;
  await ask(listener, "group.attach", {
    seats: [{ groupId, ...other, epochToken: second, cursor: 0 }],
  });
  const acknowledged: { seq: number; bytes: Buffer }[] = [];

  async function talk(): Promise<void> {
    if (speaker === undefined) return;
    const bytes = wire(privateMessage(groupId, 1, "application", random.bytes(60)));
    const reply = await ask(speaker, "group.append", {
      groupId,
      ...one,
      epochToken: second,
      epoch: 1,
      branch,
      entryId: toHex(random.bytes(16)),
      kind: "application",
      bytes,
    });
    const { seq } = reply;
    acknowledged.push({ seq, bytes });
    if (heardUpTo >= seq) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`entry ${seq} wasn't heard`)), HEARD_WITHIN);
      heard.set(seq, () => {
        clearTimeout(timer);
        heard.delete(seq);
        resolve();
      });
    });
  }

  async function readAll(): Promise<void> {
    for (const [through, seat] of [
      [speaker, one],
      [listener, other],
    ] as const) {
      if (through === undefined || seat === undefined) return;
      const found = new Map<number, Buffer>();
      for (let after = 0; ;) {
        const page = await ask(through, "group.read", { groupId, ...seat, after, limit: 256 });
        for (const { seq, bytes } of page.entries) found.set(seq, wire(bytes));
        after = page.entries.at(-1)?.seq ?? page.headSeq;
        if (after >= page.headSeq) break;
      }
      for (const { seq, bytes } of acknowledged) {
        if (found.get(seq)?.equals(bytes) !== true) throw new Error(`acknowledged entry ${seq} is lost`);
      }
    }
  }

  return {
    groupId,
    seats,
    epochToken: second,
    talk,
    readAll,
    close: () => connections.forEach((connection) => connection?.close()),
  };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
