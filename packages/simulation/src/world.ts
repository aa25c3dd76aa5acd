/**
 * A whole world in one thread: people with their devices, a relay, a network between them and a clock.
 * One thing happens at a time, and each is over before the next: so a seed replays exactly.
 */
import {
  type Client,
  type ClientError,
  type Command,
  type CommandReply,
  createClient,
} from "@thicket/client";
import { createMemoryStore, type MemoryStore } from "@thicket/client/testing";
import { cpSync } from "node:fs";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { createCrashStore } from "./crash-store.ts";
import { type Conditions, createFaultyNetwork, type FaultyNetwork } from "./faulty-network.ts";
import { createLife, type Life } from "./life.ts";
import { createLinks, type Links } from "./link.ts";
import { createRelay, makeDirectory, type Relay } from "./relay.ts";
import { createSealWatch, type SealWatch } from "./seal-watch.ts";
import { createDice, type Dice, seededRandom } from "./seeded-random.ts";
import { orderWebCrypto, settle } from "./settle.ts";
import { createTrace, type Trace } from "./trace.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** A command without what every command carries. */
export type Act = Command extends infer C ? (C extends Command ? Omit<C, "commandId" | "at"> : never) : never;

/** A command that somebody gave, until its reply was seen. A program that dies before is given it again. */
export interface Asked {
  command: Command;
  reply: CommandReply | undefined;
}

/** One run of somebody's program. */
interface Program {
  life: Life;
  client: Client;
  links: Links;
}

export interface Person {
  readonly name: string;
  readonly handle: string;
  /** What survives the program. */
  rows: MemoryStore;
  program: Program | undefined;
  online: boolean;
  /** How far the device's clock is off (ms). */
  clockSkew: number;
  runs: number;
  /** Given and not yet answered. */
  asked: Asked[];
  /** Problems that the client reported, and errors that it logged. */
  problems: ClientError[];
  errors: string[];
  /** Ids of own messages that were shown as sent. */
  sent: Set<string>;
}

export interface World {
  readonly people: readonly Person[];
  readonly clock: VirtualClock;
  readonly network: FaultyNetwork;
  readonly relay: Relay;
  readonly trace: Trace;
  readonly dice: Dice;
  readonly seals: SealWatch;
  person(name: string): Person;
  /** Starts somebody's program on what is left of the last one. Unanswered commands are given again. */
  start(person: Person): Promise<void>;
  /** Kills it where it stands. */
  kill(person: Person): Promise<void>;
  setOnline(person: Person, online: boolean): Promise<void>;
  /** Gives a command and doesn't wait for more than what needs no network. */
  give(person: Person, act: Act): Promise<Asked>;
  /** Gives a command and runs the world until it is answered. */
  ask(person: Person, act: Act): Promise<CommandReply>;
  restartRelay(): Promise<void>;
  /** Lets `ms` pass. */
  run(ms: number): Promise<void>;
  /** Runs until nothing is under way. False where it doesn't come to rest within `limit` ms. */
  rest(limit?: number): Promise<boolean>;
  /** Ends the world and keeps what is durable. */
  freeze(): Promise<Snapshot>;
  close(): Promise<void>;
}

export interface WorldOptions {
  seed: string;
  names: readonly string[];
  conditions: Conditions;
  /** Goes on from there. */
  from?: Snapshot;
}

/** What is durable at one moment, at the relay and on every device. Programs are not part of it. */
export interface Snapshot {
  /** A copy of the relay's, which outlives the world; delete it when done. */
  directory: string;
  rows: ReadonlyMap<string, MemoryStore>;
  now: number;
}

/** 2026-01-01 in UTC. */
const BEGINNING = 1_767_225_600_000;
/** So few that the last resort is needed now and then. */
const KEY_PACKAGES = 8;
/** What is due later than this (ms) is housekeeping: it keeps nobody waiting. */
const HOUSEKEEPING = 20 * 60_000;

