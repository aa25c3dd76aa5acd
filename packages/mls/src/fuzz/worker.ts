import { bytesToHex } from "@noble/hashes/utils.js";
import { performance } from "node:perf_hooks";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { execute, FuzzFailure, TARGET_NAMES, type TargetName } from "./run.ts";

/** What the fuzzer's thread is asked: it says in `progress` which target and number are under way. */
export interface FuzzTask {
  readonly seed: string;
  readonly milliseconds: number;
  readonly progress: Int32Array;
}

export interface TargetCounts {
  taken: number;
  refused: number;
  unsaid: number;
  codes: string[];
}

export interface FuzzReport {
  readonly counts: Readonly<Record<string, TargetCounts>>;
  /** Milliseconds of the slowest execution. */
  readonly slowest: number;
  readonly slowestRun: string;
  readonly failure: { readonly run: string; readonly text: string; readonly input: string } | undefined;
}

async function work({ seed, milliseconds, progress }: FuzzTask): Promise<FuzzReport> {
  const counts: Record<string, TargetCounts> = {};
  for (const name of TARGET_NAMES) counts[name] = { taken: 0, refused: 0, unsaid: 0, codes: [] };
  let slowest = 0;
  let slowestRun = "";
  const end = performance.now() + milliseconds;
  for (let n = 0; performance.now() < end; n++) {
    for (const [index, target] of TARGET_NAMES.entries()) {
      Atomics.store(progress, 0, index);
      Atomics.store(progress, 1, n);
      const start = performance.now();
      try {
        await count(counts, seed, target, n);
      } catch (error) {
        if (!(error instanceof FuzzFailure)) throw error;
        const { run, input, cause } = error;
        const text = `${run}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
        return { counts, slowest, slowestRun, failure: { run, text, input: inputAsHex(input) } };
      }
      const took = Math.round(performance.now() - start);
      // The first of a world makes the world.
      if (took > slowest && index > 0) {
        slowest = took;
        slowestRun = `${seed}/${target}/${n}`;
      }
    }
  }
  return { counts, slowest, slowestRun, failure: undefined };
}

async function count(
  counts: Record<string, TargetCounts>,
  seed: string,
  target: TargetName,
  n: number,
): Promise<void> {
  const entry = counts[target];
  if (entry === undefined) throw new RangeError("a target without a count");
  const outcome = await execute(seed, target, n);
  entry[outcome.result]++;
  if (outcome.result === "refused" && !entry.codes.includes(outcome.code)) entry.codes.push(outcome.code);
}

export function inputAsHex(input: Uint8Array | undefined): string {
  return input === undefined ? "none" : bytesToHex(input);
}

if (!isMainThread && parentPort !== null) parentPort.postMessage(await work(workerData));
