import { describe, expect, test } from "vitest";
import { execute, TARGET_NAMES, type TargetName } from "./run.ts";

/** Executions in the test command; `pnpm --filter mls fuzz` runs for minutes. */
const COUNTS: Readonly<Record<TargetName, number>> = {
  decoders: 1500,
  processMessage: 400,
  joinGroup: 250,
  groupInfo: 250,
  openLate: 400,
  checkKeyPackage: 400,
  certificates: 3000,
  loadGroup: 300,
  loadPastEpoch: 300,
};

/** Fewest reasons for refusals that must have been met, where not four. */
const REASONS: Partial<Record<TargetName, number>> = { decoders: 3, loadGroup: 1, loadPastEpoch: 1 };

describe("[FUZZ-1] [CODEC-2] under changed and forged input", () => {
  test.each(TARGET_NAMES)(
    "%s refuses with MlsError or takes what is genuine, and leaves what it was given",
    async (target) => {
      const results = { taken: 0, refused: 0, unsaid: 0 };
      const codes = new Set<string>();
      for (let n = 0; n < COUNTS[target]; n++) {
        const outcome = await execute("test", target, n, [1, 3]);
        results[outcome.result]++;
        if (outcome.result === "refused") codes.add(outcome.code);
      }
      // Both must have been met, for more than one reason, or the input tests nothing.
      expect(results.taken).toBeGreaterThan(0);
      expect(results.refused).toBeGreaterThan(COUNTS[target] / 20);
      expect(codes.size).toBeGreaterThanOrEqual(REASONS[target] ?? 4);
    },
    120_000,
  );
});
