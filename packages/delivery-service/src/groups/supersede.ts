import { createHash } from "node:crypto";
import type { Transaction } from "../db/access.ts";
import type { EpochRow } from "../db/statements.ts";
import type { DeliveryLimits } from "../limits.ts";
import { refuse, type Refusal } from "../outcome.ts";
import { dayOf } from "../seats/show-token.ts";

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;
/** 2^21 s are 24 days: no seat waits longer than an epoch is kept. */
const MOST_DOUBLINGS = 21;

export interface Supersede {
  place: Pick<EpochRow, "branch">;
  seatToken: Uint8Array;
  /** When the epoch's first candidate came. */
  contestedAt: number;
}

/**
 * Back-off: before its k-th candidate after the first in an epoch a seat waits 2^k seconds since its last one there,
 * or since the epoch's first candidate. It is counted under a hash of the seat's token, so that the rows don't tell who
 * wrote. -> RATE_LIMITED where it is too early, or too much for a day; else it is counted.
 */
export async function takeTurnToSupersede(
  tx: Transaction,
  groupNo: number,
  { place, seatToken, contestedAt }: Supersede,
  { now, limits }: { now: number; limits: DeliveryLimits },
): Promise<Refusal | undefined> {
  const inEpoch = await readCount(tx, groupNo, countKey("epoch", seatToken, place.branch));
  const wait = SECOND * 2 ** Math.min(inEpoch.count + 1, MOST_DOUBLINGS);
  const left = (inEpoch.count === 0 ? contestedAt : inEpoch.at) + wait - now;
  // A clock that went back must not make anybody wait longer than that.
  if (left > 0) return refuse("RATE_LIMITED", { limit: 1, retryAfter: Math.min(left, wait) });
  const today = await readCount(tx, groupNo, countKey("day", seatToken, dayOf(now)));
  const perDay = limits.supersedesPerDay;
  if (today.count >= perDay) {
    return refuse("RATE_LIMITED", { limit: perDay, retryAfter: (dayOf(now) + 1) * DAY - now });
  }
  for (const { key, count } of [inEpoch, today]) {
    await tx.change
      .insertInto("supersedes")
      .values({ group_no: groupNo, key, count: count + 1, at: now })
      .onConflict((conflict) =>
        conflict.columns(["group_no", "key"]).doUpdateSet({ count: count + 1, at: now }),
      )
      .execute();
  }
  return undefined;
}

async function readCount(tx: Transaction, groupNo: number, key: Uint8Array) {
  const row = await tx.query
    .selectFrom("supersedes")
    .select(["count", "at"])
    .where("group_no", "=", groupNo)
    .where("key", "=", key)
    .executeTakeFirst();
  return { key, count: row?.count ?? 0, at: row?.at ?? 0 };
}

function countKey(of: "epoch" | "day", seatToken: Uint8Array, number: number): Uint8Array {
  return createHash("sha256").update(`thicket supersedes ${of} ${number} `).update(seatToken).digest();
}
