/** `pnpm simulate`: many seeds over all cores. Exit status 0 where all of them passed. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { replayCommand, type SeedOptions, type SeedResult } from "./seed.ts";

const USAGE = `pnpm simulate [--seeds N] [--first K] [--steps S] [--clients C] [--workers W] [--trace]

  --seeds    how many seeds to run (default 1000)
  --first    the first of them (default 1)
  --steps    acts per seed (default 200)
  --clients  people per seed, one device each (default 5)
  --workers  threads (default: one per core)
  --trace    print the whole trace of a failing seed
`;
/** A seed takes seconds: one that takes this long (ms) hangs. */
const SEED_TIME_LIMIT = 120_000;

interface Settings {
  seeds: number;
  first: number;
  steps: number;
  clients: number;
  workers: number;
  trace: boolean;
}

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2));
  if (settings === undefined) return;
  const started = Date.now();
  const failed: number[] = [];
  const counts: Record<string, number> = {};
  let passed = 0;
  await runSeeds(settings, (options, result) => {
    for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
    if (result.failure) {
      failed.push(result.seed);
      reportFailure(options, result, settings.trace);
    } else passed++;
    const done = passed + failed.length;
    if (done % Math.max(1, Math.floor(settings.seeds / 20)) === 0 && done < settings.seeds)
      print(`${done} of ${settings.seeds} seeds, ${failed.length} failed, ${seconds(started)} s`);
    if (settings.seeds === 1) print(`trace ${result.traceHash}`);
  });
  const sums = Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`);
  print(`in ${seconds(started)} s: ${sums.join(", ")}`);
  if (failed.length > 0) print(`failed: ${failed.toSorted((a, b) => a - b).join(", ")}`);
  print(`${passed} seeds passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** Hands out the seeds one at a time, so that no thread waits for another. */
async function runSeeds(
  settings: Settings,
  done: (options: SeedOptions, result: SeedResult) => void,
): Promise<void> {
  let next = settings.first;
  const end = settings.first + settings.seeds;
  const lane = async () => {
    let worker = startWorker();
    for (;;) {
      if (next >= end) break;
      const options: SeedOptions = { seed: next++, steps: settings.steps, clients: settings.clients };
      const result = await runSeedIn(worker, options);
      if (result.failure?.invariant === "RUN") {
        await worker.terminate();
        worker = startWorker();
      }
      done(options, result);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(settings.workers, settings.seeds) }, lane));
}

function startWorker(): Worker {
  return new Worker(new URL("./seed-worker.ts", import.meta.url));
}

/** A thread that dies or hangs fails its seed, like any other failure. */
async function runSeedIn(worker: Worker, options: SeedOptions): Promise<SeedResult> {
  const ended = new AbortController();
  const { signal } = ended;
  const broken = (detail: string): SeedResult => ({
    seed: options.seed,
    traceHash: "",
    failure: { invariant: "RUN", detail, trace: [] },
    counts: {},
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  worker.postMessage(options);
  try {
    return await Promise.race([
      nextMessage(worker, signal),
      once(worker, "exit", { signal }).then((codes) => broken(`the thread ended with ${codes.join()}`)),
      sleep(SEED_TIME_LIMIT, broken(`no end after ${SEED_TIME_LIMIT / 1000} s`), { signal }),
    ]);
  } catch (error) {
    return broken(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    ended.abort();
  }
}

function nextMessage(worker: Worker, signal: AbortSignal): Promise<SeedResult> {
  return new Promise((resolve) => {
    const take = (result: SeedResult) => resolve(result);
    worker.once("message", take);
    signal.addEventListener("abort", () => worker.off("message", take));
  });
}

function reportFailure(options: SeedOptions, result: SeedResult, whole: boolean): void {
  const { failure } = result;
  if (!failure) return;
  print(`\nseed ${options.seed}: ${failure.invariant}: ${failure.detail}`);
  for (const line of whole ? failure.trace : failure.trace.slice(-25)) print(`  ${line}`);
  print(`replay: ${replayCommand(options)}\n`);
}

function readSettings(args: string[]): Settings | undefined {
  try {
    const { values } = parseArgs({
      args: args.filter((arg) => arg !== "--"),
      options: {
        seeds: { type: "string", default: "1000" },
        first: { type: "string", default: "1" },
        steps: { type: "string", default: "200" },
        clients: { type: "string", default: "5" },
        workers: { type: "string", default: String(availableParallelism()) },
        trace: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return undefined;
    }
    return {
      seeds: wholeNumber("seeds", values.seeds, 1),
      first: wholeNumber("first", values.first, 0),
      steps: wholeNumber("steps", values.steps, 1),
      clients: wholeNumber("clients", values.clients, 2),
      workers: wholeNumber("workers", values.workers, 1),
      trace: values.trace,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} is a whole number from ${least} on, not ${text}`);
  return value;
}

function seconds(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
