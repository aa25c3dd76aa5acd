import { describe, expect, test } from "vitest";
import { median, medianOfTicks } from "./median.ts";

describe("a median", () => {
  test("is the middle value, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  test("of a coarse clock tells values apart that lie between its ticks", () => {
    const measured = (truth: number): number => {
      // The clock reads whole ticks of 5, and a measurement starts anywhere in one.
      const samples = Array.from({ length: 1000 }, (_, i) => {
        const start = (i * 5) / 1000;
        const length = truth + Math.sin(i) * 8;
        return Math.floor((start + length) / 5) * 5;
      });
      return medianOfTicks(samples, 5);
    };
    for (const truth of [101, 102.5, 104, 106]) expect(Math.abs(measured(truth) - truth)).toBeLessThan(1);
    expect(medianOfTicks([5, 10], 5)).toBe(7.5);
  });
});
