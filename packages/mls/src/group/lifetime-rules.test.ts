import { beforeAll, describe, expect, test } from "vitest";
import { checkKeyPackage } from "../check-key-package.ts";
import type { LifetimeBounds } from "../lifetime.ts";
import { byValue, forgeCommit, forgeProposal } from "../testing/forge.ts";
import {
  found,
  groupOf,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  takeCommit,
  testDeps,
} from "../testing/people.ts";
import type { EngineDeps } from "./authentication.ts";
import { type GroupState, pendingProposals } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { createProposal } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("lifetime rules");
/** In seconds; the founder's leaf is of the same kind. */
const LIFETIME = { notBefore: 1_000n, notAfter: 2_000n };
let group: GroupState[];
let zoe: Person;
let made: Awaited<ReturnType<typeof packageOf>>;

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol"], deps);
  zoe = await person("zoe", deps.random);
  made = await packageOf(zoe, deps.random, { lifetime: LIFETIME });
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

const within = (lifetimes: LifetimeBounds): EngineDeps => ({ ...deps, lifetimes });
/** A time in ms. */
const at = (seconds: number): EngineDeps => within({ now: seconds * 1000 });
const outside = { code: "LIFETIME_INVALID", section: "§7.3" };
const tooLong = { code: "LIFETIME_INVALID", section: "§7.2" };

describe("a member with a clock", () => {
  test("[RULE-73] adds nobody before or after the lifetime of the key package (§7.3)", async () => {
    const add = [made.keyPackage];
    for (const seconds of [999.999, 2001]) {
      await expect(stageCommit(member(0), { add }, at(seconds))).rejects.toMatchObject(outside);
      const proposal = { kind: "add" as const, keyPackage: made.keyPackage };
      await expect(createProposal(member(0), proposal, {}, at(seconds))).rejects.toMatchObject(outside);
      await expect(checkKeyPackage(made.message, { suite: 1, now: seconds * 1000 })).rejects.toMatchObject(
        outside,
      );
    }
    for (const seconds of [1000, 2000.999]) {
      expect((await stageCommit(member(0), { add }, at(seconds))).staged.effects.added.length).toBe(1);
      expect(await checkKeyPackage(made.message, { suite: 1, now: seconds * 1000 })).toEqual(made.keyPackage);
    }
  });

  test("[RULE-74] leaves a pending Add of an expired key package out of its commit (§7.3)", async () => {
    const { message, ref } = await createProposal(
      member(1),
      { kind: "add", keyPackage: made.keyPackage },
      {},
      deps,
    );
    const { state } = await processMessage(member(0), message, deps);
    expect(pendingProposals(state).length).toBe(1);
    expect((await stageCommit(state, {}, at(2001))).staged.effects.added).toEqual([]);
    expect((await stageCommit(state, {}, at(2000))).staged.effects.added.length).toBe(1);
    await expect(stageCommit(state, { proposals: [ref] }, at(2001))).rejects.toMatchObject(outside);
  });
});

describe("a member without a clock", () => {
  test("[RULE-75] takes and joins what has expired: no clock forks the group, unless one is asked (§7.3)", async () => {
    const { staged } = await stageCommit(member(0), { add: [made.keyPackage] }, deps);
    const bob = await takeCommit(member(1), staged.message, deps);
    const welcome = staged.welcome ?? new Uint8Array();
    const joined = await join(zoe, made, welcome, deps);
    expect(nextOf(bob).context.epoch).toBe(joined.context.epoch);
    await expect(takeCommit(member(1), staged.message, at(2001))).rejects.toMatchObject(outside);
    await expect(join(zoe, made, welcome, at(2001))).rejects.toMatchObject(outside);
    expect((await join(zoe, made, welcome, at(2000))).ownLeaf).toBe(3);
  });
});

describe("a lifetime that is longer than the application allows", () => {
  const short = within({ longest: 999n });

  test("[RULE-76] is refused in an Add that is sent or received, and in a tree that is joined (§7.2)", async () => {
    const add = byValue({ kind: "add", keyPackage: made.keyPackage });
    const message = await forgeCommit(member(2), { proposals: add }, deps);
    await expect(processMessage(member(1), message, short)).rejects.toMatchObject(tooLong);
    expect(await processMessage(member(1), message, within({ longest: 1000n }))).toMatchObject({
      kind: "commit",
    });
    await expect(stageCommit(member(0), { add: [made.keyPackage] }, short)).rejects.toMatchObject(tooLong);
    await expect(checkKeyPackage(made.message, { suite: 1, longest: 999n })).rejects.toMatchObject(tooLong);
    const { staged } = await stageCommit(member(0), { add: [made.keyPackage] }, deps);
    const welcome = staged.welcome ?? new Uint8Array();
    await expect(join(zoe, made, welcome, short)).rejects.toMatchObject(tooLong);
    expect((await join(zoe, made, welcome, within({ longest: 1000n }))).ownLeaf).toBe(3);
  });

  test("[RULE-77] is no matter of a leaf that has none: one of an Update or a commit (§7.2)", async () => {
    const bounds = within({ longest: 0n, now: 9_999_000 });
    const signatureKey = await member(0).suite.signatureKeyPair(deps.random);
    const { staged } = await stageCommit(member(0), { leaf: { signatureKey } }, bounds);
    expect((await takeCommit(member(1), staged.message, bounds)).next).toBeDefined();
  });
});

describe("a lifetime that ends before it begins", () => {
  const founding = (lifetime: typeof LIFETIME): Promise<GroupState> => found(zoe, deps, { lifetime });

  test("[RULE-95] founds no group (§7.2)", async () => {
    await expect(founding({ notBefore: 1_000n, notAfter: 999n })).rejects.toMatchObject({
      code: "LEAF_NODE_INVALID",
      section: "§7.2",
    });
    expect((await founding({ notBefore: 1_000n, notAfter: 1_000n })).ownLeaf).toBe(0);
  });
});

describe("an Add that is proposed", () => {
  test("[RULE-78] is checked before it goes out, its signatures and its credential included (§5.3.1, §10.1)", async () => {
    const { keyPackage } = made;
    const broken = { ...keyPackage, signature: keyPackage.signature.map((byte) => byte ^ 1) };
    await expect(
      createProposal(member(0), { kind: "add", keyPackage: broken }, {}, deps),
    ).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
    const authentication = {
      ...deps.authentication,
      validate: () => Promise.reject(new Error("a stranger")),
    };
    await expect(
      createProposal(member(0), { kind: "add", keyPackage }, {}, { ...deps, authentication }),
    ).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
    // From somebody who doesn't look it is kept, and refused with the commit that takes it.
    const blind = await forgeProposal(member(2), { kind: "add", keyPackage: broken }, deps);
    const { state } = await processMessage(member(0), blind, deps);
    expect((await stageCommit(state, {}, deps)).staged.effects.added).toEqual([]);
  });
});
