import { diffGroup, type GroupState } from "@thicket/mls";
import type { Contender } from "./contender.ts";
import { bareMessages } from "./bare.ts";
import { messageFloor, type MessageFloor } from "./floor.ts";
import { foundSparse } from "./groups.ts";
import { named, note, type Samples, timed } from "./samples.ts";
import { thicket } from "./thicket.ts";

interface Table {
  readonly size: number;
  founder: GroupState;
  readonly guests: { readonly engine: Contender; group: unknown }[];
}

/** Not noted: script is compiled by and by, and the primitives of the floor are from the start. */
const WARM_UP = 3000;
const ROUNDS = 500;
/** Sends of one engine after each other, and how often each gets the turn for so many. */
const IN_A_ROW = 10;
const BURSTS = 60;

/** What runs in the place of an engine, and its column. */
interface Bound extends MessageFloor {
  readonly column: "floor" | "with encodings";
}

async function openBounds(): Promise<Bound[]> {
  return [
    { column: "with encodings", ...(await bareMessages()) },
    { column: "floor", ...(await messageFloor()) },
  ];
}

/**
 * 1 KiB to and from a founder. The engines, the floor and the group sizes take turns message by message, so that a slow
 * moment of the machine hits all alike. For our own members also what a message changes in the stored state.
 */
export async function measureMessages(
  engines: readonly Contender[],
  sizes: readonly number[],
): Promise<Samples> {
  const samples: Samples = {};
  const suite = engines[0]?.suite ?? 1;
  const tables: Table[] = [];
  for (const size of sizes) {
    // Where not all engines fit into one group, each gets its own.
    const seatings = size > engines.length ? [engines] : engines.map((engine) => [engine]);
    for (const seated of seatings) tables.push(await openTable(suite, size, seated));
  }
  const bounds = suite === 1 ? await openBounds() : [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const noted = round < WARM_UP ? {} : samples;
    for (const table of tables) {
      const sending = named("send 1 KiB", table.size);
      const receiving = named("receive 1 KiB", table.size);
      const data = new Uint8Array(1024).fill(round);
      data[0] = round >> 8; // no text twice: it would be taken for a replay
      await takeTurns(noted, table, data, sending, receiving);
      // As an engine's turn: what the host sent is received, then something sent. Who comes second finds warm caches.
      for (const bound of round % 2 === 0 ? bounds : bounds.toReversed()) {
        await bound.send();
        await timed(noted, receiving, bound.column, () => bound.receive());
        await timed(noted, sending, bound.column, () => bound.send());
      }
    }
  }
  for (let burst = 0; burst < BURSTS; burst++) {
    for (const table of tables) await sendInARow(samples, table, burst, bounds);
  }
  return samples;
}

/**
 * The same send with nothing but sends like it before it: what it costs while its own code and data are in the
 * processor's caches. Nobody receives these.
 */
async function sendInARow(
  samples: Samples,
  { size, guests }: Table,
  burst: number,
  bounds: readonly Bound[],
): Promise<void> {
  const operation = named("send 1 KiB, ten in a row", size);
  for (const guest of guests) {
    const { engine } = guest;
    for (let i = 0; i < IN_A_ROW; i++) {
      const data = new Uint8Array(1024);
      data.set([0xff, burst, i]); // no text of the rounds before
      const sent = await timed(samples, operation, engine.name, () => engine.send(guest.group, data));
      guest.group = sent.group;
    }
  }
  for (const bound of bounds) {
    for (let i = 0; i < IN_A_ROW; i++) await timed(samples, operation, bound.column, () => bound.send());
  }
}

async function openTable(suite: number, size: number, all: readonly Contender[]): Promise<Table> {
  const engines = all.filter(({ largestGroup }) => size <= (largestGroup ?? Infinity));
  const { founder, welcome, guests } = await foundSparse(suite, size, engines, 1);
  const seated: Table["guests"] = [];
  for (const { engine, keys } of guests) {
    try {
      seated.push({ engine, group: await engine.join(welcome, keys) });
    } catch (error) {
      // A peer that can't join a group of this size leaves its cells blank.
      if (engine.name.startsWith("thicket")) throw error;
    }
  }
  return { size, founder, guests: seated };
}

async function takeTurns(
  samples: Samples,
  table: Table,
  data: Uint8Array,
  sending: string,
  receiving: string,
): Promise<void> {
  const host = thicket(table.guests[0]?.engine.suite ?? 1);
  const asked = await host.send(table.founder, data);
  table.founder = asked.group;
  for (const guest of table.guests) {
    const { engine } = guest;
    const before = guest.group;
    const received = await timed(samples, receiving, engine.name, () =>
      engine.receive(guest.group, asked.message),
    );
    const sent = await timed(samples, sending, engine.name, () => engine.send(received.group, data));
    if (received.data.length !== data.length) throw new Error(`${engine.name}: another text came out`);
    table.founder = (await host.receive(table.founder, sent.message)).group;
    guest.group = sent.group;
    if (engine.name === "thicket") noteChanges(samples, table.size, before, received.group);
  }
}

/** What `before -> after`, one received message, writes. */
function noteChanges(samples: Samples, size: number, before: unknown, after: unknown): void {
  const started = performance.now();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both come from our own engine
  const { put } = diffGroup(before as GroupState, after as GroupState);
  note(samples, named("state that a message changes", size), "thicket", performance.now() - started);
  const bytes = put.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  note(samples, named("its size (largest)", size), "thicket", bytes);
}
