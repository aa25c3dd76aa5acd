import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { supportedCipherSuites } from "../crypto/cipher-suite.ts";
import {
  commitAndFollow,
  groupOf,
  join,
  packageOf,
  person,
  takeCommit,
  testDeps,
} from "../testing/people.ts";
import { epoch, epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { createApplicationMessage, createProposal } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

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

describe.each(supportedCipherSuites())("a group with suite %i", (suite) => {
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

  test("a committer can bring a new signature key, and its Welcomes and messages hold with it", async () => {
    const deps = testDeps("new key");
    const [alice, bob] = await groupOf(["alice", "bob"], deps, suite);
    const renewed = await person("alice", deps.random, suite);
    const zoe = await person("zoe", deps.random, suite);
    const made = await packageOf(zoe, deps.random, { suite });
    const intent = { add: [made.keyPackage], leaf: { signatureKey: renewed.signatureKey } };
    const { states, staged } = await commitAndFollow([alice, bob], 0, intent, deps);
    expect(staged.effects.updated.map(({ after }) => after.signatureKey)).toEqual([
      renewed.signatureKey.publicKey,
    ]);
    const joined = await join(zoe, made, staged.welcome ?? new Uint8Array(), deps);
    agree([...states, joined]);
    const sent = await createApplicationMessage(at(states, 0), utf8ToBytes("new"), {}, deps);
    expect(await processMessage(at(states, 1), sent.message, deps)).toMatchObject({ sender: 0 });
    expect(await processMessage(joined, sent.message, deps)).toMatchObject({ sender: 0 });
  });

  test("a pre-shared key is a part of the new epoch, for members and for joiners", async () => {
    const psk = utf8ToBytes("a secret of the application");
    const deps = { ...testDeps("psk"), preSharedKey: () => Promise.resolve<Uint8Array | undefined>(psk) };
    const [alice, bob] = await groupOf(["alice", "bob"], deps, suite);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const id = {
      kind: "external" as const,
      pskId: utf8ToBytes("id"),
      nonce: deps.random.bytes(alice.suite.hashLength),
    };
    const proposed = await createProposal(bob, { kind: "psk", psk: id }, {}, deps);
    const atAlice = await processMessage(alice, proposed.message, deps);
    const zoe = await person("zoe", deps.random, suite);
    const made = await packageOf(zoe, deps.random, { suite });
    const { staged } = await stageCommit(atAlice.state, { add: [made.keyPackage] }, deps);
    const welcome = staged.welcome ?? new Uint8Array();
    agree([
      staged.next,
      (await takeCommit(proposed.state, staged.message, deps)).next,
      await join(zoe, made, welcome, deps),
    ]);
    const without = testDeps("without");
    await expect(takeCommit(proposed.state, staged.message, without)).rejects.toMatchObject({
      code: "PSK_UNAVAILABLE",
    });
    await expect(join(zoe, made, welcome, without)).rejects.toMatchObject({ code: "PSK_UNAVAILABLE" });
    const wrong = { ...without, preSharedKey: () => Promise.resolve(utf8ToBytes("another secret")) };
    await expect(takeCommit(proposed.state, staged.message, wrong)).rejects.toMatchObject({
      code: "CONFIRMATION_TAG_INVALID",
    });
    await expect(join(zoe, made, welcome, wrong)).rejects.toMatchObject({ code: "WELCOME_INVALID" });
  });
});

// All suites but those of which WebCrypto draws some randomness itself (ECDSA, ML-KEM).
test.each([1, 3, 4, 6])(
  "[GROUP-9] the same random source gives the same bytes, with suite %i",
  async (suite) => {
    const run = async (): Promise<string[]> => {
      const deps = testDeps("replay");
      const states = await groupOf(["a", "b", "c", "d", "e", "f", "g"], deps, suite);
      const zoe = await packageOf(await person("zoe", deps.random, suite), deps.random, { suite });
      const { staged } = await stageCommit(at(states, 4), { add: [zoe.keyPackage], remove: [2] }, deps);
      const sent = await createApplicationMessage(at(states, 1), utf8ToBytes("x"), {}, deps);
      return [staged.message, staged.welcome ?? new Uint8Array(), sent.message].map(bytesToHex);
    };
    expect(await run()).toEqual(await run());
  },
);
