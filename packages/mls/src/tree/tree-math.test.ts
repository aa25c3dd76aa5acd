import { describe, expect, test } from "vitest";
import { describeVectors } from "../testing/vectors.ts";
import {
  commonAncestor,
  covers,
  directPath,
  left,
  nodeWidth,
  parent,
  right,
  root,
  sibling,
} from "./tree-math.ts";

interface TreeMathVector {
  n_leaves: number;
  n_nodes: number;
  root: number;
  left: (number | null)[];
  right: (number | null)[];
  parent: (number | null)[];
  sibling: (number | null)[];
}

describeVectors<TreeMathVector>("tree-math", (vector) => {
  const { n_leaves: leaves, n_nodes: nodes } = vector;
  expect(nodeWidth(leaves)).toBe(nodes);
  expect(root(leaves)).toBe(vector.root);
  for (let i = 0; i < nodes; i++) {
    expect(left(i) ?? null).toBe(vector.left[i]);
    expect(right(i) ?? null).toBe(vector.right[i]);
    expect(parent(i, leaves) ?? null).toBe(vector.parent[i]);
    expect(sibling(i, leaves) ?? null).toBe(vector.sibling[i]);
  }
});

describe("tree math", () => {
  test("the common ancestor of two nodes is the lowest node of both direct paths", () => {
    const leaves = 16;
    for (let a = 0; a < leaves; a++) {
      for (let b = 0; b < leaves; b++) {
        const above = new Set([2 * a, ...directPath(2 * a, leaves)]);
        const lowest = [2 * b, ...directPath(2 * b, leaves)].find((node) => above.has(node));
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
