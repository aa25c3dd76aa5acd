/**
 * What the tests of packages/mls use of vitest, for the runner of mutation tests: suites are kept as values, so that a
 * test can be run again without loading anything anew. `expect` is vitest's own.
 */
import { format } from "node:util";

// Vitest's assertions look for the worker that they run in, for snapshots and for the name of the current test.
Object.assign(globalThis, { __vitest_worker__: { config: { expect: {} }, environment: { name: "node" } } });
const vitest = await import("vitest");
export const { expect, vi } = vitest;

type Action = (...values: never[]) => unknown;

export interface Suite {
  readonly fixtures: Action[];
  readonly tests: { readonly name: string; readonly run: Action }[];
  readonly suites: Suite[];
}

const newSuite = (): Suite => ({ fixtures: [], tests: [], suites: [] });
let current = newSuite();
let path: string[] = [];

/** Loads a file of tests. Its names are those of its suites and its own, one after the other. */
export async function loadSuite(url: string): Promise<Suite> {
  current = newSuite();
  path = [];
  const suite = current;
  await import(url);
  return suite;
}

export const beforeAll = (fixture: Action): void => void current.fixtures.push(fixture);
export const describe = Object.assign(defineSuite, { each: eachOf(defineSuite) });
export const test = Object.assign(defineTest, { each: eachOf(defineTest) });

function defineTest(name: string, run: Action): void {
  current.tests.push({ name: [...path, name].join(" > "), run });
}

function defineSuite(name: string, define: Action): void {
  const [outer, outerPath] = [current, path];
  current = newSuite();
  path = [...path, name];
  outer.suites.push(current);
  define();
  [current, path] = [outer, outerPath];
}

function eachOf(define: (name: string, run: Action) => void) {
  return (rows: readonly unknown[]) =>
    (name: string, run: (...values: unknown[]) => unknown): void => {
      for (const [i, row] of rows.entries()) {
        const values: unknown[] = Array.isArray(row) ? row : [row];
        const [title] = format(name, ...values).split("\n");
        define(`${title ?? name} #${i}`, () => run(...values));
      }
    };
}
