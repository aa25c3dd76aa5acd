import { existsSync } from "node:fs";
import { join } from "node:path";
import { findPostgres, startPostgres } from "@thicket/storage/testing";
import { median } from "../median.ts";
import type { Row, Target } from "../table.ts";
import { makeGroups, measureAttach } from "./attach.ts";
import { measureFanOut, openPeerBroadcast, openRelayBroadcast } from "./fan-out.ts";
import { IDLE_SOCKETS, measureIdle } from "./idle.ts";
import { makeLongLog, makeShortLog, openLog } from "./long-log.ts";
import {
  measureOpenLoop,
  measureThroughput,
  openEchoSenders,
  openSenders,
  percentile,
  SENDERS,
} from "./senders.ts";
import { pinLoadGenerator, runToEnd, type ServerProcess, startServer } from "./server-process.ts";
import { type DataDirectory, makeDataDirectory, startRelay } from "./start-relay.ts";

export const RELAY_PARTS = ["fan-out", "appends", "acknowledgements", "attach", "idle", "long-log"] as const;
export type RelayPart = (typeof RELAY_PARTS)[number];

const ROUNDS = 5;
/** Of each contender, in each round. */
const SECONDS = 2;
const LONG = 10_000_000;

const peer = (name: string) => join(import.meta.dirname, "peers", name);

/** The relay's table: the parts asked for, ours beside peers and floors in turns. */
export async function benchRelay(parts: readonly RelayPart[]): Promise<Row[]> {
  if (!pinLoadGenerator()) process.stderr.write("no taskset: server and load generator share their cores\n");
  const rows: Row[] = [];
  for (const part of parts) {
    const started = performance.now();
    rows.push(...(await MEASURE[part]()));
    process.stderr.write(`${part}: ${Math.round((performance.now() - started) / 1000)} s\n`);
  }
  return rows;
}

const MEASURE: Record<RelayPart, () => Promise<Row[]>> = {
  "fan-out": fanOut,
  appends,
  acknowledgements,
  attach,
  idle,
  "long-log": longLog,
};

async function fanOut(): Promise<Row[]> {
  return withData(async (data) => {
    const broadcasts = {
      thicket: await openRelayBroadcast(await startRelay(data)),
      ws: await openPeerBroadcast(await startServer(peer("ws-server.ts")), "ws"),
      "Socket.IO": await openPeerBroadcast(await startServer(peer("socket-io-server.ts")), "Socket.IO"),
    };
    const [deliveries, cpu, together] = [new Columns(), new Columns(), new Columns()];
    await rounds(async (warm) => {
      for (const [name, broadcast] of Object.entries(broadcasts)) {
        const figures = await measureFanOut(broadcast, SECONDS);
        if (!warm) continue;
        deliveries.note(name, figures.deliveriesPerSecond);
        cpu.note(name, figures.cpuMicroseconds);
        together.note(name, figures.messagesPerFrame);
      }
    });
    for (const { close, server } of Object.values(broadcasts)) {
      close();
      await server.stop();
    }
    return [
      row("deliveries of 1 KiB to 100 sockets, durable", "/s", deliveries, { ws: 0.65 }),
      row("the server's processor time for each", "µs", cpu),
      row("messages that came in one frame", "", together),
    ];
  });
}

/** Rows by statements alone, in each round of the SQLite row. */
async function appends(): Promise<Row[]> {
  const floor = async () => Number(await runToEnd(peer("raw-sqlite.ts"), [String(SENDERS), String(SECONDS)]));
  const rows = await withData(async (data) => appendRow("SQLite", 5000, await startRelay(data), floor));
  if (findPostgres() === undefined) {
    process.stderr.write("appends on PostgreSQL: skipped, it isn't installed\n");
    return rows;
  }
  // Its processes inherit the load generator's core: the relay has its own to itself.
  const postgres = await startPostgres();
  try {
    const more = await withData(async (data) => {
      const server = await startRelay(data, { THICKET_DATABASE: postgres.url });
      if (existsSync(data.database)) throw new Error("the relay didn't take PostgreSQL");
      return appendRow("PostgreSQL", 3000, server);
    });
    return [...rows, ...more];
  } finally {
    await postgres.stop();
  }
}

