import * as fc from "fast-check";
import { bytesToHex } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { DEFAULT_RATCHET_LIMITS, startRatchet } from "./ratchet.ts";
import { SEEN_CHUNK } from "./seen-messages.ts";
import {
  createSecretTree,
  dropSkippedKeysBefore,
  findReceiveKey,
  findSendKey,
  leafRatchets,
  type SecretTree,
  useUp,
} from "./secret-tree.ts";
import { diffSecretTree, loadSecretTree } from "./secret-tree-records.ts";

const suite = cipherSuite(1);

describe("a secret tree", () => {
  test("[TREE-SECRET-1] a leaf's keys are derived once: every secret above it is gone, its neighbours' remain", () => {
    const root = seededRandom("root").bytes(32);
    const tree = createSecretTree(root, 8);
    const after = useUp(findSendKey(suite, tree, 5, "application"), undefined);
    const records = apply(new Map(), undefined, after);
    expect([...records.keys()].sort()).toEqual([
      "secret/node/13", // leaves 6 and 7
      "secret/node/3", // leaves 0 to 3
      "secret/node/8", // leaf 4
      "secret/ratchet/5/application",
      "secret/ratchet/5/handshake",
    ]);
    const consumed = [
      root,
      suite.expandWithLabel(root, "tree", ascii("right"), 32), // leaves 4 to 7
      suite.expandWithLabel(
        suite.expandWithLabel(root, "tree", ascii("right"), 32),
        "tree",
        ascii("left"),
        32,
      ),
    ];
    const stored = [...records.values()].map(bytesToHex).join(" ");
    for (const secret of consumed) expect(stored).not.toContain(bytesToHex(secret));
  });

  test("the tree that was given stays as it was", () => {
    const tree = createSecretTree(seededRandom("given").bytes(32), 4);
    const first = findSendKey(suite, tree, 1, "handshake");
    const used = useUp(first, idOf(1));
    expect(findSendKey(suite, tree, 1, "handshake").key).toEqual(first.key);
    expect(findSendKey(suite, first.tree, 1, "handshake").key).toEqual(first.key);
    expect(findSendKey(suite, used, 1, "handshake").key).not.toEqual(first.key);
  });

  test("a leaf holds as many skipped keys as the caller's limits allow", () => {
    const key = { key: new Uint8Array(16), nonce: new Uint8Array(12) };
    const skipped = Array.from({ length: 200_000 }, (_, generation) => ({ generation, since: 7, ...key }));
    const ratchet = startRatchet(new Uint8Array(32));
    expect(leafRatchets(ratchet, { ...ratchet, skipped }).oldestSkipped).toBe(7);
  });

  test("[RATCHET-2] of both kinds of content a sender's skipped keys are 64 in all, those of texts the first to go", () => {
    let tree = createSecretTree(seededRandom("both kinds").bytes(32), 1);
    const leap = (type: "handshake" | "application", generation: number) => {
      tree = useUp(findReceiveKey(suite, tree, 0, type, generation), undefined);
    };
    const skipped = () => {
      if (tree.root.kind !== "leaf") throw new Error("the only leaf");
      return [tree.root.handshake, tree.root.application].map((of) =>
        of.skipped.map((key) => key.generation),
      );
    };
    const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    leap("application", 60);
    expect(skipped()).toEqual([[], upTo(0, 60)]);
    leap("handshake", 10);
    expect(skipped()).toEqual([upTo(0, 10), upTo(6, 60)]);
    leap("application", 71);
    expect(skipped()).toEqual([upTo(0, 10), upTo(16, 60).concat(upTo(61, 71))]);
    leap("handshake", 100);
    expect(skipped()).toEqual([upTo(36, 100), []]);
    leap("application", 80);
    expect(skipped()).toEqual([upTo(36, 100), []]);
  });

  test("a leaf outside the tree is refused", async () => {
    const tree = createSecretTree(seededRandom("outside").bytes(32), 5);
    expect(tree.width).toBe(8);
    for (const leaf of [8, -1, 1.5, 2 ** 32 - 1]) {
      const code = await errorCode(() => findReceiveKey(suite, tree, leaf, "application", 0));
      expect(code).toBe("SENDER_INVALID");
    }
  });
});

