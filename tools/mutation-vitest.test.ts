import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const read = (...path: string[]) => readFileSync(join(import.meta.dirname, "..", ...path), "utf8");

test("what takes vitest's place under mutation has all that the engine's tests import from it", () => {
  const standIn = read("tools/mutation-vitest.ts");
  const offered = [...standIn.matchAll(/^export const (\{[^}]+\}|\w+)/gm)].flatMap(
    ([, names]) => names?.match(/\w+/g) ?? [],
  );
  const files = globSync("packages/mls/src/**/*.test.ts", { cwd: join(import.meta.dirname, "..") });
  expect(files.length).toBeGreaterThan(20);
  for (const file of files.filter((name) => !name.endsWith(".browser.test.ts"))) {
    const [, names] = /import \{([^}]+)\} from "vitest"/.exec(read(file)) ?? [];
    expect(offered, file).toEqual(expect.arrayContaining(names?.match(/\w+/g) ?? []));
  }
});
