import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import {
  CAPABILITIES,
  groupOf,
  join,
  packageOf,
  type Person,
  person,
  takeCommit,
  testDeps,
  trusting,
  trustingPairwise,
} from "../testing/people.ts";
import type { AuthenticationPolicy, EngineDeps } from "./authentication.ts";
import { exportGroupInfo } from "./export-group-info.ts";
import type { GroupState } from "./group-state.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { processMessage } from "./process-message.ts";
import { proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import { branchGroup } from "./successor-group.ts";

const deps = testDeps("authentication");
const reason = new Error("the directory is corrupt");
const refusal = { code: "CREDENTIAL_INVALID", section: "§5.3.1", cause: reason };
const fail = (): never => {
  throw reason;
};
const failing = (policy: Partial<AuthenticationPolicy>, base = trusting): EngineDeps => ({
  ...deps,
  authentication: { ...base, ...policy },
});
const successorFails = failing({ isSuccessor: fail });
/** Each of the two ways to tell clients apart. */
const comparisonsFail = [
  failing({ clientId: fail }),
  failing({ sameClient: fail }, trustingPairwise),
] as const;

let group: GroupState[];
let zoe: Person;

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol"], deps);
  zoe = await person("zoe", deps.random);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

describe("[RULE-94] what the application throws when it is asked about a credential refuses it (§5.3.1)", () => {
  test("where a leaf gets a new one, and an Update with it doesn't hold the committer up", async () => {
    const signatureKey = await member(0).suite.signatureKeyPair(deps.random);
    const { staged } = await stageCommit(member(0), { leaf: { signatureKey } }, deps);
    await expect(takeCommit(member(1), staged.message, successorFails)).rejects.toMatchObject(refusal);

    const credential = { kind: "basic" as const, identity: utf8ToBytes("carol the second") };
    const update = await proposeUpdate(member(2), { credential }, {}, deps);
    const { state } = await processMessage(member(1), update.message, deps);
    expect((await stageCommit(state, {}, successorFails)).staged.effects.proposals).toEqual([]);
    await expect(stageCommit(state, { proposals: [update.ref] }, successorFails)).rejects.toMatchObject(
      refusal,
    );
  });

  test("where clients are told apart, in a commit and in a tree that is joined", async () => {
    const made = await packageOf(zoe, deps.random);
    const { staged } = await stageCommit(member(0), { add: [made.keyPackage] }, deps);
    for (const reader of comparisonsFail) {
      await expect(takeCommit(member(1), staged.message, reader)).rejects.toMatchObject(refusal);
      await expect(join(zoe, made, staged.welcome ?? new Uint8Array(), reader)).rejects.toMatchObject(
        refusal,
      );
    }
  });

  test("where somebody joins in place of its former self", async () => {
    const { credential } = await person("bob", deps.random);
    const signatureKey = await member(1).suite.signatureKeyPair(deps.random);
    const groupInfo = await exportGroupInfo(member(0));
    const joining = { groupInfo, credential, signatureKey, capabilities: CAPABILITIES, remove: 1 };
    const staged = await joinByExternalCommit({ ...joining, deps });
    const reader = { ...successorFails, external: { allowCommit: () => Promise.resolve(true) } };
    await expect(processMessage(member(0), staged.message, reader)).rejects.toMatchObject(refusal);
    await expect(joinByExternalCommit({ ...joining, deps: successorFails })).rejects.toMatchObject(refusal);
  });

  test("where a group's members are to be those of an older one", async () => {
    const { credential, signatureKey } = await person("alice", deps.random);
    const founding = {
      groupId: utf8ToBytes("aside"),
      keyPackages: [],
      credential,
      signatureKey,
      capabilities: CAPABILITIES,
      lifetime: { notBefore: 1_000n, notAfter: 2_000n },
    };
    for (const founder of comparisonsFail) {
      await expect(branchGroup(member(0), { ...founding, deps: founder })).rejects.toMatchObject(refusal);
    }
  });
});
