import { createHash } from "node:crypto";
import type { Violation } from "../check/violation.ts";
import type { Digest, FinalView } from "../history.ts";
import type { Client } from "./client.ts";
import { readView } from "./conclude-round.ts";
import type { Membership } from "./group.ts";
import { createRecorder } from "./recorder.ts";

/** Logs of rounds that are over: whatever happens to the servers later, they must stay as they were. */
export interface Archive {
  keep(clients: readonly Client[], views: readonly FinalView[]): void;
  /** Reads them all again. */
  check(clients: readonly Client[]): Promise<Violation[]>;
}

/** Seats of one round whose view is kept. */
const KEPT = 40;

export function createArchive(): Archive {
  const kept: { client: number; membership: Membership; digest: Digest }[] = [];
  return {
    keep(clients, views) {
      const digests = new Map(views.map((view) => [view.seatId, digestOf(view)]));
      const seats = clients.flatMap((client) =>
        [...client.memberships.values()].map((membership) => ({ client: client.index, membership })),
      );
      for (const seat of seats) {
        const digest = digests.get(seat.membership.seatId);
        // Evenly over all clients.
        if (digest !== undefined && seats.indexOf(seat) % Math.ceil(seats.length / KEPT) === 0) {
          kept.push({ ...seat, digest });
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
      for (const { client: index, membership, digest } of kept) {
        const client = clients[index];
        if (client === undefined || digestOf(await readView(client, membership)) === digest) continue;
        const detail = `the log of group ${membership.group.groupId} is another than when its round ended`;
        violations.push({ rule: "entry-unchanged", detail, operations: [] });
      }
      for (const client of clients) client.stop();
      return violations;
    },
  };
}

function digestOf({ entries }: FinalView): Digest {
  const digest = createHash("sha256");
  for (const { seq, receivedAt, digest: bytes } of entries) digest.update(`${seq} ${receivedAt} ${bytes}\n`);
  return digest.digest("base64url");
}
