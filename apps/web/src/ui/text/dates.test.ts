import { expect, test } from "vitest";
import { daysBetween, formatDay, formatListTime, formatTime, sameDay } from "./dates.ts";

const now = new Date(2026, 10, 23, 14, 5).getTime();
const at = (day: number, hour = 12, month = 10, year = 2026) => new Date(year, month, day, hour).getTime();

test("days are counted by the calendar, not by 24 hours", () => {
  expect(daysBetween(at(22, 23), now)).toBe(1);
  expect(daysBetween(at(23, 0), now)).toBe(0);
  expect(daysBetween(at(24, 1), now)).toBe(-1);
  expect(sameDay(at(23, 0), at(23, 23))).toBe(true);
  expect(sameDay(at(22, 23), at(23, 0))).toBe(false);
});

test("a list says the time today, then yesterday, the weekday, the day, the date", () => {
  const said = [at(23, 9), at(22), at(19), at(3), at(3, 12, 10, 2024)].map((time) =>
    formatListTime(time, now),
  );
  expect(said[0]).toBe(formatTime(at(23, 9)));
  expect(said[1]).toMatch(/yesterday/i);
  expect(new Set(said).size).toBe(5);
});

test("a day separator names today, yesterday, weekdays and then dates", () => {
  expect(formatDay(now, now)).toMatch(/^Today$/);
  expect(formatDay(at(22), now)).toMatch(/^Yesterday$/);
  expect(formatDay(at(20), now)).toMatch(/Friday/);
  expect(formatDay(at(3), now)).toMatch(/3/);
  expect(formatDay(at(3, 12, 10, 2024), now)).toMatch(/2024/);
});
