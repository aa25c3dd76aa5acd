/** `pnpm interop`: random schedules with another engine. Exit status 0 where all seeds passed. */
import { parseArgs } from "node:util";
import { drawSchedule } from "./draw-schedule.ts";
import { type Peer, PEERS } from "./peers.ts";
import type { Participant } from "./participant.ts";
import { type RunResult, runSchedule } from "./run-schedule.ts";
import { THICKET_TRAITS, thicketParticipant } from "./thicket.ts";

const USAGE = `pnpm interop ${Object.keys(PEERS).join("|")} [--seeds N] [--first K] [--seed S] [--steps N] [--spoil]

  --seeds  how many seeds to run (default 1000)
  --first  the first of them (default 1)
  --seed   this one alone, with all its steps where it fails
  --steps  acts per seed (default 40)
  --spoil  falsify what the other engine exports, to see that it is found out
`;

interface Settings {
  readonly peer: string;
  readonly seeds: number;
  readonly first: number;
  readonly steps: number;
  /** Print the whole trace of a failing seed. */
  readonly whole: boolean;
  readonly spoil: boolean;
}

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2));
  const start = settings && PEERS[settings.peer];
  if (settings === undefined || start === undefined) return;
  const started = Date.now();
  const peer = await start();
  const totals: Record<string, number> = {};
  const failed: number[] = [];
  let next = settings.first;
  let done = 0;
  const end = settings.first + settings.seeds;
  const progress = () => {
    if (++done % Math.max(1, Math.floor(settings.seeds / 20)) === 0 && done < settings.seeds)
      print(`${done} of ${settings.seeds} seeds, ${failed.length} failed, ${seconds(started)} s`);
  };
  const lane = async () => {
    while (next < end) {
      const seed = next++;
      const result = await runSeed(settings, peer, seed);
      for (const [what, times] of Object.entries(result.counts)) totals[what] = (totals[what] ?? 0) + times;
      if (result.failure) {
        failed.push(seed);
        report(settings, seed, result.failure);
      }
      progress();
    }
  };
  await Promise.all(Array.from({ length: peer.lanes }, lane));
  await peer.close();
  const sums = Object.entries(totals).toSorted(([a], [b]) => (a < b ? -1 : 1));
  print(`in ${seconds(started)} s: ${sums.map(([what, times]) => `${what} ${times}`).join(", ")}`);
  print(`${settings.seeds - failed.length} seeds passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

async function runSeed(settings: Settings, peer: Peer, seed: number): Promise<RunResult> {
  const { steps } = settings;
  const schedule = drawSchedule({ seed, steps, ours: THICKET_TRAITS, theirs: peer.traits });
  const text = `${settings.peer} ${seed}`;
  const room = await peer.room(text);
  const result = await runSchedule(schedule, {
    ours: (name) => thicketParticipant(name, peer.suite, text),
    theirs: async (name) => {
      const created = await room.create(name);
      return settings.spoil ? spoiled(created) : created;
    },
  });
  await room.leave();
  return result;
}

/** The same client with a false exporter secret. */
function spoiled(one: Participant): Participant {
  return { ...one, view: async () => ({ ...(await one.view()), exported: "spoiled" }) };
}

function report(settings: Settings, seed: number, failure: NonNullable<RunResult["failure"]>): void {
  if (settings.whole) for (const line of failure.trace) print(`  ${line}`);
  const { peer, steps, spoil } = settings;
  const replay = `pnpm interop ${peer} --seed ${seed} --steps ${steps}${spoil ? " --spoil" : ""}`;
  print(`seed ${seed}: step ${failure.trace.length}: ${failure.detail}; replay: ${replay}`);
}

function readSettings(args: string[]): Settings | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: args.filter((arg) => arg !== "--"),
      allowPositionals: true,
      options: {
        seeds: { type: "string", default: "1000" },
        first: { type: "string", default: "1" },
        seed: { type: "string" },
        steps: { type: "string", default: "40" },
        spoil: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return undefined;
    }
    const [peer = "", ...rest] = positionals;
    if (!Object.hasOwn(PEERS, peer) || rest.length > 0) throw new Error("which engine?");
    const one = values.seed !== undefined;
    return {
      peer,
      seeds: one ? 1 : wholeNumber("seeds", values.seeds, 1),
      first: wholeNumber("seed", values.seed ?? values.first, 0),
      steps: wholeNumber("steps", values.steps, 1),
      whole: one,
      spoil: values.spoil,
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
