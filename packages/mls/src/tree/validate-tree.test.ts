import { beforeAll, describe, expect, test } from "vitest";
import type { GroupState } from "../group/group-state.ts";
import { decode, encode } from "../codec/codec.ts";
import { type ParentNode, ratchetTreeCodec } from "../leaf-node.ts";
import { commitAndFollow, groupOf, packageOf, person, testDeps } from "../testing/people.ts";
import { isLeafSlot, leafAt, type RatchetTree, slotAt } from "./ratchet-tree.ts";
import { changeTree } from "./tree-changes.ts";
import { decodeTree, encodeTree } from "./tree-extension.ts";
import { validateTree } from "./validate-tree.ts";

const deps = testDeps("validate tree");
/**
 * Sixteen leaves. Leaves 9, 13 and 15 are unmerged at node 23 (8 to 15), 9 at node 19 (8 to 11), and 13 and 15 at node
 * 27 (12 to 15). Node 21 is filled, nodes 17 and 25 are blank.
 */
let tree: RatchetTree;
let state: GroupState;

beforeAll(async () => {
  const names = Array.from({ length: 15 }, (_, i) => `p${i}`);
  let states: (GroupState | undefined)[] = await groupOf(names, deps);
  for (const committer of [14, 12, 10, 8, 4, 2]) {
    ({ states } = await commitAndFollow(states, committer, {}, deps));
  }
  ({ states } = await commitAndFollow(states, 0, { remove: [9, 13] }, deps));
  for (const committer of [8, 12]) ({ states } = await commitAndFollow(states, committer, {}, deps));
  const add = [];
  for (const name of ["x", "y", "z"]) {
    add.push((await packageOf(await person(name, deps.random), deps.random)).keyPackage);
  }
  const { staged } = await commitAndFollow(states, 0, { add }, deps);
  if (staged.next === undefined) throw new Error("no next epoch");
  state = staged.next;
  ({ tree } = state);
});

function nodeAt(index: number): ParentNode {
  const slot = slotAt(tree, index);
  if (slot === undefined || isLeafSlot(slot) || slot.node === undefined) throw new Error(`${index} is blank`);
  return slot.node;
}

function withParent(index: number, change: Partial<ParentNode>): RatchetTree {
  const parentNode = { ...nodeAt(index), ...change };
  return changeTree(tree, tree.level, [[index, { kind: "parent", parentNode }]]);
}

function withLeafKeys(leaf: number, from: number, name: "encryptionKey" | "signatureKey"): RatchetTree {
  const [own, other] = [leafAt(tree, leaf), leafAt(tree, from)];
  if (own === undefined || other === undefined) throw new Error("a blank leaf");
  const leafNode = { ...own, [name]: other[name] };
  return changeTree(tree, tree.level, [[2 * leaf, { kind: "leaf", leafNode }]]);
}

function refused(changed: RatchetTree, message: RegExp): void {
  expect(() => validateTree(state.suite, changed)).toThrow(message);
  expect(() => validateTree(state.suite, changed)).toThrow(expect.objectContaining({ code: "TREE_INVALID" }));
}

test("the tree that these tests spoil is valid, with unmerged leaves at two levels", () => {
  expect(() => validateTree(state.suite, tree)).not.toThrow();
  expect([19, 27, 23].map((index) => nodeAt(index).unmergedLeaves)).toEqual([[9], [13, 15], [9, 13, 15]]);
  expect(nodeAt(21).unmergedLeaves).toEqual([]);
});

test("[RULE-51] a tree has its leaves in even places, and a leaf at its end (§12.4.3.3)", () => {
  const nodes = decode(ratchetTreeCodec, encodeTree(tree));
  expect(decodeTree(encode(ratchetTreeCodec, nodes)).members).toBe(16);
  const swapped = nodes.map((node, i) => (i === 3 ? nodes[4] : node));
  for (const malformed of [[], [...nodes, undefined], nodes.slice(0, -1), swapped]) {
    expect(() => decodeTree(encode(ratchetTreeCodec, malformed))).toThrow(
      expect.objectContaining({ code: "TREE_INVALID", section: "§12.4.3.3" }),
    );
  }
});

describe("a tree is refused", () => {
  test("[RULE-52] with an unmerged leaf that is not below its node, or blank (§12.4.3.1)", () => {
    refused(withParent(27, { unmergedLeaves: [3, 15] }), /blank or not below/);
    refused(withParent(27, { unmergedLeaves: [15, 99] }), /blank or not below/);
    const blanked = changeTree(tree, tree.level, [[30, undefined]]);
    refused(blanked, /blank or not below/);
  });

  test("[RULE-53] with an unmerged leaf that a node in between doesn't list (§12.4.3.1)", () => {
    for (const unmergedLeaves of [[], [13], [15], [12, 15], [13, 14]]) {
      refused(withParent(27, { unmergedLeaves }), /in between/);
    }
    refused(withParent(19, { unmergedLeaves: [] }), /in between/);
  });

  test("[RULE-54] with one encryption key at two nodes, one signature key at two leaves (§7.3, §12.4.3.1)", () => {
    const leafKey = leafAt(tree, 3)?.encryptionKey ?? new Uint8Array();
    refused(withParent(27, { encryptionKey: nodeAt(23).encryptionKey }), /encryption key twice/);
    refused(withParent(27, { encryptionKey: leafKey }), /encryption key twice/);
    refused(withLeafKeys(9, 3, "encryptionKey"), /encryption key twice/);
    refused(withLeafKeys(9, 3, "signatureKey"), /signature key twice/);
  });

  test("[RULE-55] with a parent's key that nobody could encrypt to (§5.1.1)", () => {
    refused(withParent(27, { encryptionKey: new Uint8Array(31).fill(9) }), /no key of the suite/);
    refused(withParent(27, { encryptionKey: new Uint8Array(32) }), /no key of the suite/);
  });

  test("[RULE-56] with a parent that nobody below has signed for (§7.9.2)", async () => {
    const { publicKey: encryptionKey } = await state.suite.deriveKeyPair(deps.random.bytes(32));
    for (const index of [1, 3, 7, 15, 23, 27]) {
      refused(withParent(index, { encryptionKey }), /parent-hash valid/);
    }
    const parentNode = { encryptionKey, parentHash: nodeAt(23).parentHash, unmergedLeaves: [] };
    const planted = changeTree(tree, tree.level, [[21, { kind: "parent", parentNode }]]);
    refused(planted, /parent-hash valid/);
  });

  test("[RULE-57] with a parent hash, or an unmerged leaf, that isn't the one signed for (§7.9, §7.9.2)", () => {
    refused(withParent(23, { parentHash: new Uint8Array(32) }), /parent-hash valid/);
    refused(withParent(1, { unmergedLeaves: [1] }), /parent-hash valid/);
    // Who isn't listed counts as merged, and then more than one stands where one was set.
    for (const unmergedLeaves of [[9], [9, 13], [9, 15]]) {
      refused(withParent(23, { unmergedLeaves }), /node 23 is not parent-hash valid/);
    }
  });

  test("[RULE-58] with a leaf put in a merged one's place (§7.9)", () => {
    const other = leafAt(tree, 15);
    if (other === undefined) throw new Error("a blank leaf");
    const key = new Uint8Array(32).fill(9);
    const leafNode = { ...other, encryptionKey: key, signatureKey: key };
    refused(changeTree(tree, tree.level, [[2 * 13, { kind: "leaf", leafNode }]]), /parent-hash valid/);
  });
});
