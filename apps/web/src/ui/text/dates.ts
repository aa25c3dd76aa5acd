/** Times as people say them, in the browser's language and time zone. Each function takes the present, so that it is pure. */
const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const numeric = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit", year: "2-digit" });
const relativeDay = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function formatTime(at: number): string {
  return time.format(at);
}

/** The whole truth, for titles. */
export function formatExact(at: number): string {
  return exact.format(at);
}

/** Today: the time. This week: the weekday. This year: day and month. Else the date. */
export function formatListTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return time.format(at);
  if (days === 1) return capitalised(relativeDay.format(-1, "day"));
  if (days < 7) return shortWeekday.format(at);
  return sameYear(at, now) ? shortDate.format(at) : numeric.format(at);
}

/** "Today", "Yesterday", "Monday", "Tuesday 4 August", "4 August 2025". */
export function formatDay(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) return capitalised(relativeDay.format(-days, "day"));
  if (days > 1 && days < 7) return weekday.format(at);
  return sameYear(at, now) ? dayAndMonth.format(at) : fullDate.format(at);
}

/** Whether two times fall on one local day. */
export function sameDay(a: number, b: number): boolean {
  return daysBetween(a, b) === 0;
}

/** Whole local days from `at` to `now`; a clock change doesn't make a day of 23 hours count as none. */
export function daysBetween(at: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
}

function startOfDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

function sameYear(a: number, b: number): boolean {
  return new Date(a).getFullYear() === new Date(b).getFullYear();
}

function capitalised(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
