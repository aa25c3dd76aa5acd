import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseGroupId } from "../identity/parse-ids.ts";
import { directPosition, groupPosition, JOINED_LINE, latePosition, pendingPosition } from "./position.ts";

const seq = fc.nat({ max: 10 ** 11 });

test("[ORDER-1] positions sort as the log does, line by line, and what is pending comes last", () => {
  fc.assert(
    fc.property(seq, seq, fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat(), (a, b, line, other, at) => {
      const order = a - b || line - other;
      expect(Math.sign(compare(groupPosition(a, line), groupPosition(b, other)))).toBe(Math.sign(order));
      expect(groupPosition(a, line) < pendingPosition(at, 1)).toBe(true);
      expect(pendingPosition(at, 1) < pendingPosition(at + 1, 1)).toBe(true);
    }),
  );
});

test("[ORDER-2] a late message stands before everything of the commit that ended its epoch, and after what was before that", () => {
  const late = latePosition(10, 12);
  expect(late < groupPosition(10)).toBe(true);
  expect(late < groupPosition(10, JOINED_LINE)).toBe(true);
  expect(late > groupPosition(9, JOINED_LINE)).toBe(true);
  expect(late < latePosition(10, 13)).toBe(true);
});

test("[ORDER-3] a 1:1 chat sorts by the relay's time, then group, then place in the log", () => {
  const [low, high] = [parseGroupId("11".repeat(32)), parseGroupId("22".repeat(32))];
  const sorted = [
    directPosition(0, high, 0, JOINED_LINE),
    directPosition(5, low, 9),
    directPosition(5, low, 10),
    directPosition(5, high, 1),
    directPosition(6, low, 11),
    pendingPosition(0, 1),
  ];
  expect(sorted.toSorted()).toEqual(sorted);
});

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
