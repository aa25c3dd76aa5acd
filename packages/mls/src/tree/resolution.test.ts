import { beforeAll, describe, expect, test } from "vitest";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { stageCommit } from "../group/stage-commit.ts";
import { groupOf, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import { chainParentHashes } from "./parent-hash.ts";
import { type RatchetTree, slotAt } from "./ratchet-tree.ts";
import { filteredDirectPath, resolution } from "./resolution.ts";

const deps = testDeps("resolution");
/**
 * Leaves 0 to 4 of eight places; nodes 1, 3 and 7, above leaf 0, are filled, and the other parents are blank. In
 * `grown`, leaf 5 is unmerged at node 7.
 */
let tree: RatchetTree;
let grown: RatchetTree;

beforeAll(async () => {
  const [founder] = await groupOf(["p0", "p1", "p2", "p3", "p4"], deps);
  if (founder === undefined) throw new Error("no founder");
  ({ tree } = founder);
  const { keyPackage } = await packageOf(await person("x", deps.random), deps.random);
  const { staged } = await stageCommit(founder, { add: [keyPackage], path: "whenRequired" }, deps);
  grown = nextOf(staged).tree;
});

function below(index: number, of = tree): RatchetTree {
  const slot = slotAt(of, index);
  if (slot === undefined) throw new Error(`there is no node ${index}`);
  return slot;
}

describe("the resolution of a node (§4.1.1)", () => {
  test("is the node where it is filled, with its unmerged leaves, and what is below it where it isn't", () => {
    expect(resolution(tree)).toEqual([7]);
    expect(resolution(below(3))).toEqual([3]);
    expect(resolution(below(5))).toEqual([4, 6]);
    expect(resolution(below(11))).toEqual([8]);
    expect(resolution(below(13))).toEqual([]);
    expect(resolution(grown)).toEqual([7, 10]);
  });

  test("leaves out who is added by the very commit, merged or not (§7.5)", () => {
    expect(resolution(below(5), new Set([2]))).toEqual([6]);
    expect(resolution(grown, new Set([5]))).toEqual([7]);
    expect(resolution(below(11, grown), new Set([5]))).toEqual([8]);
    expect(resolution(grown, new Set([4]))).toEqual([7, 10]);
  });
});

describe("the filtered direct path of a leaf (§4.1.2)", () => {
  const path = (leaf: number): number[][] =>
    filteredDirectPath(tree, leaf).map(({ slot, copath }) => [slot.index, copath.index]);

  test("has the nodes above it that have somebody on the other side, with that side", () => {
    expect(path(0)).toEqual([
      [1, 2],
      [3, 5],
      [7, 11],
    ]);
    expect(path(3)).toEqual([
      [5, 4],
      [3, 1],
      [7, 11],
    ]);
    expect(path(4)).toEqual([[7, 3]]);
  });

  test("takes one public key for each of its nodes", () => {
    const suite = cipherSuite(1);
    const key = new Uint8Array(32);
    const filtered = filteredDirectPath(tree, 0);
    expect(chainParentHashes(suite, filtered, [key, key, key]).nodes.size).toBe(3);
    expect(() => chainParentHashes(suite, filtered, [key, key])).toThrow(RangeError);
  });
});
