/** `pnpm chaos`: clients, faults, and a judge of what came of them. Exit status 0 where no promise was broken. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeViolation } from "./run/describe-violation.ts";
import { byRule, type ChaosResult, runChaos } from "./run/run-chaos.ts";
import { missingServers } from "./stage/servers.ts";
import type { Store } from "./stage/stage.ts";

const USAGE = `pnpm chaos [--operations N] [--store sqlite|postgres] [--nodes N] [--seed S]

  --operations  how many are asked in all (default 1000000)
  --store       sqlite: one node. postgres: PostgreSQL, Redis and several nodes. Without it, half of each
  --nodes       relay processes on PostgreSQL (default 3)
  --seed        what clients do and what goes wrong follows from it (default: by the clock)
`;

interface Settings {
  operations: number;
  stores: Store[];
  nodes: number;
  seed: number;
}

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const settings = readSettings(process.argv.slice(2));
  if (settings === undefined) return;
  let passed = 0;
  let skipped = 0;
  for (const store of settings.stores) {
    const missing = store === "postgres" ? missingServers() : undefined;
    if (missing !== undefined) {
      print(`${store}: skipped, ${missing}`);
      skipped += 1;
      continue;
    }
    const replay = `pnpm chaos --operations ${settings.operations} --store ${store} --seed ${settings.seed}`;
    print(`${store}: ${settings.operations} operations, seed ${settings.seed}`);
    const historyFile = join(tmpdir(), `thicket-chaos-${store}-${settings.seed}.txt`);
    const result = await runChaos({
      ...settings,
      store,
      nodes: store === "sqlite" ? 1 : settings.nodes,
      historyFile,
      print,
    });
    report(store, result);
    if (result.violations.length + result.revealed.length === 0) passed += 1;
    else print(`the whole history: ${historyFile}\nagain: ${replay}`);
  }
  const failed = settings.stores.length - passed - skipped;
  print(`${passed} runs passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function report(store: Store, result: ChaosResult): void {
  const sums = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  print(sums(result.counts));
  print(`faults: ${sums(result.faults)}`);
  for (const name of result.unplayable) print(`not played here: ${name}`);
  const rate = Math.round((1000 * result.operations) / result.duration);
  print(`${store}: ${result.operations} operations at ${rate}/s, ${result.violations.length} violations`);
  for (const sentence of result.revealed.slice(0, 10)) print(`revealed: ${sentence}`);
  for (const violation of byRule(result.violations, 3)) print(describeViolation(violation));
}

function readSettings(args: string[]): Settings | undefined {
  try {
    const { values } = parseArgs({
      args: args.filter((arg) => arg !== "--"),
      options: {
        operations: { type: "string", default: "1000000" },
        store: { type: "string" },
        nodes: { type: "string", default: "3" },
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return undefined;
    }
    const stores = readStores(values.store);
    return {
      operations: Math.ceil(wholeNumber("operations", values.operations, 100) / stores.length),
      stores,
      nodes: wholeNumber("nodes", values.nodes, 1),
      seed: wholeNumber("seed", values.seed, 0),
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

function readStores(text: string | undefined): Store[] {
  if (text === undefined) return ["sqlite", "postgres"];
  if (text === "sqlite" || text === "postgres") return [text];
  throw new Error(`--store is sqlite or postgres, not ${text}`);
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} is a whole number from ${least} on, not ${text}`);
  return value;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
