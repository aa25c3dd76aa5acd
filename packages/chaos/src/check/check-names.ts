import type { History, Operation } from "../history.ts";
import type { GroupLog } from "./build-logs.ts";
import type { Report } from "./violation.ts";

/** A seat is one device's, whatever it is called: nobody else writes, reads or acknowledges under any of its names. */
export function checkNames(history: History, logs: ReadonlyMap<string, GroupLog>, report: Report): void {
  const first = new Map<string, Operation>();
  for (const operation of history.operations) {
    for (const { groupId, seatId } of actedAs(operation)) {
      const log = logs.get(groupId);
      const origin = log?.origins.get(seatId);
      // With what is purged a name may be forgotten, and is free again.
      if (log === undefined || (origin !== undefined && log.lowestSeq > 1)) continue;
      const key = `${groupId} ${origin ?? seatId}`;
      const known = first.get(key);
      if (known === undefined) first.set(key, operation);
      else if (known.device !== operation.device) {
        report("names-of-one", `seat ${seatId} of group ${groupId} is two devices'`, known, operation);
      }
    }
  }
}

/** The seats that the relay took the device for. */
function actedAs(operation: Operation): readonly { groupId: string; seatId: string }[] {
  if (operation.outcome.kind !== "ok") return [];
  if (operation.op === "attach") {
    const { attached } = operation.outcome.reply;
    return operation.seats.filter((_, index) => attached[index] === true);
  }
  return "seatId" in operation ? [operation] : [];
}
