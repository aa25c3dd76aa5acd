import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { commitAndFollow, groupOf, join, packageOf, person, testDeps } from "../testing/people.ts";
import { epoch, epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { createApplicationMessage } from "./send-message.ts";

function agree(states: readonly (GroupState | undefined)[]): void {
  const present = states.filter((state) => state !== undefined);
  const [first] = present;
  if (first === undefined) throw new Error("nobody is left");
  for (const state of present) {
    expect(epoch(state)).toBe(epoch(first));
    expect(bytesToHex(epochAuthenticator(state))).toBe(bytesToHex(epochAuthenticator(first)));
  }
}

function at(states: readonly (GroupState | undefined)[], index: number): GroupState {
  const state = states[index];
  if (state === undefined) throw new Error(`${index} is not in the group`);
  return state;
}

describe.each([1, 3])("a group with suite %i", (suite) => {
  test("joiners come to the committer's epoch and read each other", async () => {
    const deps = testDeps("join");
    const states = await groupOf(["alice", "bob", "carol"], deps, suite);
    agree(states);
    const sent = await createApplicationMessage(at(states, 1), utf8ToBytes("hello"), {}, deps);
    for (const reader of [0, 2]) {
      const read = await processMessage(at(states, reader), sent.message, deps);
      expect(read).toMatchObject({
        kind: "application",
        sender: 1,
        data: utf8ToBytes("hello"),
        generation: 0,
      });
    }
  });

  test("members follow commits of every kind", async () => {
    const deps = testDeps("commits");
    let states: (GroupState | undefined)[] = await groupOf(["a", "b", "c", "d", "e"], deps, suite);
    const follow = async (committer: number, intent: Parameters<typeof commitAndFollow>[2]) => {
      const result = await commitAndFollow(states, committer, intent, deps);
      ({ states } = result);
      agree(states);
      return result.staged;
    };
    await follow(3, {});
    const removal = await follow(1, { remove: [2, 0] });
    expect(removal.effects.removed.map(({ leaf }) => leaf)).toEqual([2, 0]);
    expect(states[0]).toBeUndefined();
    await follow(4, { contextExtensions: [{ type: 0xf001, data: Uint8Array.of(1) }] });
    const frank = await person("f", deps.random, suite);
    const made = await packageOf(frank, deps.random, { suite });
    const addition = await follow(3, { add: [made.keyPackage] });
    expect(addition.effects.added.map(({ leaf }) => leaf)).toEqual([0]);
    if (addition.welcome === undefined) throw new Error("no welcome");
    states.push(await join(frank, made, addition.welcome, deps));
    agree(states);
    await follow(5, {});
    expect(members(at(states, 1)).map(({ leaf }) => leaf)).toEqual([0, 1, 3, 4]);
  });
});
