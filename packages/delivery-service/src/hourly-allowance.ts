const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
/** Keys kept in memory before the ones whose hour is over are dropped. */
const KEYS = 50_000;

/** What may go on, or the ms until it may be tried again. */
export type Turn = { ok: true; giveBack(keys: Iterable<string>): void } | { ok: false; retryAfter: number };

/** So many of something an hour for each key. Kept in memory only; it starts anew with the process. */
export function createHourlyAllowance({ now, perHour }: { now: () => number; perHour: number }) {
  const uses = new Map<string, number[]>();
  let sweptAt = now();

  function recent(key: string, time: number): number[] {
    return (uses.get(key) ?? []).filter((used) => used > time - HOUR);
  }

  function sweep(time: number): void {
    if (uses.size <= KEYS || Math.abs(time - sweptAt) < MINUTE) return;
    sweptAt = time;
    for (const key of uses.keys()) if (recent(key, time).length === 0) uses.delete(key);
  }

  function giveBack(key: string, time: number): void {
    const left = uses.get(key) ?? [];
    const index = left.indexOf(time);
    if (index >= 0) left.splice(index, 1);
    if (left.length === 0) uses.delete(key);
  }

  /** Uses up one of every key, or none. */
  function take(keys: Iterable<string>): Turn {
    const time = now();
    sweep(time);
    const used = [...new Set(keys)].map((key) => ({ key, times: recent(key, time) }));
    const waits = used.flatMap(({ times }) => {
      const oldest = times.at(-perHour);
      return oldest === undefined ? [] : [oldest + HOUR - time];
    });
    if (waits.length > 0) return { ok: false, retryAfter: Math.max(...waits) };
    for (const { key, times } of used) uses.set(key, [...times, time]);
    return {
      ok: true,
      giveBack(unused) {
        for (const key of unused) giveBack(key, time);
      },
    };
  }

  return { take, size: () => uses.size };
}
