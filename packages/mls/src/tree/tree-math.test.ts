import { describe, expect, test } from "vitest";
import { commonAncestor, covers, parent } from "./tree-math.ts";

describe("tree math", () => {
  test("the common ancestor of two nodes is the lowest node of both direct paths", () => {
    const leaves = 16;
    for (let a = 0; a < leaves; a++) {
      for (let b = 0; b < leaves; b++) {
        const above = new Set(upwards(2 * a, leaves));
        const lowest = upwards(2 * b, leaves).find((node) => above.has(node));
        expect(commonAncestor(2 * a, 2 * b)).toBe(lowest);
      }
    }
  });

  test("a node covers itself and its descendants only", () => {
    expect([...Array(15).keys()].filter((node) => covers(3, node))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...Array(15).keys()].filter((node) => covers(13, node))).toEqual([12, 13, 14]);
    expect(covers(4, 4)).toBe(true);
  });
});

/** The node and all above it. */
function upwards(node: number, leaves: number): number[] {
  const above = parent(node, leaves);
  return above === undefined ? [node] : [node, ...upwards(above, leaves)];
}
