import type { AccountId } from "@thicket/protocol";

const DAY = 24 * 60 * 60 * 1000;

/** An upload that may go on, or the ms until the account's next day. */
export type QuotaTurn = { ok: true; giveBack(): void } | { ok: false; retryAfter: number };

/**
 * So many bytes a UTC day and account: by account, since anybody may certify any number of devices of their own. Kept
 * in memory only and forgotten with the day: nothing says later whose a blob is.
 */
export function createUploadQuota({ now, perDay }: { now: () => number; perDay: number }) {
  let today = -1;
  const used = new Map<AccountId, number>();

  /** Uses up all of it or nothing. */
  function take(account: AccountId, size: number): QuotaTurn {
    const time = now();
    const day = Math.floor(time / DAY);
    if (day !== today) {
      today = day;
      used.clear();
    }
    const before = used.get(account) ?? 0;
    if (before + size > perDay) return { ok: false, retryAfter: (day + 1) * DAY - time };
    used.set(account, before + size);
    return {
      ok: true,
      giveBack: () => {
        if (day === today) used.set(account, (used.get(account) ?? size) - size);
      },
    };
  }

  return { take };
}
