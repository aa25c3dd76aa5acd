import type { Claim, Digest, History, Operation, Publish } from "../history.ts";
import type { Report } from "./violation.ts";

/** Nobody gets what somebody else got, nobody gets what its owner didn't publish, and none is lost. */
export function checkKeyPackages(history: History, report: Report): void {
  const published = new Map<string, Publish>();
  const lastResorts = new Set<string>();
  const given = new Map<Digest, Claim>();
  const operations = [...history.earlierPools, ...history.operations];
  for (const operation of operations) {
    if (operation.op !== "publish") continue;
    for (const digest of operation.packages) published.set(`${operation.device} ${digest}`, operation);
    if (operation.lastResort !== undefined) lastResorts.add(`${operation.device} ${operation.lastResort}`);
  }
  for (const operation of operations) {
    if (operation.op !== "claim" || operation.outcome.kind !== "ok") continue;
    for (const { device, digest, lastResort } of operation.outcome.reply.packages) {
      const key = `${device} ${digest}`;
      const known = lastResort ? lastResorts.has(key) : published.has(key);
      if (!known || !operation.devices.includes(device)) {
        report("key-package-known", `device ${device} never published what was claimed of it`, operation);
      }
      if (lastResort) continue;
      const before = given.get(digest);
      if (before !== undefined) {
        report("key-package-once", `one of device ${device} was handed out twice`, before, operation);
      }
      given.set(digest, operation);
    }
  }
  checkCounts(history.finalCounts, operations, given, report);
}

/** What is left is what was published less what was claimed, as far as silence lets one know. */
function checkCounts(
  finalCounts: History["finalCounts"],
  operations: readonly Operation[],
  given: ReadonlyMap<Digest, Claim>,
  report: Report,
): void {
  for (const { device, count } of finalCounts) {
    const sure = new Set<Digest>();
    const possible = new Set<Digest>();
    let maybeClaimed = 0;
    for (const operation of operations) {
      if (operation.op === "publish" && operation.device === device && operation.outcome.kind !== "refused") {
        for (const digest of operation.packages) {
          possible.add(digest);
          if (operation.outcome.kind === "ok") sure.add(digest);
        }
      } else if (operation.op === "claim" && operation.outcome.kind === "unknown") {
        if (operation.devices.includes(device)) maybeClaimed += 1;
      }
    }
    const least = [...sure].filter((digest) => !given.has(digest)).length - maybeClaimed;
    const most = [...possible].filter((digest) => !given.has(digest)).length;
    if (count >= least && count <= most) continue;
    report("key-package-count", `device ${device} has ${count} left, not ${least} to ${most}`);
  }
}
