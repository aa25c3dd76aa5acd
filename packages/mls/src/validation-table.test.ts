import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const source = import.meta.dirname;
const read = (...path: string[]): string => readFileSync(join(source, ...path), "utf8");

/** Rows of docs/validation.md: rule, sections, error codes, ids of tests. */
const rows = read("..", "docs", "validation.md")
  .split("\n")
  .filter((line) => line.startsWith("|") && !/^\| (?:rule|-)/.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const listed = (cell: string | undefined): string[] => (cell ? cell.split(", ") : []);

test("every rule in docs/validation.md names a section, codes that exist and tests that stand in a title", () => {
  const titles = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => [...read(path).matchAll(/"\[([A-Z][A-Z0-9-]*-\d+)\]/g)].map(([, id]) => id));
  const codes = [...read("errors.ts").matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code);
  expect(rows.length).toBeGreaterThan(60);
  for (const [rule, sections, errors, tests] of rows) {
    expect(rule).toMatch(/./);
    for (const section of listed(sections)) expect(section).toMatch(/^§\d+(\.\d+)*$/);
    for (const code of listed(errors)) expect(codes).toContain(code);
    expect(listed(tests), `the rule "${rule}" has no test`).not.toEqual([]);
    for (const id of listed(tests)) expect(titles).toContain(id);
  }
});

test("every test of a rule stands in docs/validation.md", () => {
  const inTable = rows.flatMap(([, , , tests]) => listed(tests));
  const inTitles = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => [...read(path).matchAll(/"\[(RULE-\d+)\]/g)].map(([, id]) => id ?? ""));
  expect(inTitles.filter((id) => !inTable.includes(id))).toEqual([]);
});
