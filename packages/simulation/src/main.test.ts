import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replayCommand } from "./seed.ts";

function simulate(...args: string[]) {
  const main = join(import.meta.dirname, "main.ts");
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 120_000 });
}

test("pnpm simulate ends with the line that the test command counts, and with status 0 where all passed", () => {
  const run = simulate("--seeds", "2", "--first", "7", "--steps", "15", "--clients", "3", "--workers", "2");
  expect(run.stderr).toBe("");
  expect(run.stdout.trimEnd().split("\n").at(-1)).toBe("2 seeds passed, 0 failed");
  expect(run.status).toBe(0);
});

test("What isn't a number is refused with the usage", () => {
  const run = simulate("--seeds", "many");
  expect(run.stderr).toContain("--seeds is a whole number from 1 on, not many");
  expect(run.status).toBe(2);
});

test("A failing seed names the command that replays it", () => {
  expect(replayCommand({ seed: 12, steps: 200, clients: 5 })).toBe(
    "pnpm simulate --seeds 1 --first 12 --steps 200 --clients 5",
  );
});
