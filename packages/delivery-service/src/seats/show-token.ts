import type { Transaction } from "../db/access.ts";
import type { EpochRow, SeatRow } from "../db/statements.ts";
import type { Effect } from "../outcome.ts";
import { releaseForOther } from "../welcomes/release-welcomes.ts";
import { namesOfSeat } from "./names-of-seat.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The UTC day since 1970. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY);
}

export interface Shown {
  groupNo: number;
  seatId: Uint8Array;
  seatToken: Uint8Array;
  seat: Pick<SeatRow, "shown_day" | "origin">;
  place: Pick<EpochRow, "branch" | "held">;
}

/**
 * A seat has shown the token of an epoch: it lives, and so does the branch; and where it isn't the author of the commit
 * that began the epoch, somebody could take that commit, so its Welcomes go out.
 */
export async function noteShown(tx: Transaction, shown: Shown, now: number): Promise<Effect[]> {
  const { groupNo, seat, place } = shown;
  const day = dayOf(now);
  // At most one write a day for a seat that comes and goes.
  if (seat.shown_day === null || seat.shown_day < day) {
    for (const name of await namesOfSeat(tx, groupNo, { seatId: shown.seatId, origin: seat.origin })) {
      await tx.hot.noteShown(groupNo, name, day, place.branch, now);
    }
  }
  return place.held === 1 ? releaseForOther(tx, groupNo, place.branch, shown.seatToken) : [];
}
