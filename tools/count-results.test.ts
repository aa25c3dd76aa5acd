import { expect, test } from "vitest";
import { countCheck, countPlaywright, countSeeds, countVitest } from "./count-results.ts";

const vitest = (numPassedTests: number, numFailedTests: number, testResults: unknown[] = []) =>
  JSON.stringify({ numPassedTests, numFailedTests, numPendingTests: 0, numTodoTests: 0, testResults });

test("[CI-1] a suite that broke without a report is one failure", () => {
  expect(countVitest({ status: 1, report: "", output: "" })).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(countPlaywright({ status: 1, report: "{", output: "" })).toEqual({
    passed: 0,
    failed: 1,
    skipped: 0,
  });
  expect(countSeeds({ status: 1, report: "", output: "crash" })).toEqual({
    passed: 0,
    failed: 1,
    skipped: 0,
  });
  expect(countCheck({ status: 2, report: "", output: "" }).failed).toBe(1);
});

test("[CI-1] a suite that ran no test is one failure", () => {
  expect(countVitest({ status: 0, report: vitest(0, 0), output: "" }).failed).toBe(1);
});

test("[CI-1] a file that did not load counts beside the tests that passed", () => {
  const broken = [{ status: "failed", assertionResults: [] }];
  expect(countVitest({ status: 1, report: vitest(3, 0, broken), output: "" })).toMatchObject({
    passed: 3,
    failed: 1,
  });
});

test("counts come from the reporters", () => {
  expect(countVitest({ status: 0, report: vitest(5, 0), output: "" })).toEqual({
    passed: 5,
    failed: 0,
    skipped: 0,
  });
  const stats = { expected: 4, unexpected: 1, flaky: 1, skipped: 2 };
  expect(countPlaywright({ status: 1, report: JSON.stringify({ stats }), output: "" })).toEqual({
    passed: 4,
    failed: 2,
    skipped: 2,
  });
  expect(countSeeds({ status: 1, report: "", output: "x\n98 seeds passed, 2 failed\n" })).toMatchObject({
    passed: 98,
    failed: 2,
  });
  expect(countSeeds({ status: 0, report: "", output: "x\n2 runs passed, 0 failed\n" })).toMatchObject({
    passed: 2,
    failed: 0,
  });
});
