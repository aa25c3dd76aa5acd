// pnpm --filter mls fuzz [--minutes 10] [--seed S] [--replay S/TARGET/N]: structured mutation fuzz of every entry point.
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { Worker } from "node:worker_threads";
import { execute, FuzzFailure, TARGET_NAMES, type TargetName } from "./run.ts";
import { inputAsHex, type FuzzReport, type FuzzTask } from "./worker.ts";

/** No input may keep the engine busy for longer: this is a hang. */
const PATIENCE_SECONDS = 60;

async function main(): Promise<void> {
  const replayed = option("replay");
  if (replayed !== undefined) return replay(replayed);
  const minutes = Number(option("minutes") ?? "10");
  const seed = option("seed") ?? String(Math.floor(performance.timeOrigin));
  say(`fuzzing for ${minutes} minutes, seed ${seed}`);
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const task: FuzzTask = { seed, milliseconds: minutes * 60_000, progress };
  const worker = new Worker(join(import.meta.dirname, "worker.ts"), { workerData: task });
  const report = await new Promise<FuzzReport>((resolve) => {
    const cancel = watch(progress, (where) => {
      say(`hangs for more than ${PATIENCE_SECONDS} s: ${seed}/${where}`);
      say(`replay with: pnpm --filter mls fuzz --replay ${seed}/${where}`);
      void worker.terminate();
      process.exitCode = 1;
    });
    worker.on("message", (sent) => {
      cancel();
      resolve(sent);
    });
    worker.on("error", (error) => {
      cancel();
      say(String(error));
      process.exitCode = 1;
    });
  });
  let executions = 0;
  for (const [name, counts] of Object.entries(report.counts)) {
    executions += counts.taken + counts.refused;
    const codes = counts.codes.length;
    say(
      `${name}: ${counts.taken} taken, ${counts.refused} refused for ${codes} reasons, ${counts.unsaid} not sayable`,
    );
  }
  const { failure } = report;
  if (failure === undefined) {
    say(`${executions} executions, slowest ${report.slowest} ms (${report.slowestRun}): no findings`);
    return;
  }
  say(`FINDING after ${executions} executions: ${failure.text}`);
  say(`input: ${failure.input}`);
  say(`replay with: pnpm --filter mls fuzz --replay ${failure.run}`);
  process.exitCode = 1;
}

/** One execution again, by its name. */
async function replay(run: string): Promise<void> {
  const parts = run.split("/");
  const n = Number(parts.pop());
  const target = TARGET_NAMES.find((name): name is TargetName => name === parts.at(-1));
  if (target === undefined || !Number.isSafeInteger(n)) {
    say("--replay wants SEED/TARGET/NUMBER as it was printed");
    process.exitCode = 1;
    return;
  }
  try {
    const outcome = await execute(parts.slice(0, -1).join("/"), target, n);
    say(`${run}: ${JSON.stringify(outcome)}`);
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    say(String(error.cause instanceof Error ? error.cause.stack : error.message));
    say(`input: ${inputAsHex(error.input)}`);
    process.exitCode = 1;
  }
}

/** Calls `stuck` with the execution under way once that has been the same for too long. */
function watch(progress: Int32Array, stuck: (where: string) => void): () => void {
  let last = "";
  let since = 0;
  const timer = setInterval(() => {
    const where = `${TARGET_NAMES[Atomics.load(progress, 0)] ?? "world"}/${Atomics.load(progress, 1)}`;
    since = where === last ? since + 5 : 0;
    last = where;
    if (since >= PATIENCE_SECONDS) {
      clearInterval(timer);
      stuck(where);
    }
  }, 5000);
  return () => clearInterval(timer);
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
