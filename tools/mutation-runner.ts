/**
 * A test runner for Stryker that loads the tests once, in its own process, and runs for each mutant the tests that
 * reach it, with their fixtures: some ten times faster than a new vitest worker for each. MUTATION_TESTS holds patterns
 * of test files, separated by semicolons.
 */
import { globSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import type { Suite } from "./mutation-vitest.ts";

/** Part of what mutated code keeps in the global namespace of Stryker's instrumenter. */
interface Instruments {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: Coverage;
}

type Hits = Record<string, number>;

interface Coverage {
  static: Hits;
  perTest: Record<string, Hits>;
}

interface MutantRun {
  readonly activeMutant: { readonly id: string };
  readonly testFilter?: readonly string[];
  readonly hitLimit?: number;
}

const instruments: Instruments = {};
Object.assign(globalThis, { __stryker__: instruments });
const suites = new Map<string, Suite>();

const runner = {
  capabilities: () => ({ reloadEnvironment: false }),

  async init() {
    const shim = new URL("./mutation-vitest.ts", import.meta.url).href;
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === "vitest" && context.parentURL !== shim
          ? { url: shim, shortCircuit: true }
          : next(specifier, context),
    });
    // What a test started and didn't wait for may fail after it: the test has its verdict by then.
    process.on("unhandledRejection", () => undefined);
    const { loadSuite } = await import("./mutation-vitest.ts");
    for (const file of (process.env["MUTATION_TESTS"] ?? "").split(";").flatMap((one) => globSync(one))) {
      suites.set(file, await loadSuite(pathToFileURL(resolve(file)).href));
    }
  },

  async dryRun() {
    const tests: object[] = [];
    for (const [file, suite] of suites) {
      await runSuite(
        file,
        suite,
        () => true,
        (id, error, timeSpentMs) => {
          const outcome = error === undefined ? { status: 0 } : { status: 1, failureMessage: inspect(error) };
          tests.push({ id, name: id, fileName: resolve(file), timeSpentMs, ...outcome });
          return true;
        },
      );
    }
    return { status: "complete", tests, mutantCoverage: instruments.mutantCoverage };
  },

  async mutantRun({ activeMutant, testFilter, hitLimit }: MutantRun) {
    const wanted = new Set(testFilter);
    instruments.activeMutant = activeMutant.id;
    instruments.hitCount = hitLimit === undefined ? undefined : 0;
    instruments.hitLimit = hitLimit;
    let nrOfTests = 0;
    let killer: { id: string; error: unknown } | undefined;
    for (const [file, suite] of suites) {
      if (killer !== undefined) break;
      await runSuite(
        file,
        suite,
        (id) => wanted.size === 0 || wanted.has(id),
        (id, error) => {
          nrOfTests++;
          if (error !== undefined) killer = { id, error };
          return error === undefined;
        },
      );
    }
    instruments.activeMutant = undefined;
    if (hitLimit !== undefined && (instruments.hitCount ?? 0) > hitLimit) {
      return { status: "timeout", reason: "the mutant was reached too often" };
    }
    return killer === undefined
      ? { status: "survived", nrOfTests }
      : { status: "killed", killedBy: [killer.id], failureMessage: inspect(killer.error), nrOfTests };
  },

  dispose: () => Promise.resolve(),
};

/**
 * Runs those tests of a suite that are wanted, until `after` says no. What a fixture reaches counts for all the tests
 * that it is for, and where it fails they all do.
 */
async function runSuite(
  place: string,
  suite: Suite,
  isWanted: (id: string) => boolean,
  after: (id: string, error: unknown, ms: number) => boolean,
): Promise<boolean> {
  const ids = idsOf(place, suite);
  if (!ids.some(isWanted)) return true;
  const fixture = `fixture of ${place}`;
  const failed = await attempt(fixture, async () => {
    for (const prepare of suite.fixtures) await prepare();
  });
  const reached = instruments.mutantCoverage?.perTest[fixture];
  delete instruments.mutantCoverage?.perTest[fixture];
  for (const id of reached === undefined ? [] : ids) {
    const hits = (instruments.mutantCoverage!.perTest[id] ??= {});
    for (const [mutant, count] of Object.entries(reached!)) hits[mutant] = (hits[mutant] ?? 0) + count;
  }
  for (const [i, { run }] of suite.tests.entries()) {
    const id = ids[i] ?? "";
    if (!isWanted(id)) continue;
    const begun = performance.now();
    const error = failed ?? (await attempt(id, async () => run()));
    if (!after(id, error, performance.now() - begun)) return false;
  }
  for (const [i, inner] of suite.suites.entries()) {
    if (!(await runSuite(`${place}/${i}`, inner, isWanted, after))) return false;
  }
  return true;
}

/** Of all tests in a suite, its own first. */
function idsOf(place: string, suite: Suite): string[] {
  const own = suite.tests.map(({ name }) => `${place}: ${name}`);
  return [...own, ...suite.suites.flatMap((inner, i) => idsOf(`${place}/${i}`, inner))];
}

async function attempt(id: string, action: () => Promise<unknown>): Promise<unknown> {
  instruments.currentTestId = id;
  try {
    await action();
    return undefined;
  } catch (error) {
    return error ?? new Error("nothing was thrown");
  } finally {
    instruments.currentTestId = undefined;
  }
}

export const strykerPlugins = [{ kind: "TestRunner", name: "in-process", factory: () => runner }];
