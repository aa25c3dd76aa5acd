import { setTimeout as sleep } from "node:timers/promises";
import { parse, type SeededRandom } from "@thicket/delivery-service/testing";
import { type DeliveryReply, type DeliveryRequests, deliveryRequests, type Entry } from "@thicket/protocol";
import { type Connection, openConnection } from "../clients/connection.ts";
import type { Device } from "../clients/device.ts";
import type { Attach, Listening, Operation, SeenEntry } from "../history.ts";
import type { Stage } from "../stage/stage.ts";
import { type Membership, succeed } from "./group.ts";
import { type Question, type Recorder, UNKNOWN } from "./recorder.ts";

type Name = keyof DeliveryRequests;
type Accepted<K extends Name> = Extract<DeliveryReply<K>, { ok: true }>;

/** One device that stays connected as well as it can, with all its seats. */
export interface Client {
  readonly index: number;
  readonly device: Device;
  /** By seat id. */
  readonly memberships: Map<string, Membership>;
  /** A Welcome is said to wait. */
  welcomeWaits: boolean;
  /** Asks once there is a connection -> the operation; undefined where the client was stopped before. */
  ask<K extends Name, O extends Operation>(
    name: K,
    request: object,
    question: Omit<Question<O>, "device" | "node">,
    read: (reply: Accepted<K>) => Extract<O["outcome"], { kind: "ok" }>["reply"],
  ): Promise<O | undefined>;
  /** An entry in the terms of the history that is being written. */
  see(groupId: string, entry: Entry): SeenEntry;
  /** The seat has been given these. Where they replace it, the member goes on under the new name. */
  take(membership: Membership, entries: readonly SeenEntry[]): void;
  /** A seat's own token. */
  randomToken(): Buffer;
  /** Attaches seats on the connection that there is. -> whether the relay has answered for all of them. */
  attach(memberships: readonly Membership[]): Promise<boolean>;
  /** Ends the connection; another one is made. */
  reconnect(): void;
  isConnected(): boolean;
  /** Connects, and stays so, and writes down in this recorder, until stopped. */
  start(recorder: Recorder): void;
  stop(): void;
}

const ATTACH_BATCH = 1000;

