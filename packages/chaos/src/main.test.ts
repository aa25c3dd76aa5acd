import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

function chaos(...args: string[]) {
  const main = join(import.meta.dirname, "main.ts");
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 300_000 });
}

test("[CHAOS-3] a short run against a real relay breaks no promise, and ends with the line that the test command counts", () => {
  const run = chaos("--operations", "500", "--store", "sqlite", "--seed", "1");
  expect(run.stderr).toBe("");
  expect(run.stdout.trimEnd().split("\n").at(-1), run.stdout).toBe("1 runs passed, 0 failed");
  expect(run.stdout).toMatch(/append ok \d/);
  expect(run.stdout).toMatch(/commit ok \d/);
  expect(run.status).toBe(0);
}, 300_000);

test("what isn't a number or a store is refused with the usage", () => {
  expect(chaos("--operations", "many").stderr).toContain(
    "--operations is a whole number from 100 on, not many",
  );
  const run = chaos("--store", "paper");
  expect(run.stderr).toContain("--store is sqlite or postgres, not paper");
  expect(run.status).toBe(2);
});
