import type { Violation } from "../check/violation.ts";
import type { FinalView } from "../history.ts";
import type { Client } from "./client.ts";
import { readView } from "./conclude-round.ts";
import type { Membership } from "./group.ts";
import { createRecorder } from "./recorder.ts";

/**
 * Logs of rounds that are over: whatever happens to the servers later, they must stay as they were, but for what is
 * erased from their beginning because everybody has it.
 */
export interface Archive {
  keep(clients: readonly Client[], views: readonly FinalView[]): void;
  /** Reads them all again. */
  check(clients: readonly Client[]): Promise<Violation[]>;
}

/** Seats of one round whose view is kept. */
const KEPT = 40;

export function createArchive(): Archive {
  const kept: { client: number; membership: Membership; view: FinalView }[] = [];
  return {
    keep(clients, views) {
      const bySeat = new Map(views.map((view) => [view.seatId, view]));
      const seats = clients.flatMap((client) =>
        [...client.memberships.values()].map((membership) => ({ client: client.index, membership })),
      );
      for (const seat of seats) {
        const view = bySeat.get(seat.membership.seatId);
        // Evenly over all clients.
        if (view !== undefined && seats.indexOf(seat) % Math.ceil(seats.length / KEPT) === 0) {
          kept.push({ ...seat, view });
        }
      }
    },
    async check(clients) {
      const recorder = createRecorder(() => undefined);
      for (const client of clients) {
        client.memberships.clear();
        client.start(recorder);
      }
      const violations: Violation[] = [];
      for (const { client: index, membership, view } of kept) {
        const client = clients[index];
        if (client === undefined) continue;
        const now = await readView(client, membership);
        // Once all of its time is purged, a seat that was removed is known no more.
        if (isRestOf(now, view) || (now.forgotten === true && membership.removed)) continue;
        const detail = `the log of group ${membership.group.groupId} is another than when its round ended`;
        violations.push({ rule: "entry-unchanged", detail, operations: [] });
      }
      for (const client of clients) client.stop();
      return violations;
    },
  };
}

/** Whether what is there now is what was there before, from its lowest seq on. */
function isRestOf({ entries, lowestSeq }: FinalView, before: FinalView): boolean {
  const rest = before.entries.filter(({ seq }) => seq >= lowestSeq);
  return (
    entries.length === rest.length &&
    entries.every(({ seq, receivedAt, digest }, index) => {
      const was = rest[index];
      return was?.seq === seq && was.receivedAt === receivedAt && was.digest === digest;
    })
  );
}
