import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

test("every invariant in INVARIANTS.md is held by a test that names it, and every id in a title stands there", () => {
  const listed = [...read("INVARIANTS.md").matchAll(/^\| ([A-Z][A-Z0-9-]*\d)\s+\|/gm)].map(
    ([, id]) => id ?? "",
  );
  const tested = new Set<string>();
  for (const path of testFiles()) {
    for (const [, ids] of read(path).matchAll(/["`]((?:\[[A-Z][A-Z0-9-]*\d\]\s*)+)/g)) {
      for (const [, id] of ids?.matchAll(/\[([A-Z0-9-]+)\]/g) ?? []) tested.add(id ?? "");
    }
  }
  expect(listed.length).toBeGreaterThan(100);
  expect(new Set(listed).size).toBe(listed.length);
  expect(new Set(listed)).toEqual(tested);
});

function testFiles(): string[] {
  const tracked = execFileSync("git", ["ls-files", "packages", "apps", "tools", "e2e"], {
    cwd: root,
    encoding: "utf8",
  });
  return tracked.split("\n").filter((path) => /(?:\.test|\.spec|store-contract)\.ts$/.test(path));
}
