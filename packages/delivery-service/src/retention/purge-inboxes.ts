import type { Transaction } from "../db/access.ts";
import type { WriteOperation } from "../db/access.ts";
import type { DeliveryLimits } from "../limits.ts";
import { dayOf } from "../seats/show-token.ts";
import { eraseUnclaimedPayloads } from "../welcomes/acknowledge-welcomes.ts";

const SLICE = 200;
const DAY = 24 * 60 * 60 * 1000;

/** One slice of what needn't be kept of inboxes and key packages. `more` says that there may be another. */
export function purgeInboxes(deps: {
  now: () => number;
  limits: DeliveryLimits;
}): WriteOperation<{ ok: true; more: boolean }> {
  return async (tx) => {
    const now = deps.now();
    const welcomes = await forgetWelcomes(tx, dayOf(now - deps.limits.retentionDays * DAY));
    const keyPackages = await forgetKeyPackages(tx, now);
    return { reply: { ok: true, more: Math.max(welcomes, keyPackages) >= SLICE }, effects: [] };
  };
}

async function forgetWelcomes(tx: Transaction, day: number): Promise<number> {
  const old = await tx.query
    .selectFrom("welcomes")
    .select(["no", "payload_no"])
    .where("created_day", "<", day)
    .orderBy("created_day")
    .limit(SLICE)
    .execute();
  if (old.length === 0) return 0;
  await tx.change
    .deleteFrom("welcomes")
    .where(
      "no",
      "in",
      old.map(({ no }) => no),
    )
    .execute();
  await eraseUnclaimedPayloads(tx, [...new Set(old.map((row) => row.payload_no))]);
  return old.length;
}

/** An expired package can be neither claimed nor published again. */
async function forgetKeyPackages(tx: Transaction, now: number): Promise<number> {
  const expired = await tx.query
    .selectFrom("key_packages")
    .select("no")
    .where("not_after", "<=", now)
    .orderBy("not_after")
    .limit(SLICE)
    .execute();
  const spent = await tx.query
    .selectFrom("spent_key_packages")
    .select("ref")
    .where("not_after", "<=", now)
    .orderBy("not_after")
    .limit(SLICE)
    .execute();
  const numbers = expired.map(({ no }) => no);
  if (numbers.length > 0) await tx.change.deleteFrom("key_packages").where("no", "in", numbers).execute();
  const refs = spent.map(({ ref }) => ref);
  if (refs.length > 0) await tx.change.deleteFrom("spent_key_packages").where("ref", "in", refs).execute();
  return Math.max(expired.length, spent.length);
}
