import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import type { UpdatePath } from "../commit.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import { forgeCommit } from "../testing/forge.ts";
import {
  commitAndFollow,
  groupOf,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  takeCommit,
  testDeps,
} from "../testing/people.ts";
import { encryptionKeyAt } from "../tree/ratchet-tree.ts";
import { epochAuthenticator, type GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import type { CommitIntent } from "./commit-intent.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = {
  ...testDeps("own path"),
  preSharedKey: () => Promise.resolve(utf8ToBytes("sesame")),
};

async function newcomer(name: string): Promise<{ who: Person; made: CreatedKeyPackage }> {
  const who = await person(name, deps.random);
  return { who, made: await packageOf(who, deps.random) };
}

function at(states: readonly (GroupState | undefined)[], index: number): GroupState {
  const state = states[index];
  if (state === undefined) throw new Error("no such member");
  return state;
}

/** Whether a commit by this member renews its leaf's key. */
async function hasPath(state: GroupState, intent: CommitIntent): Promise<boolean> {
  const { staged } = await stageCommit(state, intent, deps);
  const before = encryptionKeyAt(state.tree, 2 * state.ownLeaf);
  const after = encryptionKeyAt(nextOf(staged).tree, 2 * state.ownLeaf);
  const isSame = before !== undefined && after !== undefined && equalBytes(before, after);
  expect(staged.rootPathSecret === undefined).toBe(isSame);
  return staged.rootPathSecret !== undefined;
}

test("[PATH-1] a commit has a path, unless none is wanted and none is required (§12.4)", async () => {
  const alice = at(await groupOf(["alice", "bob", "carol"], deps), 0);
  const { made } = await newcomer("zoe");
  const add = [made.keyPackage];
  const psks = [{ kind: "external" as const, pskId: utf8ToBytes("password") }];
  const path = "whenRequired";
  expect(await hasPath(alice, { add })).toBe(true);
  expect(await hasPath(alice, { add, path: "always" })).toBe(true);
  expect(await hasPath(alice, { add, path })).toBe(false);
  expect(await hasPath(alice, { psks, path })).toBe(false);
  expect(await hasPath(alice, { path })).toBe(true);
  expect(await hasPath(alice, { add, remove: [1], path })).toBe(true);
  expect(await hasPath(alice, { add, contextExtensions: [], path })).toBe(true);
  expect(await hasPath(alice, { add, leaf: {}, path })).toBe(true);
});

test("a commit without a path is held to the same rules of the tree (§12.2)", async () => {
  const alice = at(await groupOf(["alice", "bob"], deps), 0);
  const { made } = await newcomer("bob");
  const intent: CommitIntent = { add: [made.keyPackage], path: "whenRequired" };
  await expect(stageCommit(alice, intent, deps)).rejects.toMatchObject({ code: "CLIENT_REPEATED" });
});

test("members and joiners agree after commits without a path, and go on from there", async () => {
  let states: (GroupState | undefined)[] = await groupOf(["alice", "bob", "carol"], deps);
  for (const [committer, name] of [
    [1, "dave"],
    [2, "erin"],
  ] as const) {
    const { who, made } = await newcomer(name);
    const result = await commitAndFollow(
      states,
      committer,
      { add: [made.keyPackage], path: "whenRequired" },
      deps,
    );
    states = [...result.states, await join(who, made, result.staged.welcome ?? new Uint8Array(), deps)];
  }
  for (const committer of [4, 0]) ({ states } = await commitAndFollow(states, committer, {}, deps));
  const views = new Set(states.map((state) => bytesToHex(epochAuthenticator(at([state], 0)))));
  expect(views.size).toBe(1);
  expect(states.length).toBe(5);
});

test("[PATH-2] who followed with help sends a path next, even where none is required or wanted", async () => {
  const group = await groupOf(["alice", "bob", "carol", "dave"], deps);
  // Only what is sealed to alice's and bob's half is spoilt.
  const message = await forgeCommit(at(group, 2), { path: spoilTop }, deps);
  const atDave = await takeCommit(at(group, 3), message, deps);
  const { rootPathSecret } = atDave;
  if (rootPathSecret === undefined) throw new Error("a commit with a path has a root path secret");
  const helped = await processMessage(at(group, 1), message, deps, { rootPathSecret });
  if (helped.kind !== "commit") throw new Error("not a commit");

  const path = "whenRequired";
  const pathless = await stageCommit(
    nextOf(atDave),
    { add: [(await newcomer("zoe")).made.keyPackage], path },
    deps,
  );
  expect(pathless.staged.rootPathSecret).toBeUndefined();
  const later = nextOf(await takeCommit(nextOf(helped.staged), pathless.staged.message, deps));
  const stored = loadGroup(diffGroup(undefined, later).put, { signatureKey: later.signatureKey });
  const add = [(await newcomer("yan")).made.keyPackage];
  for (const state of [nextOf(helped.staged), later, stored]) {
    expect(await hasPath(state, { add, path })).toBe(true);
  }
  const healed = nextOf((await stageCommit(stored, {}, deps)).staged);
  expect(await hasPath(healed, { add, path })).toBe(false);
});

test("[GROUP-7] whether a path is needed is never read from less or more than it was stored as", async () => {
  const alice = at(await groupOf(["alice"], deps), 0);
  const spoil = (change: (head: Uint8Array) => Uint8Array): [string, Uint8Array][] =>
    diffGroup(undefined, alice).put.map(([key, value]) => [
      key,
      key === "public/state" ? change(value) : value,
    ]);
  for (const change of [
    (head: Uint8Array) => head.slice(0, -1),
    (head: Uint8Array) => head.slice(0, -2),
    (head: Uint8Array) => Uint8Array.of(...head, 0),
    (head: Uint8Array) => Uint8Array.of(...head.slice(0, -2), 2, 0),
  ]) {
    expect(() => loadGroup(spoil(change), { signatureKey: alice.signatureKey })).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }),
    );
  }
  expect(
    loadGroup(
      spoil((head) => head),
      { signatureKey: alice.signatureKey },
    ).needsPath,
  ).toBe(false);
});

function spoilTop(path: UpdatePath): UpdatePath {
  const nodes = path.nodes.map((node, i) =>
    i === path.nodes.length - 1
      ? {
          ...node,
          encryptedPathSecret: node.encryptedPathSecret.map((sealed) => ({
            ...sealed,
            ciphertext: new Uint8Array(48),
          })),
        }
      : node,
  );
  return { ...path, nodes };
}
