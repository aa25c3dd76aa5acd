import { expect, test } from "vitest";
import { createFaultyNetwork, ROUGH } from "./faulty-network.ts";
import { createDice } from "./seeded-random.ts";
import { createTrace } from "./trace.ts";
import { createVirtualClock } from "./virtual-clock.ts";

function carryThousand(seed: string) {
  const clock = createVirtualClock(0);
  const network = createFaultyNetwork({ clock, dice: createDice(seed), trace: createTrace() });
  network.conditions = ROUGH;
  const arrived: number[] = [];
  for (let message = 0; message < 1_000; message++) {
    clock.after(message, () => network.carry(`m${message}`, () => arrived.push(message)));
  }
  while (clock.due() !== undefined) clock.step();
  return arrived;
}

test("A rough network loses, doubles and reorders some, and most arrive", () => {
  const arrived = carryThousand("rough");
  const once = new Set(arrived);
  expect(once.size).toBeGreaterThan(900);
  expect(once.size).toBeLessThan(1_000);
  expect(arrived.length).toBeGreaterThan(once.size);
  expect(arrived).not.toEqual(arrived.toSorted((a, b) => a - b));
});

test("One seed has one fate", () => {
  expect(carryThousand("same")).toEqual(carryThousand("same"));
  expect(carryThousand("same")).not.toEqual(carryThousand("other"));
});
