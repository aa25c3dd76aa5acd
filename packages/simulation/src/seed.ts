/** What one seed is run with. */
export interface SeedOptions {
  seed: number;
  steps: number;
  clients: number;
}

export interface SeedResult {
  seed: number;
  /** Equal for two runs of one seed. */
  traceHash: string;
  /** Undefined where everything held. */
  failure: SeedFailure | undefined;
  /** What the run came to, to see that the seeds do something. */
  counts: Record<string, number>;
}

export interface SeedFailure {
  /** Which invariant, by its name. */
  invariant: string;
  detail: string;
  /** The last lines of the trace. */
  trace: string[];
}

/** The command that replays one seed. */
export function replayCommand({ seed, steps, clients }: SeedOptions): string {
  return `pnpm simulate --seeds 1 --first ${seed} --steps ${steps} --clients ${clients}`;
}