export async function createWorld(options: WorldOptions): Promise<World> {
  orderWebCrypto();
  const { from } = options;
  const clock = createVirtualClock(from?.now ?? BEGINNING);
  const trace = createTrace();
  const dice = createDice(options.seed);
  const network = createFaultyNetwork({ clock, dice: createDice(`network ${options.seed}`), trace });
  network.conditions = options.conditions;
  const directory = makeDirectory();
  if (from) cpSync(from.directory, directory, { recursive: true });
  const relay = createRelay({ clock, random: seededRandom(`relay ${options.seed}`), trace, directory });
  await relay.open();
  const seals = createSealWatch();
  const people = options.names.map((name) =>
    createPerson(name, from?.rows.get(name)?.copy() ?? createMemoryStore()),
  );

  const world: World = {
    people,
    clock,
    network,
    relay,
    trace,
    dice,
    seals,
    person(name) {
      const found = people.find((person) => person.name === name);
      if (!found) throw new Error(`nobody is called ${name}`);
      return found;
    },
    async start(person) {
      person.program?.life.end("restarted");
      person.program = startProgram(person);
      trace.line(`${person.name} starts, run ${person.runs}`);
      await settle();
      for (const asked of person.asked) deliver(person, asked);
      await settle();
    },
    async kill(person) {
      person.program?.life.end("killed from outside");
      await settle();
    },
    async setOnline(person, online) {
      person.online = online;
      trace.line(`${person.name} ${online ? "online" : "offline"}`);
      person.program?.links.setOnline(online);
      await settle();
    },
    async give(person, act) {
      const command: Command = { ...act, commandId: dice.hex(16), at: clock.now() + person.clockSkew };
      const asked: Asked = { command, reply: undefined };
      person.asked.push(asked);
      trace.line(`${person.name}: ${describe(command)}`);
      deliver(person, asked);
      await settle();
      return asked;
    },
    async ask(person, act) {
      const asked = await world.give(person, act);
      const deadline = clock.now() + 10 * 60_000;
      while (asked.reply === undefined) {
        if (!(await step(deadline))) throw new Error(`no answer to ${describe(asked.command)}`);
        if (person.program === undefined) await world.start(person);
      }
      return asked.reply;
    },
    async restartRelay() {
      trace.line("relay restarts");
      await relay.close();
      await settle();
      await relay.open();
    },
    async run(ms) {
      const end = clock.now() + ms;
      while (await step(end));
      clock.skipTo(end);
    },
    async rest(limit = 3 * 60 * 60_000) {
      const end = clock.now() + limit;
      for (;;) {
        const due = clock.due();
        if (due === undefined || due - clock.now() > HOUSEKEEPING) return true;
        if (!(await step(end))) return false;
      }
    },
    async freeze() {
      await stop();
      const copy = makeDirectory();
      relay.copyTo(copy);
      await relay.remove();
      return {
        directory: copy,
        rows: new Map(people.map(({ name, rows }) => [name, rows.copy()])),
        now: clock.now(),
      };
    },
    async close() {
      await stop();
      await relay.remove();
    },
  };

  async function stop(): Promise<void> {
    for (const person of people) person.program?.life.end("the world ends");
    await settle();
    await relay.close();
  }

  async function step(end: number): Promise<boolean> {
    const due = clock.due();
    if (due === undefined || due > end) return false;
    clock.step();
    await settle();
    return true;
  }

  function deliver(person: Person, asked: Asked): void {
    const program = person.program;
    if (!program) return;
    void program.client.send(asked.command).then((reply) => {
      if (program.life.over() || asked.reply !== undefined) return;
      asked.reply = reply;
      person.asked = person.asked.filter((other) => other !== asked);
      trace.line(`${person.name} answers ${asked.command.type}: ${reply.ok ? "ok" : errorText(reply.error)}`);
    });
  }

  function startProgram(person: Person): Program {
    person.runs++;
    const life = createLife((place) => {
      trace.line(`${person.name} dies ${place}`);
      links.setOnline(false);
      person.program = undefined;
    });
    const links = createLinks({ who: person.name, life, clock, network, relay, sent });
    const client = createClient(
      {
        store: createCrashStore(person.rows, life),
        relay: links.relay,
        authentication: links.authentication,
        clock: {
          now: () => clock.now() + person.clockSkew,
          after: (delay, run) => clock.after(delay, () => life.over() || run()),
        },
        random: seededRandom(`${options.seed} ${person.name} ${person.runs}`),
        log: (level, event, fields) => {
          if (life.over()) return;
          const text = `${event} ${JSON.stringify(fields ?? {})}`;
          trace.line(`  ${person.name} ${level} ${text}`);
          if (level === "error") person.errors.push(text);
        },
      },
      { keyPackages: KEY_PACKAGES },
    );
    client.subscribe((event) => {
      if (life.over()) return;
      if (event.type === "problem") {
        trace.line(`  ${person.name} problem ${errorText(event.error)}`);
        person.problems.push(event.error);
      }
      if (event.type !== "timeline") return;
      for (const item of event.items)
        if (
          item.kind === "message" &&
          (item.delivery?.state === "sent" || item.delivery?.state === "delivered")
        )
          person.sent.add(item.id);
    });
    void client.start();
    links.setOnline(person.online);
    return { life, client, links };
  }

  /** What leaves a device is in the trace to the byte, and under the watch for used-up keys. */
  function sent(name: string, request: object): void {
    for (const message of messagesIn(request)) {
      seals.sent(name, message);
      trace.line(`  ${name} ${message.length} bytes, ${bytesToHex(sha256(message)).slice(0, 12)}`);
    }
  }

  return world;
}

function createPerson(name: string, rows: MemoryStore): Person {
  return {
    name,
    handle: name,
    rows,
    program: undefined,
    online: true,
    clockSkew: 0,
    runs: 0,
    asked: [],
    problems: [],
    errors: [],
    sent: new Set(),
  };
}

/** The MLS messages that a request carries; a Welcome's ciphertext counts like any other. */
function messagesIn(request: object): Uint8Array[] {
  const messages = "bytes" in request && request.bytes instanceof Uint8Array ? [request.bytes] : [];
  if (!("welcomes" in request) || !Array.isArray(request.welcomes)) return messages;
  return [...messages, ...request.welcomes.flatMap((welcome: object) => messagesIn(welcome))];
}

function describe(command: Command): string {
  const { commandId, at: _at, ...rest } = command;
  return `${JSON.stringify(rest)} ${commandId.slice(0, 6)}`;
}

function errorText(error: ClientError): string {
  return error.subject === undefined ? error.code : `${error.code} ${error.subject}`;
}
