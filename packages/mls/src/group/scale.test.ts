import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import {
  found,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  takeCommit,
  testDeps,
  trusting,
  trustingPairwise,
} from "../testing/people.ts";
import { epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup } from "./records.ts";
import { createApplicationMessage } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import type { StagedCommit } from "./staged-commit.ts";

const SIZE = 1000;
const deps = testDeps("a thousand people");

describe("[GROUP-8] a group of a thousand", () => {
  let founding: StagedCommit;
  let last: GroupState;

  beforeAll(async () => {
    const people: Person[] = [];
    for (let i = 0; i < SIZE; i++) people.push(await person(`p${i}`, deps.random));
    const [founder, ...others] = people;
    if (founder === undefined) throw new Error("nobody");
    const made: CreatedKeyPackage[] = [];
    for (const other of others) made.push(await packageOf(other, deps.random));
    const add = made.map(({ keyPackage }) => keyPackage);
    ({ staged: founding } = await stageCommit(await found(founder, deps), { add }, deps));
    const [own, joiner] = [made.at(-1), people.at(-1)];
    if (own === undefined || joiner === undefined || founding.welcome === undefined)
      throw new Error("no welcome");
    last = await join(joiner, own, founding.welcome, deps);
  }, 120_000);

  test("is founded with one commit and joined with one Welcome", () => {
    expect(members(last).length).toBe(SIZE);
    expect(bytesToHex(epochAuthenticator(last))).toBe(bytesToHex(epochAuthenticator(nextOf(founding))));
  });

  test("writes a few records for a message and for a commit, whatever its size", async () => {
    const removal = await stageCommit(last, { remove: [500] }, deps);
    const founder = nextOf(founding);
    const followed = nextOf(await takeCommit(founder, removal.staged.message, deps));
    expect(bytesToHex(epochAuthenticator(followed))).toBe(
      bytesToHex(epochAuthenticator(nextOf(removal.staged))),
    );
    const commit = diffGroup(founder, followed);
    expect(commit.put.length + commit.delete.length).toBeLessThan(60);
    expect(bytesOf(commit.put)).toBeLessThan(8_000);

    const first = await createApplicationMessage(nextOf(removal.staged), utf8ToBytes("one"), {}, deps);
    const second = await createApplicationMessage(first.state, utf8ToBytes("two"), {}, deps);
    const one = await processMessage(followed, first.message, deps);
    const two = await processMessage(one.state, second.message, deps);
    for (const diff of [diffGroup(one.state, two.state), diffGroup(first.state, second.state)]) {
      expect(diff.put.map(([key]) => key)).toEqual(["secret/ratchet/999/application"]);
      expect(bytesOf(diff.put)).toBeLessThan(200);
      expect(diff.delete).toEqual([]);
    }
  });

  test("asks about pairs of clients for new members only, and not at all where clients have names", async () => {
    let asked = 0;
    const sameClient = (): boolean => {
      asked++;
      return false;
    };
    const counting = { ...trusting, sameClient };
    const newcomer = await packageOf(await person("newcomer", deps.random), deps.random);
    const add = [newcomer.keyPackage];
    await stageCommit(last, { add }, { ...deps, authentication: counting });
    expect(asked).toBe(0);
    const pairwise = { ...trustingPairwise, sameClient };
    await stageCommit(last, {}, { ...deps, authentication: pairwise });
    expect(asked).toBe(0);
    await stageCommit(last, { add }, { ...deps, authentication: pairwise });
    expect(asked).toBe(SIZE);
  });
});

function bytesOf(records: readonly (readonly [string, Uint8Array])[]): number {
  return records.reduce((sum, [, value]) => sum + value.length, 0);
}
