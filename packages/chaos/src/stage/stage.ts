import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SeededRandom } from "@thicket/delivery-service/testing";
import { dumpPostgres } from "../dump/dump-postgres.ts";
import { dumpSqlite } from "../dump/dump-sqlite.ts";
import type { TableDump } from "../dump/find-names.ts";
import { type Clock, createClock } from "./clock.ts";
import { createDisk, type Disk } from "./disk.ts";
import { createProxy, type Proxy } from "./proxy.ts";
import { createRelayProcess, type RelayProcess } from "./relay-process.ts";
import { type Servers, startServers } from "./servers.ts";

export type Store = "sqlite" | "postgres";

export interface StageNode {
  readonly relay: RelayProcess;
  readonly proxy: Proxy;
  readonly clock: Clock;
  /** Where clients find it: the proxy. */
  readonly url: string;
}

/** The servers of one run, and what can happen to them. */
export interface Stage {
  readonly store: Store;
  readonly nodes: readonly StageNode[];
  /** PostgreSQL and Redis, where there are several nodes. */
  readonly servers: Servers | undefined;
  readonly disk: Disk;
  /** What a login signs, whichever node it goes to. */
  readonly origin: string;
  /** Faults that this machine can't play, by name. */
  readonly unplayable: readonly string[];
  /** Every table of the Delivery Service's database. */
  dump(): Promise<TableDump[]>;
  /** Back to a sound disk, true clocks and running nodes. */
  heal(): Promise<void>;
  dispose(): Promise<void>;
}

/** What clients call it, through whichever proxy they come. */
const ORIGIN = "http://chaos.test";
const KEY_FILE = "authentication-key.json";
/** No limit of the relay's is what is tested here: some are left, so that they are met now and then. */
const LIMITS = {
  CONNECTIONS_PER_ADDRESS: 10_000,
  REQUESTS_PER_ADDRESS: 100_000,
  REQUESTS_TOTAL: 100_000,
  MESSAGES: 500,
  COMMITS: 20,
  CLAIMS: 50,
  KNOCKS: 50,
  CLAIMS_PER_TARGET: 100_000,
  LOGINS: 100_000,
  REGISTRATIONS: 10_000,
};

export async function openStage(options: {
  store: Store;
  nodes: number;
  random: SeededRandom;
}): Promise<Stage> {
  const workspace = mkdtempSync(join(tmpdir(), "thicket-chaos-stage-"));
  const disk = createDisk();
  const servers = options.store === "postgres" ? await startServers(disk) : undefined;
  const directoryOf = (index: number) => join(disk.directory, `data-${index}`);
  const nodes: StageNode[] = [];
  for (let index = 0; index < options.nodes; index++) {
    const clock = createClock(workspace, String(index));
    const relay = await createRelayProcess(() => ({
      ...environmentOf(servers),
      ...clock.environment,
      THICKET_DATA: directoryOf(index),
    }));
    const proxy = await createProxy(options.random, relay.port);
    nodes.push({ relay, proxy, clock, url: `http://127.0.0.1:${proxy.port}` });
  }
  const [first, ...others] = nodes;
  await first?.relay.start();
  for (const [index, { relay }] of others.entries()) {
    // All nodes attest by one key.
    mkdirSync(directoryOf(index + 1), { recursive: true });
    copyFileSync(join(directoryOf(0), KEY_FILE), join(directoryOf(index + 1), KEY_FILE));
    await relay.start();
  }
  return {
    store: options.store,
    nodes,
    servers,
    disk,
    origin: ORIGIN,
    unplayable: [
      ...(disk.fill === undefined ? ["full disk (no mount)"] : []),
      ...(first?.clock.jump === undefined ? ["clock jumps (no libfaketime)"] : []),
    ],
    dump: async () =>
      servers === undefined
        ? dumpSqlite(join(directoryOf(0), "delivery.sqlite"))
        : dumpPostgres(servers.postgres.url),
    async heal() {
      disk.free();
      for (const { relay, proxy, clock } of nodes) {
        clock.jump?.(0);
        proxy.heal();
        relay.pause(false);
        if (!relay.isRunning()) await relay.start();
      }
    },
    async dispose() {
      for (const { relay, proxy } of nodes) {
        relay.pause(false);
        await relay.kill();
        await proxy.close();
      }
      await servers?.dispose();
      disk.dispose();
      rmSync(workspace, { recursive: true, force: true });
    },
  };
}

function environmentOf(servers: Servers | undefined): Record<string, string> {
  return {
    THICKET_ORIGIN: ORIGIN,
    THICKET_LOG: "warn",
    ...Object.fromEntries(
      Object.entries(LIMITS).map(([name, value]) => [`THICKET_LIMIT_${name}`, String(value)]),
    ),
    ...(servers && {
      THICKET_DATABASE: servers.postgres.url,
      THICKET_REDIS: servers.redis.url,
      THICKET_DRAIN: "1",
    }),
  };
}