async function appendRow(
  database: string,
  atLeast: number,
  server: ServerProcess,
  floor?: () => Promise<number>,
): Promise<Row[]> {
  const senders = await openSenders(server.port);
  const [figures, cpu] = [new Columns(), new Columns()];
  await rounds(async (warm) => {
    const before = server.cpuSeconds();
    const ours = await measureThroughput(senders, SECONDS);
    if (!warm) return;
    figures.note("thicket", ours);
    cpu.note("thicket", (1e6 * (server.cpuSeconds() - before)) / (ours * SECONDS));
    if (floor !== undefined) figures.note("floor", await floor());
  });
  senders.forEach((sender) => sender.close());
  await server.stop();
  return [
    row(`durable appends, ${SENDERS} senders, ${database}`, "/s", figures, { atLeast }),
    row(`the relay's processor time for each, ${database}`, "µs", cpu),
  ];
}

async function acknowledgements(): Promise<Row[]> {
  return withData(async (data) => {
    const server = await startRelay(data);
    const echo = await startServer(peer("ws-server.ts"), ["echo"]);
    const contenders = {
      thicket: await openSenders(server.port),
      ws: await openEchoSenders(echo.port),
    };
    const [half, most] = [new Columns(), new Columns()];
    await rounds(async (warm) => {
      for (const [name, senders] of Object.entries(contenders)) {
        const times = await measureOpenLoop(senders, { perSecond: 1000, seconds: 2 * SECONDS });
        if (!warm) continue;
        half.note(name, percentile(times, 0.5));
        most.note(name, percentile(times, 0.99));
      }
    });
    for (const senders of Object.values(contenders)) senders.forEach((sender) => sender.close());
    await server.stop();
    await echo.stop();
    return [
      row("acknowledgement at 1,000 messages/s, p50", "ms", half, { atMost: 5 }),
      row("acknowledgement at 1,000 messages/s, p99", "ms", most, { atMost: 25 }),
    ];
  });
}

async function attach(): Promise<Row[]> {
  return withData(async (data) => {
    const made = await makeGroups(data);
    const times = new Columns();
    for (let round = 0; round < ROUNDS; round++) times.note("thicket", await measureAttach(data, made));
    return [row("attach with 500 groups, just started", "ms", times, { atMost: 100 })];
  });
}

async function idle(): Promise<Row[]> {
  return withData(async (data) => {
    const figures = await measureIdle(data);
    const [held, empty] = [new Columns(), new Columns()];
    held.note("thicket", figures.idle);
    empty.note("thicket", figures.empty);
    return [
      row("memory with one socket", "MB", empty),
      row(`memory with ${IDLE_SOCKETS.toLocaleString("en-GB")} idle sockets`, "MB", held, { atMost: 400 }),
    ];
  });
}

async function longLog(): Promise<Row[]> {
  return withData((short) =>
    withData(async (long) => {
      const founded = await makeShortLog(short);
      makeLongLog(short, long, LONG);
      const logs = {
        empty: await openLog(short, founded, 1000),
        long: await openLog(long, founded, LONG),
      };
      const [append, page] = [new Columns(), new Columns()];
      await rounds(async (warm) => {
        for (const [name, log] of Object.entries(logs)) {
          const took = await log.append(SECONDS);
          if (warm) append.note(name, took);
        }
        for (let read = 0; read < 200; read++) {
          for (const [name, log] of Object.entries(logs)) {
            const took = await log.readPage();
            if (warm) page.note(name, took);
          }
        }
      });
      for (const { close, server } of Object.values(logs)) {
        close();
        await server.stop();
      }
      const compared = (what: string, figures: Columns): Row[] => [
        { what: `${what}, log nearly empty`, unit: "ms", values: { thicket: figures.median("empty") } },
        {
          what: `${what}, log of 10 million`,
          unit: "ms",
          values: { thicket: figures.median("long") },
          target: { other: { atMost: 1.2, name: "empty", value: figures.median("empty") } },
        },
      ];
      return [...compared("append, 64 senders", append), ...compared("page of 256 entries", page)];
    }),
  );
}

/** Values of each column over the rounds. */
class Columns {
  readonly values = new Map<string, number[]>();

  note(column: string, value: number): void {
    this.values.set(column, [...(this.values.get(column) ?? []), value]);
  }

  median(column: string): number {
    return median(this.values.get(column) ?? []);
  }
}

function row(what: string, unit: Row["unit"], columns: Columns, target?: Target): Row {
  const values = Object.fromEntries([...columns.values.keys()].map((name) => [name, columns.median(name)]));
  return { what, unit, values, ...(target && { target }) };
}

/** The first round warms everything up and doesn't count. */
async function rounds(run: (warm: boolean) => Promise<void>): Promise<void> {
  for (let round = 0; round <= ROUNDS; round++) await run(round > 0);
}

async function withData<T>(run: (data: DataDirectory) => Promise<T>): Promise<T> {
  const data = makeDataDirectory();
  try {
    return await run(data);
  } finally {
    data.remove();
  }
}
