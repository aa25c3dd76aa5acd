import { describe, expect, test } from "vitest";
import type { Node } from "../leaf-node.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { containsEncryptionKey, hasEqualKeys, repeatedKey } from "./key-uniqueness.ts";
import { encryptionKeyAt, type RatchetTree } from "./ratchet-tree.ts";
import { changeTree, type NodeChange } from "./tree-changes.ts";

const LEVEL = 9; // eight times as many leaves as are remembered together
const random = seededRandom("keys");
const tree = changeTree(
  undefined,
  LEVEL,
  Array.from({ length: 2 ** (LEVEL + 1) - 1 }, (_, index): NodeChange => [index, nodeWith(index, {})]),
);

/** Nodes at all heights, near each other and far apart: leaves, parents, the root. */
const PAIRS = [
  [0, 2],
  [0, 2 ** (LEVEL + 1) - 2],
  [5, 800],
  [2 ** LEVEL - 1, 640],
  [255, 767],
  [126, 128],
] as const;

describe("a key at two nodes of a large tree", () => {
  test("[RULE-54] is found where one of the nodes, or both, have changed (§7.3)", () => {
    for (const [a, b] of PAIRS) {
      const spoiled = withKey(b, { encryptionKey: keyAt(a) });
      for (const touched of [new Set([a]), new Set([b]), new Set([a, b]), "all"] as const) {
        expect(repeatedKey(spoiled, touched)).toBe("encryption");
      }
      expect(repeatedKey(spoiled, new Set([1, 300]))).toBeUndefined();
      expect(repeatedKey(tree, new Set([a, b]))).toBeUndefined();
    }
    expect(repeatedKey(tree, "all")).toBeUndefined();
  });

  test("[RULE-54] is found in every leaf, whichever they are, few or many of them changed (§7.3)", () => {
    for (const [a, b] of [
      [0, 2],
      [40, 1000],
      [510, 512],
    ] as const) {
      const spoiled = withKey(b, { signatureKey: Uint8Array.of(a) });
      const many = new Set(Array.from({ length: 100 }, (_, i) => 2 * i + 100).concat(b));
      for (const touched of [new Set([a]), new Set([b]), new Set([a, b]), many, "all"] as const) {
        expect(repeatedKey(withKey(a, { signatureKey: Uint8Array.of(a) }, spoiled), touched)).toBe(
          "signature",
        );
      }
    }
  });

  test("is found for a path's new keys, wherever it stands (§12.4.2)", () => {
    const strange = random.bytes(32);
    expect(containsEncryptionKey(tree, [strange])).toBe(false);
    for (const index of [0, 1, 63, 127, 255, 511, 1022]) {
      expect(containsEncryptionKey(tree, [strange, keyAt(index)])).toBe(true);
      expect(containsEncryptionKey(withKey(index, { encryptionKey: strange }), [strange])).toBe(true);
    }
  });
});

function keyAt(index: number): Uint8Array {
  return encryptionKeyAt(tree, index) ?? new Uint8Array();
}

function withKey(index: number, keys: Keys, base: RatchetTree = tree): RatchetTree {
  return changeTree(base, LEVEL, [[index, nodeWith(index, keys)]]);
}

interface Keys {
  readonly encryptionKey?: Uint8Array;
  readonly signatureKey?: Uint8Array;
}

function nodeWith(index: number, keys: Keys): Node {
  const encryptionKey = keys.encryptionKey ?? random.bytes(32);
  const nothing = new Uint8Array();
  if (index % 2 === 1) {
    return { kind: "parent", parentNode: { encryptionKey, parentHash: nothing, unmergedLeaves: [] } };
  }
  const none: number[] = [];
  return {
    kind: "leaf",
    leafNode: {
      encryptionKey,
      signatureKey: keys.signatureKey ?? random.bytes(32),
      credential: { kind: "basic", identity: nothing },
      capabilities: {
        versions: none,
        cipherSuites: none,
        extensions: none,
        proposals: none,
        credentials: none,
      },
      source: { kind: "update" },
      extensions: [],
      signature: nothing,
    },
  };
}

test("[RULE-54] keys that end alike are told apart, however many they are, and found where one repeats (§7.3)", () => {
  const alike = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, 7, 7, 7, 7));
  expect(hasEqualKeys(alike)).toBe(false);
  for (const [i, key] of alike.entries()) {
    expect(hasEqualKeys([...alike, key.slice()])).toBe(true);
    expect(hasEqualKeys([...alike.slice(0, i), ...alike.slice(i + 1), key])).toBe(false);
  }
});