describe("records of a secret tree", () => {
  test("[TREE-SECRET-2] one more message writes at most 1 KiB, whatever the size of the group", () => {
    let tree = createSecretTree(seededRandom("large").bytes(32), 50_000);
    for (let leaf = 0; leaf < 50_000; leaf += 1000) {
      tree = useUp(findSendKey(suite, tree, leaf, "application"), undefined);
    }
    let next = 64;
    let filled = 1; // generation 0 was taken above
    for (let n = 0; n < 200; n++) {
      // The first leaps over as many as are kept; every tenth fills one of the holes.
      const generation = n % 10 === 9 ? filled++ : next++;
      const after = useUp(findReceiveKey(suite, tree, 7000, "application", generation), idOf(n));
      const { put, delete: gone } = diffSecretTree(tree, after);
      tree = after;
      if (n === 0) continue;
      expect(gone.length).toBeLessThanOrEqual(1);
      const closed =
        (n + 1) % SEEN_CHUNK === 0 ? [`secret/seen/7000/application/${(n + 1) / SEEN_CHUNK - 1}`] : [];
      expect(put.map(([name]) => name).filter((name) => !/skipped/.test(name))).toEqual([
        "secret/ratchet/7000/application",
        ...closed,
      ]);
      expect(put.reduce((sum, [, value]) => sum + value.length, 0)).toBeLessThanOrEqual(1024);
    }
  });

  test("[TREE-SECRET-3] whatever is done, the records written step by step load as the tree itself", () => {
    const step = fc.record({
      leaf: fc.nat(12),
      type: fc.constantFrom("handshake" as const, "application" as const),
      action: fc.oneof(
        fc.constant("send" as const),
        fc.record({ generation: fc.nat(80), now: fc.nat(3) }),
        fc.record({ dropBefore: fc.nat(3) }),
        fc.record({ signed: fc.nat(300) }),
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, nextEpoch) => {
        let tree = createSecretTree(seededRandom("steps").bytes(32), 13);
        const records = apply(new Map(), undefined, tree);
        for (const { leaf, type, action } of steps) {
          const after = act(tree, leaf, type, action);
          apply(records, tree, after);
          tree = after;
        }
        expect(loadSecretTree(suite, 13, records)).toEqual(tree);
        expect(records).toEqual(apply(new Map(), undefined, tree));

        // A new epoch, of the same or another width, leaves nothing of the old tree behind.
        const next = createSecretTree(seededRandom("next").bytes(32), nextEpoch ? 17 : 13);
        apply(records, tree, next);
        expect(records.size).toBe(1);
        expect(loadSecretTree(suite, next.width, records)).toEqual(next);
        expect(apply(records, next, undefined).size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test("records with a part missing or misshapen are refused, not read as an empty state", async () => {
    const start = createSecretTree(seededRandom("parts").bytes(32), 4);
    let tree = useUp(findReceiveKey(suite, start, 2, "application", 2), undefined);
    for (let n = 0; n < SEEN_CHUNK + 3; n++)
      tree = useUp(findSendKey(suite, tree, 2, "application"), idOf(n));
    const records = apply(new Map(), undefined, tree);
    expect([...records.keys()]).toContain("secret/seen/2/application/0");
    expect(loadSecretTree(suite, 4, records)).toEqual(tree);
    for (const key of records.keys()) {
      const less = new Map(records);
      less.delete(key);
      expect(await errorCode(() => loadSecretTree(suite, 4, less)), key).toBe("RECORD_INVALID");
      const shorter = new Map(records).set(key, (records.get(key) ?? new Uint8Array()).subarray(1));
      expect(await errorCode(() => loadSecretTree(suite, 4, shorter)), key).toMatch(
        /^(RECORD_INVALID|DECODE_)/,
      );
    }
  });
});

describe("a record of seen messages", () => {
  test("that names one twice is refused: it was never written so", async () => {
    let tree = createSecretTree(seededRandom("twice").bytes(32), 2);
    for (let n = 0; n < SEEN_CHUNK + 2; n++) tree = useUp(findSendKey(suite, tree, 0, "handshake"), idOf(n));
    const records = apply(new Map(), undefined, tree);
    const twice = (key: string, from: number, to: number) => {
      const value = (records.get(key) ?? new Uint8Array()).slice();
      value.copyWithin(to, from, from + 16);
      return errorCode(() => loadSecretTree(suite, 2, new Map(records).set(key, value)));
    };
    const chunk = records.get("secret/seen/0/handshake/0") ?? new Uint8Array();
    const tail = records.get("secret/ratchet/0/handshake") ?? new Uint8Array();
    expect(await twice("secret/seen/0/handshake/0", chunk.length - 16, chunk.length - 32)).toBe(
      "RECORD_INVALID",
    );
    expect(await twice("secret/ratchet/0/handshake", tail.length - 16, tail.length - 32)).toBe(
      "RECORD_INVALID",
    );
  });
});

const idOf = (n: number): string => n.toString(16).padStart(32, "0");

function act(
  tree: SecretTree,
  leaf: number,
  type: "handshake" | "application",
  action: "send" | { generation: number; now: number } | { dropBefore: number } | { signed: number },
): SecretTree {
  try {
    if (action === "send") return useUp(findSendKey(suite, tree, leaf, type), undefined);
    if ("dropBefore" in action) return dropSkippedKeysBefore(tree, action.dropBefore);
    if ("generation" in action) {
      const { generation, now } = action;
      const found = findReceiveKey(suite, tree, leaf, type, generation, DEFAULT_RATCHET_LIMITS, now);
      return useUp(found, undefined);
    }
    return useUp(findSendKey(suite, tree, leaf, type), idOf(action.signed));
  } catch {
    return tree; // a used generation or a replay changes nothing
  }
}

function apply(
  records: Map<string, Uint8Array>,
  before: SecretTree | undefined,
  after: SecretTree | undefined,
): Map<string, Uint8Array> {
  const changes = diffSecretTree(before, after);
  for (const key of changes.delete) records.delete(key);
  for (const [key, value] of changes.put) records.set(key, value);
  return records;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
