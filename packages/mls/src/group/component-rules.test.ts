import { beforeAll, describe, expect, test } from "vitest";
import {
  appDataDictionary,
  COMPONENT_APP_COMPONENTS,
  componentsListCodec,
  EXTENSION_APP_DATA_DICTIONARY,
} from "../app-components.ts";
import { encode } from "../codec/codec.ts";
import { advertiseMediaTypes, type MediaType, requireMediaTypes } from "../content-advertisement.ts";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import type { Extension } from "../extension.ts";
import { byValue, forgeCommit, type Forgery } from "../testing/forge.ts";
import { CAPABILITIES, join, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import { createGroup } from "./create-group.ts";
import type { GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("components");
const PNG: MediaType = { type: "image/png", parameters: [] };
const GIF: MediaType = { type: "image/gif", parameters: [] };
const capabilities = { ...CAPABILITIES, extensions: [EXTENSION_APP_DATA_DICTIONARY] };

async function packageWith(name: string, leafExtensions: readonly Extension[]): Promise<CreatedKeyPackage> {
  return packageOf(await person(name, deps.random), deps.random, { capabilities, leafExtensions });
}

async function foundedWith(
  leafExtensions: readonly Extension[],
  contextExtensions: readonly Extension[],
): Promise<GroupState> {
  const who = await person("alice", deps.random);
  return createGroup({
    suite: 1,
    groupId: deps.random.bytes(16),
    credential: who.credential,
    signatureKey: who.signatureKey,
    capabilities,
    lifetime: { notBefore: 1_000n, notAfter: 2_000n },
    leafExtensions,
    contextExtensions,
    deps,
  });
}

const requiring = (...ids: number[]): Extension =>
  appDataDictionary([{ componentId: COMPONENT_APP_COMPONENTS, data: encode(componentsListCodec, ids) }]);

const missing = { code: "CAPABILITY_MISSING" };
let alice: GroupState;
let bob: GroupState;

beforeAll(async () => {
  const founder = await foundedWith([advertiseMediaTypes([PNG, GIF])], [requireMediaTypes([PNG])]);
  const who = await person("bob", deps.random);
  const made = await packageOf(who, deps.random, {
    capabilities,
    leafExtensions: [advertiseMediaTypes([GIF, PNG])],
  });
  const { staged } = await stageCommit(founder, { add: [made.keyPackage] }, deps);
  alice = nextOf(staged);
  bob = await join(who, made, staged.welcome ?? new Uint8Array(), deps);
});

/** What bob says of a commit that alice forged. */
async function verdict(forgery: Forgery): Promise<unknown> {
  return processMessage(bob, await forgeCommit(alice, forgery, deps), deps);
}

describe("a group that requires media types or components", () => {
  test("[COMPONENT-1] has only members that accept them, whoever asks", async () => {
    const good = await packageWith("zoe", [advertiseMediaTypes([PNG])]);
    expect(await verdict({ proposals: byValue({ kind: "add", keyPackage: good.keyPackage }) })).toMatchObject(
      {
        kind: "commit",
      },
    );
    for (const leafExtensions of [[], [advertiseMediaTypes([GIF])]]) {
      const { keyPackage } = await packageWith("yan", leafExtensions);
      await expect(stageCommit(alice, { add: [keyPackage] }, deps)).rejects.toMatchObject(missing);
      await expect(verdict({ proposals: byValue({ kind: "add", keyPackage }) })).rejects.toMatchObject(
        missing,
      );
      await expect(foundedWith(leafExtensions, [requireMediaTypes([PNG])])).rejects.toMatchObject(missing);
    }
  });

  test("[COMPONENT-2] comes to require only what all members accept", async () => {
    const both = [requireMediaTypes([PNG, GIF])];
    expect((await stageCommit(alice, { contextExtensions: both }, deps)).staged.next).toBeDefined();
    const textToo = [requireMediaTypes([PNG, { type: "text/plain", parameters: [] }])];
    await expect(stageCommit(alice, { contextExtensions: textToo }, deps)).rejects.toMatchObject(missing);
    const proposals = byValue({ kind: "groupContextExtensions", extensions: textToo });
    await expect(verdict({ proposals, extensions: textToo })).rejects.toMatchObject(missing);
    expect(
      (await stageCommit(alice, { contextExtensions: [requiring(1, 3)] }, deps)).staged.next,
    ).toBeDefined();
    const unknown = { contextExtensions: [requiring(3, 0x8001)] };
    await expect(stageCommit(alice, unknown, deps)).rejects.toMatchObject(missing);
  });

  test("[COMPONENT-3] takes no leaf whose dictionary can't be read, and no context like that", async () => {
    const data = Uint8Array.of(4, 0, 3, 1, 0);
    const broken = { type: EXTENSION_APP_DATA_DICTIONARY, data };
    await expect(packageWith("yan", [broken])).rejects.toMatchObject({ code: "LEAF_NODE_INVALID" });
    const leaf: Forgery["leaf"] = (unsigned) => ({ ...unsigned, extensions: [broken] });
    await expect(verdict({ leaf })).rejects.toMatchObject({ code: "LEAF_NODE_INVALID" });
    const unreadable = { contextExtensions: [broken] };
    await expect(stageCommit(alice, unreadable, deps)).rejects.toMatchObject({ code: "DECODE_VALUE" });
    await expect(
      verdict({
        proposals: byValue({ kind: "groupContextExtensions", extensions: [broken] }),
        extensions: [broken],
      }),
    ).rejects.toMatchObject({ code: "DECODE_VALUE" });
  });

  test("passes over components that it doesn't know, GREASE among them (§13.5)", async () => {
    const grease = [0x0a0a, 0x7a7a].map((componentId) => ({ componentId, data: Uint8Array.of(1) }));
    const { keyPackage } = await packageWith("zoe", [advertiseMediaTypes([PNG], grease)]);
    expect((await stageCommit(alice, { add: [keyPackage] }, deps)).staged.welcome).toBeDefined();
  });
});
