import { expect, test } from "vitest";
import { createDice, seededRandom } from "./seeded-random.ts";

test("One seed gives one stream, another seed another", () => {
  const draw = (seed: string) => {
    const random = seededRandom(seed);
    return Buffer.concat([random.bytes(7), random.bytes(64), random.bytes(1)]).toString("hex");
  };
  expect(draw("a")).toBe(draw("a"));
  expect(draw("a")).not.toBe(draw("b"));
  expect(draw("a")).toHaveLength(2 * 72);
});

test("Dice are even enough, and the same for the same seed", () => {
  const counts = [0, 0, 0, 0, 0, 0];
  const dice = createDice("even");
  const again = createDice("even");
  const first = createDice("even");
  expect(Array.from({ length: 50 }, () => again.int(1000))).toEqual(
    Array.from({ length: 50 }, () => first.int(1000)),
  );
  for (let roll = 0; roll < 6_000; roll++) {
    const side = dice.int(6);
    counts[side] = (counts[side] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(850);
});
