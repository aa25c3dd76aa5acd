import type { Key, Range, Write } from "@thicket/client";
import { createMemoryStore } from "@thicket/client/testing";
import { deleteDB } from "idb";
import { expect, test } from "vitest";
import { openStore } from "./open-store.ts";

const PARTS = ["", "a", "a\u0000", "b", "ä", "\uffff", "🌿", "1", 0, 1, 2, 10, -1, 1.5, 2 ** 40];

/** xorshift32: a failing seed can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomKey(below: (n: number) => number, shortest: number): Key {
  return Array.from({ length: shortest + below(3) }, () => PARTS[below(PARTS.length)] ?? "");
}

function randomRange(below: (n: number) => number): Range {
  const range: Range = { prefix: randomKey(below, 0) };
  if (below(2)) range.after = [...range.prefix, ...randomKey(below, 0)];
  if (below(2)) range.before = [...range.prefix, ...randomKey(below, 0)];
  if (below(3) === 0) range.after = randomKey(below, 1);
  if (below(3) === 0) range.limit = below(6);
  if (below(2)) range.reverse = true;
  return range;
}

for (const seed of [1, 20260, 777_777]) {
  test(`the store on IndexedDB and the one in memory can't be told apart (seed ${seed})`, async () => {
    const below = seeded(seed);
    const memory = createMemoryStore();
    const name = `agrees-${seed}`;
    let opened = await openStore({ name, lost: () => undefined });
    for (let round = 0; round < 60; round++) {
      const writes = Array.from({ length: 1 + below(8) }, (): Write => {
        const key = randomKey(below, 1);
        if (below(3) === 0) return { table: "pastEpochs", key, value: undefined };
        return { table: "pastEpochs", key, value: new Uint8Array([below(256), round]) };
      });
      await Promise.all([memory.commit(writes), opened.store.commit(writes)]);
      for (let look = 0; look < 5; look++) {
        const range = randomRange(below);
        const wanted = await memory.list("pastEpochs", range);
        expect(await opened.store.list("pastEpochs", range), JSON.stringify(range)).toEqual(wanted);
      }
      const key = randomKey(below, 1);
      expect(await opened.store.get("pastEpochs", key)).toEqual(await memory.get("pastEpochs", key));
      if (below(10) === 0) {
        opened.close();
        opened = await openStore({ name, lost: () => undefined });
      }
    }
    const all: Range = { prefix: [] };
    expect(await opened.store.list("pastEpochs", all)).toEqual(await memory.list("pastEpochs", all));
    opened.close();
    await deleteDB(name);
  });
}
