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
const codes = [...read("errors.ts").matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code ?? "");

test("every rule in docs/validation.md names a section, codes that exist and tests that stand in a title", () => {
  const titles = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => [...read(path).matchAll(/"\[([A-Z][A-Z0-9-]*-\d+)\]/g)].map(([, id]) => id));
  expect(rows.length).toBeGreaterThan(60);
  for (const [rule, sections, errors, tests] of rows) {
    expect(rule).toMatch(/./);
    for (const section of listed(sections)) expect(section).toMatch(/^§\d+(\.\d+)*$/);
    for (const code of listed(errors)) expect(codes).toContain(code);
    expect(listed(tests), `the rule "${rule}" has no test`).not.toEqual([]);
    for (const id of listed(tests)) expect(titles).toContain(id);
  }
});

test("the section that an error carries stands beside its code in docs/validation.md", () => {
  const sections = new Map<string, Set<string>>();
  for (const [, cell, errors] of rows) {
    for (const code of listed(errors)) {
      sections.set(code, new Set([...(sections.get(code) ?? []), ...listed(cell)]));
    }
  }
  const carried = carriedSections();
  expect(carried.length).toBeGreaterThan(100);
  const strays = carried.filter(({ code, section }) => sections.get(code)?.has(section) === false);
  expect(strays).toEqual([]);
});

/** Invariants of the engine that don't say what is valid, by what they say instead. */
const NOT_OF_VALIDITY: Readonly<Record<string, string>> = {
  "what reading costs": "DEPTH-2 DEPTH-3 GROUP-8 TREE-SECRET-2",
  "what is made, and that others follow":
    "BRANCH-1 EXTERNAL-1 EXTERNAL-2 FRAME-1 FRAME-6 GROUP-1 GROUP-6 GROUP-11 LAST-RESORT-3 MEDIA-1 MEDIA-4 PATH-1 PSK-3 REINIT-2 WELCOME-1",
  "what is derived from what": "CRYPTO-1 EXPORT-1 GROUP-9 LAST-RESORT-1",
  "what is kept, and for how long":
    "GROUP-2 GROUP-3 GROUP-4 GROUP-10 RATCHET-2 RATCHET-4 RATCHET-6 TREE-SECRET-1 TREE-SECRET-3",
  "own records, which nobody sends": "GROUP-7",
  "how tags are compared, whatever the verdict": "CRYPTO-5",
  "that a refusal changes nothing": "FRAME-13 FUZZ-1",
  "other implementations": "INTEROP-1 INTEROP-2",
};

/** Codes that say nothing about what somebody sent. */
const NOT_OF_INPUT: Readonly<Record<string, string>> = {
  "a mistake of the caller": "ENCODE_RANGE LENGTH_INVALID MEMBER_UNKNOWN SUITE_NOT_LOADED",
  "the platform": "CRYPTO_UNAVAILABLE",
  "own records, which nobody sends": "RECORD_INVALID",
};

const named = (reasons: Readonly<Record<string, string>>): string[] =>
  Object.values(reasons).flatMap((ids) => ids.split(" "));

test("every invariant of the engine stands in docs/validation.md, or here with what it says instead", () => {
  const invariants = readFileSync(join(source, "../../../INVARIANTS.md"), "utf8");
  const [, engine = ""] = /^## MLS engine$([^]*?)^## Identity$/m.exec(invariants) ?? [];
  const ids = [...engine.matchAll(/^\| ([A-Z][A-Z0-9-]*-\d+) /gm)].map(([, id]) => id ?? "");
  const inTable = rows.flatMap(([, , , tests]) => listed(tests));
  expect(ids.length).toBeGreaterThan(150);
  expect(ids.filter((id) => !inTable.includes(id)).toSorted()).toEqual(named(NOT_OF_VALIDITY).toSorted());
});

test("every error code stands in docs/validation.md, or here with what it says instead", () => {
  const inTable = rows.flatMap(([, , errors]) => listed(errors));
  expect(codes.filter((code) => !inTable.includes(code)).toSorted()).toEqual(named(NOT_OF_INPUT).toSorted());
});

interface Carried {
  readonly code: string;
  readonly section: string;
  /** The module that throws it. */
  readonly module: string;
}

/** The sections that the source gives to an MlsError: where it makes one, or calls a function that makes one with it. */
function carriedSections(): Carried[] {
  const modules = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.test\.ts$|\.d\.ts$|^(?:testing|fuzz|vectors)\//.test(path))
    .map((module) => ({ module, text: read(module) }));
  const found: Carried[] = [];
  for (const here of modules) {
    for (const { args, at } of callsOf(here.text, "new MlsError")) {
      const code = /^\s*"([A-Z_]+)"/.exec(args)?.[1] ?? "";
      expect(code, `${here.module} throws ${args}`).not.toBe("");
      for (const section of sectionsIn(args)) found.push({ code, section, module: here.module });
      if (!/\bsection(?:,| \})/.test(args)) continue;
      const makers = [
        ...here.text.slice(0, at).matchAll(/(export )?(?:async )?function (\w+)\(([^]*?)\)[:{ ]/g),
      ];
      const [, isExported, maker = "", parameters = ""] = makers.at(-1) ?? [];
      const byDefault = sectionsIn(/section = .*/.exec(parameters)?.[0] ?? "");
      for (const { module, text } of isExported === undefined ? [here] : modules) {
        for (const call of callsOf(text, maker)) {
          const given = sectionsIn(call.args);
          for (const section of given.length > 0 ? given : byDefault) found.push({ code, section, module });
        }
      }
    }
  }
  return found;
}

/** What stands between the brackets of each call in a source text, and where. */
function callsOf(text: string, name: string): { args: string; at: number }[] {
  return [...text.matchAll(new RegExp(`(?<!function )\\b${name}\\(`, "g"))].map(({ 0: head, index: at }) => {
    const from = at + head.length;
    let end = from;
    for (let open = 1; open > 0 && end < text.length; end++) {
      if (text[end] === "(") open++;
      if (text[end] === ")") open--;
    }
    return { args: text.slice(from, end - 1), at };
  });
}

function sectionsIn(text: string): string[] {
  return [...text.matchAll(/"(§[\d.]+)"/g)].map(([, section = ""]) => section);
}
