import type { History, Operation } from "../history.ts";
import { buildLogs } from "./build-logs.ts";
import { checkKnocks } from "./check-knocks.ts";
import { checkLinks } from "./check-links.ts";
import { checkNames } from "./check-names.ts";
import { checkKeyPackages } from "./check-key-packages.ts";
import { checkViews } from "./check-views.ts";
import { checkWelcomes } from "./check-welcomes.ts";
import { checkWrites } from "./check-writes.ts";
import type { Report, Violation } from "./violation.ts";

/** Operations shown with one violation. */
const SHOWN = 8;

/**
 * Everything in the history that a relay which keeps its promises can't have caused; empty where there is nothing.
 * It knows the promises only (`delivery.md`), nothing of how the relay keeps them.
 */
export function checkHistory(history: History): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (rule, detail, ...operations) => {
    const shown = operations.filter((operation): operation is Operation => operation !== undefined);
    violations.push({
      rule,
      detail,
      operations: shown.slice(0, SHOWN).toSorted((a, b) => a.invoked - b.invoked),
    });
  };
  const logs = buildLogs(history, report);
  checkWrites(history, logs, report);
  checkViews(history, logs, report);
  checkNames(history, logs, report);
  checkKnocks(history, logs, report);
  checkLinks(history, logs, report);
  checkKeyPackages(history, report);
  checkWelcomes(history, logs, report);
  for (const operation of history.operations) {
    if (operation.outcome.kind !== "refused") continue;
    const { code } = operation.outcome.error;
    if (code === "INTERNAL" || (code === "STORE_FAILED" && !history.storeMayFail)) {
      report("never-internal", `the relay says ${code}: it has a bug`, operation);
    }
  }
  return violations;
}
