import { expect, test } from "vitest";
import { createVirtualClock } from "./virtual-clock.ts";

test("What is due happens in the order of time, and at one time in the order of asking", () => {
  const clock = createVirtualClock(1_000);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`c at ${clock.now()}`));
  clock.after(10, () => seen.push(`a at ${clock.now()}`));
  clock.after(10, () => seen.push(`b at ${clock.now()}`));
  while (clock.due() !== undefined) clock.step();
  expect(seen).toEqual(["a at 1010", "b at 1010", "c at 1020"]);
});

test("What was cancelled doesn't happen", () => {
  const clock = createVirtualClock(0);
  const seen: string[] = [];
  const cancel = clock.after(5, () => seen.push("cancelled"));
  clock.after(6, () => seen.push("kept"));
  cancel();
  while (clock.due() !== undefined) clock.step();
  expect(seen).toEqual(["kept"]);
});

test("Time can't be moved past something that is due", () => {
  const clock = createVirtualClock(0);
  clock.after(5, () => {});
  expect(() => clock.skipTo(5)).toThrow("due");
  clock.skipTo(4);
  expect(clock.now()).toBe(4);
});
