import { expect, test } from "vitest";
import { commitDelay } from "./commit-rank.ts";

const epoch = (value: number) => new Uint8Array(32).fill(value);

test("[RANK-1] members' turns differ, are the same for all who compute them, and those who leave come last", () => {
  const members = [0, 1, 2, 3, 4].map((leaf) => ({ leaf, leaving: leaf === 1 || leaf === 4 }));
  const delays = members.map(({ leaf }) => commitDelay(epoch(1), leaf, members));
  expect(delays.toSorted((a, b) => a - b)).toEqual([1_000, 3_000, 5_000, 7_000, 9_000]);
  const staying = [0, 2, 3].map((leaf) => delays[leaf]!);
  expect(Math.max(...staying)).toBeLessThan(Math.min(delays[1]!, delays[4]!));
});

test("turns are drawn anew in every epoch", () => {
  const members = Array.from({ length: 8 }, (_, leaf) => ({ leaf, leaving: false }));
  const first = new Set(
    Array.from(
      { length: 16 },
      (_, value) => members.find(({ leaf }) => commitDelay(epoch(value), leaf, members) === 1_000)?.leaf,
    ),
  );
  expect(first.size).toBeGreaterThan(3);
});
