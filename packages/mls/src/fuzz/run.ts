import { diceOf } from "./dice.ts";
import { fuzzCertificates } from "./certificate-target.ts";
import { fuzzDecoders } from "./decoder-target.ts";
import { fuzzGroupInfo, fuzzJoin, fuzzKeyPackage, fuzzLate } from "./entry-targets.ts";
import { fuzzMessage } from "./message-target.ts";
import { type Outcome, prepare, type Prepared, type Run } from "./prepare.ts";
import { fuzzGroupRecords, fuzzPastRecords } from "./record-targets.ts";

export const TARGETS = {
  decoders: fuzzDecoders,
  processMessage: fuzzMessage,
  joinGroup: fuzzJoin,
  groupInfo: fuzzGroupInfo,
  openLate: fuzzLate,
  checkKeyPackage: fuzzKeyPackage,
  certificates: fuzzCertificates,
  loadGroup: fuzzGroupRecords,
  loadPastEpoch: fuzzPastRecords,
} as const satisfies Record<string, (run: Run) => Promise<Outcome>>;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES: readonly TargetName[] = [
  "decoders",
  "processMessage",
  "joinGroup",
  "groupInfo",
  "openLate",
  "checkKeyPackage",
  "certificates",
  "loadGroup",
  "loadPastEpoch",
];

/**
 * A world is of one of these, the quick ones more often. Where signatures are ECDSA's, which the platform salts, a
 * replayed execution meets other bytes in their place.
 */
const SUITES = [1, 1, 1, 3, 3, 2, 2, 4, 5, 6, 7, 0xf001];

/** Executions that share one world. */
const PER_WORLD = 200;
let lastWorld: { readonly seed: string; readonly prepared: Promise<Prepared> } | undefined;

/** Runs execution number `n` of a target. Throws a FuzzFailure, which holds the run's name and its input. */
export async function execute(
  seed: string,
  target: TargetName,
  n: number,
  suites: readonly number[] = SUITES,
): Promise<Outcome> {
  const worldSeed = `${seed}/${Math.floor(n / PER_WORLD)}`;
  if (lastWorld?.seed !== worldSeed) lastWorld = { seed: worldSeed, prepared: prepare(worldSeed, suites) };
  const name = `${seed}/${target}/${n}`;
  const run: Run = { seed: name, prepared: await lastWorld.prepared, dice: diceOf(name), input: undefined };
  try {
    return await TARGETS[target](run);
  } catch (cause) {
    throw new FuzzFailure(name, run.input, cause);
  }
}

export class FuzzFailure extends Error {
  override name = "FuzzFailure";
  readonly run: string;
  readonly input: Uint8Array | undefined;

  constructor(run: string, input: Uint8Array | undefined, cause: unknown) {
    super(`${run}: ${String(cause)}`, { cause });
    this.run = run;
    this.input = input;
  }
}
