import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { createKeyPackage } from "../create-key-package.ts";
import { encode } from "../codec/codec.ts";
import {
  EXTENSION_APPLICATION_ID,
  EXTENSION_REQUIRED_CAPABILITIES,
  type Extension,
  GREASE_VALUES,
  type RequiredCapabilities,
  requiredCapabilitiesCodec,
} from "../extension.ts";
import type { Capabilities } from "../leaf-node.ts";
import { forgeCommit } from "../testing/forge.ts";
import { CAPABILITIES, found, groupOf, packageOf, type Person, person, testDeps } from "../testing/people.ts";
import { exportGroupInfo } from "./export-group-info.ts";
import type { GroupState } from "./group-state.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { processMessage } from "./process-message.ts";
import { createProposal, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("sender rules");
const GREASE = GREASE_VALUES[7] ?? 0;
let alice: GroupState;
let bob: GroupState;
let zoe: Person;

beforeAll(async () => {
  const [first, second] = await groupOf(["alice", "bob"], deps);
  if (first === undefined || second === undefined) throw new Error("a group of two");
  [alice, bob] = [first, second];
  zoe = await person("zoe", deps.random);
});

const extension = (type: number): Extension => ({ type, data: new Uint8Array() });

async function entering(capabilities: Capabilities): Promise<unknown> {
  const groupInfo = await exportGroupInfo(alice);
  return joinByExternalCommit({ ...zoe, groupInfo, capabilities, deps });
}

describe("what others would have to refuse isn't made", () => {
  test("[RULE-90] a list with two extensions of one type, wherever it would stand (§13.4)", async () => {
    const twice = [extension(0xf001), { ...extension(0xf001), data: Uint8Array.of(1) }];
    const reinit = { groupId: utf8ToBytes("new"), cipherSuite: 1, extensions: twice };
    const lifetime = { notBefore: 1n, notAfter: 2n };
    const own = { ...zoe, suite: 1, capabilities: CAPABILITIES, lifetime, random: deps.random };
    for (const made of [
      () => createKeyPackage({ ...own, extensions: twice }),
      () => createKeyPackage({ ...own, leafExtensions: twice }),
      () => found(zoe, deps, { contextExtensions: twice }),
      () => stageCommit(alice, { contextExtensions: twice }, deps),
      () => stageCommit(alice, { leaf: { extensions: twice } }, deps),
      () => stageCommit(alice, { reinit }, deps),
      () => createProposal(alice, { kind: "groupContextExtensions", extensions: twice }, {}, deps),
      () => proposeUpdate(alice, { extensions: twice }, {}, deps),
    ]) {
      await expect(made()).rejects.toMatchObject({ code: "EXTENSION_DUPLICATE", section: "§13.4" });
    }
  });

  test("[RULE-91] an own leaf that lists what every client has (§7.2)", async () => {
    for (const capabilities of [
      { ...CAPABILITIES, extensions: [0xf001, EXTENSION_APPLICATION_ID] },
      { ...CAPABILITIES, proposals: [7] },
    ]) {
      for (const made of [
        () => packageOf(zoe, deps.random, { capabilities }),
        () => found(zoe, deps, { capabilities }),
        () => stageCommit(alice, { leaf: { capabilities } }, deps),
        () => proposeUpdate(alice, { capabilities }, {}, deps),
        () => entering(capabilities),
      ]) {
        await expect(made()).rejects.toMatchObject({ code: "LEAF_NODE_INVALID", section: "§7.2" });
      }
    }
    expect(await entering(CAPABILITIES)).toMatchObject({ committer: 2 });
  });
});

test("[RULE-91] a leaf of another's that lists what every client has is taken (§7.2)", async () => {
  const extensions = [0xf001, EXTENSION_APPLICATION_ID];
  const message = await forgeCommit(
    bob,
    { leaf: (leaf) => ({ ...leaf, capabilities: { ...CAPABILITIES, extensions } }) },
    deps,
  );
  expect(await processMessage(alice, message, deps)).toMatchObject({ kind: "commit" });
});

test("[RULE-92] nobody supports a GREASE value, though all list it: no context has or requires it (§13.5)", async () => {
  const values = [...GREASE_VALUES];
  const capabilities = {
    ...CAPABILITIES,
    extensions: [0xf001, 0xfafa, ...values],
    proposals: values,
    credentials: [1, ...values],
  };
  const state = await found(zoe, deps, { capabilities });
  const required = { extensions: [], proposals: [], credentials: [] };
  const requiring = (more: Partial<RequiredCapabilities>): Extension => ({
    type: EXTENSION_REQUIRED_CAPABILITIES,
    data: encode(requiredCapabilitiesCodec, { ...required, ...more }),
  });
  for (const [refused, section] of [
    [extension(GREASE), "§13.4"],
    [requiring({ extensions: [GREASE] }), "§11.1"],
    [requiring({ proposals: [GREASE] }), "§11.1"],
    [requiring({ credentials: [GREASE] }), "§11.1"],
  ] as const) {
    const commit = stageCommit(state, { contextExtensions: [refused] }, deps);
    await expect(commit).rejects.toMatchObject({ code: "CAPABILITY_MISSING", section });
  }
  const credential = { kind: "other" as const, type: GREASE, body: new Uint8Array() };
  const authentication = { ...deps.authentication, clientId: () => "yan" };
  const yan = found({ ...zoe, credential }, { ...deps, authentication }, { capabilities });
  await expect(yan).rejects.toMatchObject({ code: "CAPABILITY_MISSING", section: "§7.3" });
  // 0xFAFA has the same form, and is a number for private use.
  expect(await stageCommit(state, { contextExtensions: [extension(0xfafa)] }, deps)).toBeDefined();
});
