import { utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test, vi } from "vitest";
import { exportGroupInfo } from "../group/export-group-info.ts";
import { CAPABILITIES, found, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import { stageCommit } from "../group/stage-commit.ts";
import { diffGroup } from "../group/records.ts";

/** The engine as it is when nothing has been used of it yet. */
async function freshEngine(): Promise<typeof import("../index.ts")> {
  vi.resetModules();
  return import("../index.ts");
}

describe.each([7, 0xf001])("suite %i loads with whatever is asked first", async (suite) => {
  const deps = testDeps(`fresh ${suite}`);
  const alice = await person("alice", deps.random, suite);
  const bob = await person("bob", deps.random, suite);
  const state = await found(alice, deps, { suite });
  const bobs = await packageOf(bob, deps.random, { suite });
  const { staged } = await stageCommit(state, { add: [bobs.keyPackage] }, deps);
  const place = { groupId: utf8ToBytes("a group"), epoch: 0n };
  const { credential, signatureKey } = bob;
  const leaf = { credential, signatureKey, capabilities: CAPABILITIES };
  const lifetime = { notBefore: 1_000n, notAfter: 2_000n };

  test("createKeyPackage", async () => {
    const { createKeyPackage: create } = await freshEngine();
    const made = await create({ suite, ...leaf, lifetime, random: deps.random });
    expect(made.keyPackage.cipherSuite).toBe(suite);
  });

  test("checkKeyPackage", async () => {
    const { checkKeyPackage } = await freshEngine();
    expect((await checkKeyPackage(bobs.message, { suite })).cipherSuite).toBe(suite);
  });

  test("createGroup", async () => {
    const { createGroup } = await freshEngine();
    const group = await createGroup({ suite, groupId: place.groupId, ...leaf, lifetime, deps });
    expect(group.suite.id).toBe(suite);
  });

  test("joinGroup", async () => {
    const { joinGroup } = await freshEngine();
    const welcome = staged.welcome ?? new Uint8Array();
    const joined = await joinGroup({ welcome, ...bobs, signatureKey, deps });
    expect(joined.suite.id).toBe(suite);
  });

  test("readGroupInfo", async () => {
    const groupInfo = await exportGroupInfo(state);
    const { readGroupInfo } = await freshEngine();
    expect((await readGroupInfo({ groupInfo, deps })).suite.id).toBe(suite);
  });

  test("joinByExternalCommit", async () => {
    const groupInfo = await exportGroupInfo(state);
    const { joinByExternalCommit } = await freshEngine();
    expect((await joinByExternalCommit({ groupInfo, ...leaf, deps })).next?.suite.id).toBe(suite);
  });

  test("createExternalProposal and proposeSelf", async () => {
    const remove = { kind: "remove", removed: 0 } as const;
    const asked = {
      suite,
      ...place,
      senderIndex: 0,
      signatureKey: signatureKey.privateKey,
      proposal: remove,
    };
    const fresh = await freshEngine();
    expect((await fresh.createExternalProposal(asked)).message.length).toBeGreaterThan(0);
    const again = await freshEngine();
    const own = await again.proposeSelf({ ...place, keyPackage: bobs.keyPackage, signatureKey });
    expect(own.message.length).toBeGreaterThan(0);
  });

  test("but loadGroup, which can't wait, says so", async () => {
    const { put } = diffGroup(undefined, nextOf(staged));
    const { loadGroup, loadCipherSuite, members } = await freshEngine();
    const load = () => loadGroup(put, { signatureKey: alice.signatureKey.privateKey });
    expect(load).toThrow(expect.objectContaining({ code: "SUITE_NOT_LOADED" }));
    await loadCipherSuite(suite);
    expect(members(load())).toHaveLength(2);
  });
});
