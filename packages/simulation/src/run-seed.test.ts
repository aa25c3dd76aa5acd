import { expect, test } from "vitest";
import { runSeed } from "./run-seed.ts";

const options = { seed: 4711, steps: 80, clients: 4 };

test("[SIM-1] One seed replays to the byte, another seed goes another way", async () => {
  const first = await runSeed(options);
  const again = await runSeed(options);
  const other = await runSeed({ ...options, seed: 4712 });
  expect(first.failure).toBeUndefined();
  expect(again.traceHash).toBe(first.traceHash);
  expect(again.counts).toEqual(first.counts);
  expect(other.traceHash).not.toBe(first.traceHash);
});