export function createClient(options: {
  index: number;
  device: Device;
  stage: Stage;
  random: SeededRandom;
}): Client {
  const { index, device, stage, random } = options;
  const memberships = new Map<string, Membership>();
  let recorder: Recorder | undefined;
  let running = 0;
  let connection: Connection | undefined;
  let heard = new Map<string, Listening>();
  let waiters: (() => void)[] = [];

  function wake(): void {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  }

  function listeningTo(groupId: string, no: number): Listening | undefined {
    let listening = heard.get(groupId);
    if (listening === undefined && recorder !== undefined) {
      listening = recorder.listen({ device: index, connection: no, groupId });
      heard.set(groupId, listening);
    }
    return listening;
  }

  function hear(groupId: string, entries: readonly SeenEntry[], no: number): void {
    listeningTo(groupId, no)?.entries.push(...entries);
    const seats = [...memberships.values()].filter(({ group }) => group.groupId === groupId);
    for (const membership of seats) client.take(membership, entries);
  }

  async function connect(life: number): Promise<void> {
    const node = random.below(stage.nodes.length);
    const url = stage.nodes[node]?.url ?? "";
    const mine = new Map<string, Listening>();
    let no = 0;
    const opened = await openConnection({
      url,
      node,
      origin: stage.origin,
      logIn: (challenge) => device.logIn(challenge),
      listeners: {
        onEntries(groupId, entries) {
          const current = recorder;
          if (current === undefined || life !== running || heard !== mine) return;
          hear(
            groupId,
            entries.map((entry) => current.see(groupId, entry)),
            no,
          );
        },
        onWelcome: () => (client.welcomeWaits = true),
        onClosed() {
          for (const listening of mine.values()) listening.live = false;
          if (heard === mine) connection = undefined;
        },
      },
    });
    if (opened === undefined) return;
    if (life !== running) return opened.close();
    no = opened.no;
    heard = mine;
    connection = opened;
    client.welcomeWaits = true;
    wake();
    const wanted = [...memberships.values()].filter(({ removed }) => !removed || random.below(3) === 0);
    const stands = () => connection === opened;
    while (stands() && !(await client.attach(wanted))) await sleep(50);
  }

  async function stayConnected(life: number): Promise<void> {
    const lives = () => life === running;
    while (lives()) {
      if (connection === undefined) await connect(life);
      await sleep(connection === undefined ? 50 + random.below(200) : 20);
    }
  }

  const client: Client = {
    index,
    device,
    memberships,
    welcomeWaits: true,
    async ask<K extends Name, O extends Operation>(
      name: K,
      request: object,
      question: Omit<Question<O>, "device" | "node">,
      read: (reply: Accepted<K>) => Extract<O["outcome"], { kind: "ok" }>["reply"],
    ): Promise<O | undefined> {
      const life = running;
      const waits = () => connection === undefined && life === running && life > 0;
      while (waits()) {
        await new Promise<void>((resolve) => waiters.push(resolve));
      }
      const [through, into] = [connection, recorder];
      if (through === undefined || into === undefined || life !== running) return undefined;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two fields that were left out
      const asked = { ...question, device: index, node: through.node } as unknown as Question<O>;
      const operation = into.begin<O>(asked);
      const answer = await through.ask(name, request);
      if (answer === undefined) {
        into.end(operation, UNKNOWN);
        return operation;
      }
      const reply: DeliveryReply<K> = parse<DeliveryReply<K>>(deliveryRequests[name].reply, answer);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `ok` says which of the two it is
      if (reply.ok) into.end(operation, { kind: "ok", reply: read(reply as Accepted<K>) });
      // Where the store was killed the relay doesn't know itself whether it was carried out.
      else if (reply.error.code === "STORE_FAILED" && stage.servers !== undefined)
        into.end(operation, UNKNOWN);
      else into.end(operation, { kind: "refused", error: reply.error });
      return operation;
    },

    see(groupId, entry) {
      if (recorder === undefined) throw new Error("nothing is written down");
      return recorder.see(groupId, entry);
    },
    randomToken: () => Buffer.from(random.bytes(32)),

    async attach(asked) {
      const through = connection;
      for (let start = 0; start < asked.length; start += ATTACH_BATCH) {
        if (connection === undefined || connection !== through) return false;
        if (!(await attachBatch(asked.slice(start, start + ATTACH_BATCH), through))) return false;
      }
      return true;
    },

    take(membership, entries) {
      for (const entry of entries) {
        membership.take(entry);
        const { seatReplaced } = entry.commit ?? {};
        if (seatReplaced?.from !== membership.seatId) continue;
        const { to } = seatReplaced;
        const known = memberships.get(to);
        // A name of its own that it uses on another branch stays there.
        if (known?.removed === false) continue;
        const successor = known ?? succeed(membership, to, entry);
        memberships.set(to, successor);
        successor.enter(entry.seq);
        if (!successor.removed) void client.attach([successor]);
      }
    },
    reconnect() {
      connection?.close();
    },
    isConnected: () => connection !== undefined,
    start(into) {
      recorder = into;
      running += 1;
      client.welcomeWaits = true;
      void stayConnected(running);
    },
    stop() {
      running += 1;
      connection?.close();
      connection = undefined;
      recorder = undefined;
      wake();
    },
  };

  async function attachBatch(batch: readonly Membership[], through: Connection): Promise<boolean> {
    const seats = batch.map((membership) => ({
      membership,
      // Sometimes from further back: what is known already comes again.
      cursor:
        random.below(3) === 0
          ? Math.max(0, membership.reading.seen - random.below(20))
          : membership.reading.seen,
    }));
    // Heard from now on, even before the answer.
    for (const { membership } of seats) {
      listeningTo(membership.group.groupId, through.no)?.asked.add(membership.seatId);
    }
    const operation = await client.ask<"group.attach", Attach>(
      "group.attach",
      {
        seats: seats.map(({ membership, cursor }) => ({
          groupId: membership.group.groupId,
          seatId: membership.seatId,
          seatToken: membership.seatToken,
          epochToken: membership.place?.token ?? membership.firstToken,
          cursor,
        })),
      },
      {
        op: "attach",
        seats: seats.map(({ membership: { group, seatId }, cursor }) => ({
          groupId: group.groupId,
          seatId,
          cursor,
        })),
      },
      ({ results }) => {
        results.forEach((result, position) => {
          const seat = seats[position];
          if (seat === undefined) return;
          const { membership, cursor } = seat;
          const listening = listeningTo(membership.group.groupId, through.no);
          if (!result.attached) {
            if (!membership.known) listening?.asked.delete(membership.seatId);
            return;
          }
          membership.known = true;
          const { headSeq, place } = result;
          listening?.seats.push({ seatId: membership.seatId, cursor, headSeq });
          if (membership.place === undefined && place !== undefined) membership.enter(place.branch);
        });
        return { attached: results.map(({ attached }) => attached) };
      },
    );
    return operation?.outcome.kind === "ok";
  }

  return client;
}
