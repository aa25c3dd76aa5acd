import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const scripts = Object.keys(JSON.parse(read("package.json")).scripts);

const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "INVARIANTS.md", "SECURITY.md"];
for (const folder of ["docs", "packages/mls", "packages/interop"]) {
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".md") && !name.includes("node_modules") && !name.includes(".stryker"))
      documents.push(join(folder, name));
  }
}

/** Commands that a suite of the test command runs, by the script they name. */
const RUN_BY_A_SUITE = new Set([
  "start",
  "test",
  "types",
  "lint",
  "knip",
  "unit",
  "build",
  "e2e",
  "simulate",
  "chaos",
  "interop",
  "serve",
  "relay",
  "verify",
]);
/** Long or watching commands: their parts are run by the suites, and whoever changes them runs them by hand. */
const RUN_BY_HAND = new Set(["dev", "bench", "screenshots", "image:try", "install"]);

test.each(documents)("%s names only commands that exist, and files that are there", (name) => {
  const text = read(name);
  const code = [...text.matchAll(/```[a-z]*\n([^]*?)```|`([^`]+)`/g)]
    .map(([, block, span]) => block ?? span)
    .join("\n");
  for (const [, command] of code.matchAll(/\b(?:npm|pnpm(?:@[\d.]+)?) (?:run )?([a-z][a-z:-]*)/g)) {
    const known = RUN_BY_A_SUITE.has(command ?? "") || RUN_BY_HAND.has(command ?? "");
    expect(known, `${command} is run by a suite or listed as run by hand`).toBe(true);
    if (command !== "install") expect(scripts).toContain(command);
  }
  for (const [, filter, command] of code.matchAll(/\bpnpm --filter ([a-z-]+) ([a-z][a-z:-]*)/g)) {
    expect(packageScripts(filter ?? ""), `${filter}: ${command}`).toContain(command);
  }
  for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    expect(() => readdirSync(join(root, name, "..", link ?? "", "..")), link).not.toThrow();
    const folder = readdirSync(join(root, name, "..", link ?? "", ".."));
    expect(folder, link).toContain((link ?? "").split("/").at(-1));
  }
});

function packageScripts(name: string): string[] {
  const folder = ["packages", "apps", "."].find((place) =>
    existsSync(join(root, place, name, "package.json")),
  );
  return Object.keys(JSON.parse(read(join(folder ?? "packages", name, "package.json"))).scripts);
}
