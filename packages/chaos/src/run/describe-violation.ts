import type { Violation } from "../check/violation.ts";
import type { Operation } from "../history.ts";

/** One line for the rule, and one for each operation that shows the violation. */
export function describeViolation({ rule, detail, operations }: Violation): string {
  return [`${rule}: ${detail}`, ...operations.map((operation) => `  ${describeOperation(operation)}`)].join(
    "\n",
  );
}

export function describeOperation(operation: Operation): string {
  const { id, device, node, op, invoked, completed, outcome, ...rest } = operation;
  const times = `${invoked.toFixed(1)}..${completed === Infinity ? "" : completed.toFixed(1)}`;
  const shown = JSON.stringify({ ...rest, outcome }, (key, value: unknown) =>
    key === "entries" && Array.isArray(value) ? value.map(seqOf) : value,
  );
  return `#${id} device ${device} at node ${node}, ${times} ms, ${op} ${shown}`;
}

function seqOf(entry: unknown): unknown {
  return typeof entry === "object" && entry !== null && "seq" in entry ? entry.seq : entry;
}
