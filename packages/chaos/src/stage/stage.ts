import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SeededRandom } from "@thicket/delivery-service/testing";
import { dumpSqlite } from "../dump/dump-sqlite.ts";
import type { TableDump } from "../dump/find-names.ts";
import { type Clock, createClock } from "./clock.ts";
import { createDisk, type Disk } from "./disk.ts";
import { createProxy, type Proxy } from "./proxy.ts";
import { createRelayProcess, type RelayProcess } from "./relay-process.ts";

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

export async function openStage(options: {
  store: Store;
  nodes: number;
  random: SeededRandom;
}): Promise<Stage> {
  if (options.store === "postgres") throw new Error("PostgreSQL isn't there yet");
  const workspace = mkdtempSync(join(tmpdir(), "thicket-chaos-stage-"));
  const disk = createDisk();
  const nodes: StageNode[] = [];
  for (let index = 0; index < options.nodes; index++) {
    nodes.push(await openNode({ index, workspace, disk, random: options.random }));
  }
  await Promise.all(nodes.map(({ relay }) => relay.start()));
  const [first] = nodes;
  return {
    store: options.store,
    nodes,
    disk,
    origin: ORIGIN,
    unplayable: [
      ...(disk.fill === undefined ? ["full disk (no mount)"] : []),
      ...(first?.clock.jump === undefined ? ["clock jumps (no libfaketime)"] : []),
    ],
    dump: async () => dumpSqlite(join(disk.directory, "data", "delivery.sqlite")),
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
      disk.dispose();
      rmSync(workspace, { recursive: true, force: true });
    },
  };
}

async function openNode(options: {
  index: number;
  workspace: string;
  disk: Disk;
  random: SeededRandom;
}): Promise<StageNode> {
  const clock = createClock(options.workspace, String(options.index));
  const relay = await createRelayProcess(() => ({
    THICKET_DATA: join(options.disk.directory, "data"),
    THICKET_ORIGIN: ORIGIN,
    THICKET_LOG: "warn",
    ...clock.environment,
  }));
  const proxy = await createProxy(options.random, relay.port);
  return { relay, proxy, clock, url: `http://127.0.0.1:${proxy.port}` };
}
