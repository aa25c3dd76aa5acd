/** What a suite came to. */
export interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Run {
  /** Exit status of the suite's command. */
  status: number;
  /** The reporter's JSON, or "" where none was written. */
  report: string;
  /** Standard output. */
  output: string;
}

/** A check without cases: its exit status is the answer. */
export function countCheck({ status }: Run): Count {
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

/** vitest's JSON reporter. */
export function countVitest(run: Run): Count {
  const data = parse(run.report);
  return settle(run, {
    passed: number(data["numPassedTests"]),
    failed: number(data["numFailedTests"]) + failedToLoad(data["testResults"]),
    skipped: number(data["numPendingTests"]) + number(data["numTodoTests"]),
  });
}

/** Playwright's JSON reporter. A flaky test is a failure: it failed once. */
export function countPlaywright(run: Run): Count {
  const stats = record(parse(run.report)["stats"]);
  return settle(run, {
    passed: number(stats["expected"]),
    failed: number(stats["unexpected"]) + number(stats["flaky"]),
    skipped: number(stats["skipped"]),
  });
}

/** The closing line of the simulation and of chaos: "100 seeds passed, 0 failed", "1 runs passed, 0 failed". */
export function countSeeds(run: Run): Count {
  const match = /^(\d+) (?:seeds|runs) passed, (\d+) failed$/m.exec(run.output);
  return settle(run, { passed: Number(match?.[1] ?? 0), failed: Number(match?.[2] ?? 0), skipped: 0 });
}

/** A run that failed or did nothing, but reports no failure, is one. */
function settle(run: Run, count: Count): Count {
  const silent = count.failed === 0 && (run.status !== 0 || count.passed === 0);
  return silent ? { ...count, failed: 1 } : count;
}

/** Test files that broke before their first test. */
function failedToLoad(files: unknown): number {
  if (!Array.isArray(files)) return 0;
  return files.filter((file) => {
    const { status, assertionResults } = record(file);
    return status === "failed" && Array.isArray(assertionResults) && assertionResults.length === 0;
  }).length;
}

function parse(report: string): Record<string, unknown> {
  try {
    return record(JSON.parse(report));
  } catch {
    return {};
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
