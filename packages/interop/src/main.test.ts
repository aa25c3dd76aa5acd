import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

function interop(...args: string[]) {
  const main = join(import.meta.dirname, "main.ts");
  return spawnSync(process.execPath, ["--no-warnings", main, ...args], {
    encoding: "utf8",
    timeout: 120_000,
  });
}

test("pnpm interop ends with the line that the test command counts, and with status 0 where all passed", () => {
  const run = interop("openmls", "--seeds", "2", "--first", "7", "--steps", "15");
  expect(run.stderr).toBe("");
  expect(run.stdout.trimEnd().split("\n").at(-1)).toBe("2 seeds passed, 0 failed");
  expect(run.status).toBe(0);
});

test("A failing seed has one line with its step, what differs and the command that replays it, and status 1", () => {
  const run = interop("thicket", "--seeds", "2", "--first", "3", "--steps", "15", "--spoil");
  const lines = run.stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(
    /^seed \d: step \d+: the exporter secret differs: .*; replay: pnpm interop thicket --seed \d --steps 15 --spoil$/,
  );
  expect(lines.at(-1)).toBe("0 seeds passed, 2 failed");
  expect(run.status).toBe(1);
});

test("The replay of a failing seed prints its steps", () => {
  const run = interop("thicket", "--seed", "3", "--steps", "15", "--spoil");
  expect(run.stdout).toMatch(/^ {2}1\. \{"act":"found","by":"(ours|theirs)-1"\}$/m);
});

test("An engine that isn't there and a number that is none are refused with the usage", () => {
  expect(interop("mlspp").stderr).toContain("pnpm interop openmls|");
  const run = interop("openmls", "--seeds", "many");
  expect(run.stderr).toContain("--seeds is a whole number from 1 on, not many");
  expect(run.status).toBe(2);
});
