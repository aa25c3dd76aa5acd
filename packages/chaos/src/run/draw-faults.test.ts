import { seededRandom } from "@thicket/delivery-service/testing";
import { expect, test } from "vitest";
import { drawFaults } from "./draw-faults.ts";

const draw = (seed: number, operations = 3000) =>
  drawFaults(seededRandom(seed), { operations, nodes: 3, servers: true });

test("what goes wrong follows from the seed", () => {
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test("even the shortest run has every kind of fault, in order, before its last operation", () => {
  const faults = draw(1, 500);
  expect(new Set(faults.map(({ kind }) => kind)).size).toBe(12);
  const times = faults.map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThan(500);
});
