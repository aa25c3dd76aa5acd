import { expect, test } from "vitest";
import { runFuzz } from "./run-fuzz.ts";

test("[RELAY-FUZZ-1] whatever is sent to the relay is answered with a code of the wire or not at all, and honest people go on talking", async () => {
  const result = await runFuzz({ ms: 9000, seed: 2026, print: () => undefined });
  expect(result.failures).toEqual([]);
  expect(result.codes.get("MALFORMED_REQUEST") ?? 0).toBeGreaterThan(100);
  expect(result.codes.get("OK") ?? 0).toBeGreaterThan(0);
  for (const count of Object.values(result.sent)) expect(count).toBeGreaterThan(0);
});
