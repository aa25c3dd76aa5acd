import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { seededRandom, type SeededRandom } from "@thicket/delivery-service/testing";
import { type Device, signUpDevice } from "../clients/device.ts";
import type { Rule, Violation } from "../check/violation.ts";
import { findNames } from "../dump/find-names.ts";
import type { Operation } from "../history.ts";
import { openStage, type Stage, type Store } from "../stage/stage.ts";
import { createArchive } from "./archive.ts";
import { type Client, createClient } from "./client.ts";
import { describeOperation } from "./describe-violation.ts";
import { type Round, runRound } from "./run-round.ts";

export interface ChaosOptions {
  store: Store;
  nodes: number;
  seed: number;
  operations: number;
  /** The history of a round with a violation is written here, one operation a line. */
  historyFile: string;
  print: (line: string) => void;
}

export interface ChaosResult {
  operations: number;
  /** By operation and outcome. */
  counts: ReadonlyMap<string, number>;
  faults: ReadonlyMap<string, number>;
  /** Of the first round that has any. */
  violations: readonly Violation[];
  /** What the database holds and mustn't know. */
  revealed: readonly string[];
  unplayable: readonly string[];
  /** ms in which operations went on. */
  duration: number;
}

/** A history is checked whole; a long run is many histories on the same servers, one after the other. */
const ROUND = 16_000;
const CLIENTS = 64;
const GROUPS = 24;
const LANES = 4;

/** Rounds until so many operations were asked, or one of them has a violation. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const random = seededRandom(options.seed);
  const stage = await openStage({ ...options, random });
  try {
    const clients = await signUp(stage, random, {
      count: Math.min(CLIENTS, Math.ceil(options.operations / 100)),
      seed: options.seed,
    });
    return await runRounds(stage, clients, options);
  } finally {
    await stage.dispose();
  }
}

async function signUp(
  stage: Stage,
  random: SeededRandom,
  options: { count: number; seed: number },
): Promise<Client[]> {
  const [node] = stage.nodes;
  const devices: Device[] = [];
  for (let index = 0; index < options.count; index++) {
    devices.push(
      await signUpDevice(
        node?.url ?? "",
        `somebody-called-${index}-of-${options.seed}`,
        seededRandom(random.below(2 ** 31)),
      ),
    );
  }
  return devices.map((device, index) =>
    createClient({ index, device, stage, random: seededRandom(random.below(2 ** 31)) }),
  );
}

async function runRounds(
  stage: Stage,
  clients: readonly Client[],
  options: ChaosOptions,
): Promise<ChaosResult> {
  const counts = new Map<string, number>();
  const faults = new Map<string, number>();
  const result = { operations: 0, counts, faults, unplayable: stage.unplayable, duration: 0 };
  const archive = createArchive();
  const pools: Operation[] = [];
  let revealed: string[] = [];
  for (let round = 1; result.operations < options.operations; round++) {
    const operations = Math.min(ROUND, options.operations - result.operations);
    const done = await runRound({
      stage,
      clients,
      seed: options.seed + round,
      operations,
      earlierPools: [...pools],
      groups: Math.max(2, Math.round((GROUPS * clients.length) / CLIENTS)),
      lanes: LANES,
    });
    result.operations += done.history.operations.length;
    result.duration += done.duration;
    addCounts(counts, faults, done);
    const rate = Math.round((1000 * operations) / done.duration);
    options.print(
      `${options.store} round ${round}: ${done.history.operations.length} operations at ${rate}/s, ` +
        `${done.faults.length} faults, ${done.violations.length} violations`,
    );
    // Once is enough: later rounds write into the same tables.
    if (round === 1) revealed = findNames(await stage.dump(), namesOf(clients, done));
    if (done.violations.length > 0) {
      await writeHistory(options.historyFile, done);
      return { ...result, revealed, violations: done.violations };
    }
    archive.keep(clients, done.history.finalViews);
    pools.push(...done.history.operations.filter(({ op }) => op === "publish" || op === "claim"));
  }
  return { ...result, revealed, violations: await archive.check(clients) };
}

/** What everybody is called, and what nobody should know. */
function namesOf(clients: readonly Client[], { groups }: Round) {
  const people = clients.flatMap(({ device: { identity, handle } }) => [
    { what: "a user id", bytes: Buffer.from(identity.userId, "hex") },
    { what: "a device id", bytes: Buffer.from(identity.deviceId, "hex") },
    { what: "a handle", bytes: Buffer.from(handle) },
  ]);
  const seats = clients.flatMap(({ memberships }) => [...memberships.values()]);
  return {
    people,
    groups: [
      ...groups.map(({ groupId }) => ({ what: "a group id", bytes: Buffer.from(groupId, "hex") })),
      ...seats.map(({ seatId }) => ({ what: "a seat id", bytes: Buffer.from(seatId, "hex") })),
    ],
    secrets: [
      ...seats.map(({ seatToken }) => ({ what: "a seat's token", bytes: seatToken })),
      ...groups.flatMap(({ places }) =>
        [...places.values()].map(({ token }) => ({ what: "an epoch token", bytes: token })),
      ),
    ],
  };
}

function addCounts(counts: Map<string, number>, faults: Map<string, number>, { history, ...round }: Round) {
  const add = (sums: Map<string, number>, name: string) => sums.set(name, (sums.get(name) ?? 0) + 1);
  for (const operation of history.operations) {
    const { outcome } = operation;
    add(counts, `${kindOf(operation)} ${outcome.kind === "refused" ? outcome.error.code : outcome.kind}`);
  }
  for (const { lowestSeq } of history.finalViews) if (lowestSeq > 1) add(counts, "views of a purged log");
  for (const { kind } of round.faults) add(faults, kind);
}

function kindOf(operation: Operation): string {
  if (operation.op === "knock") return `knock by ${operation.by}`;
  if (operation.op !== "commit") return operation.op;
  if (operation.supersedes !== undefined) return "supersede";
  return operation.seatReplaced === undefined ? "commit" : "replace";
}

async function writeHistory(file: string, { history, faults }: Round): Promise<void> {
  const out = createWriteStream(file);
  for (const fault of faults) out.write(`${JSON.stringify(fault)}\n`);
  for (const operation of history.operations) out.write(`${describeOperation(operation)}\n`);
  out.end();
  await once(out, "close");
}

/** Each rule once, with its first violations. */
export function byRule(violations: readonly Violation[], each: number): Violation[] {
  const shown = new Map<Rule, number>();
  return violations.filter(({ rule }) => {
    const count = (shown.get(rule) ?? 0) + 1;
    shown.set(rule, count);
    return count <= each;
  });
}
