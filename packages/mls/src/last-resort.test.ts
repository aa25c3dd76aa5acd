import { beforeAll, describe, expect, test } from "vitest";
import {
  appDataDictionary,
  COMPONENT_LAST_RESORT_KEY_PACKAGE,
  EXTENSION_APP_DATA_DICTIONARY,
} from "./app-components.ts";
import { checkDecodedKeyPackage } from "./check-key-package.ts";
import { createKeyPackage, type CreatedKeyPackage } from "./create-key-package.ts";
import { type Extension, EXTENSION_LAST_RESORT } from "./extension.ts";
import { groupOf, join, nextOf, CAPABILITIES, type Person, person, testDeps } from "./testing/people.ts";
import { stageCommit } from "./group/stage-commit.ts";
import { isLastResort } from "./last-resort.ts";

const deps = testDeps("last resort");
const NOTHING = new Uint8Array();
const byExtension: Extension = { type: EXTENSION_LAST_RESORT, data: NOTHING };
const byComponent = appDataDictionary([{ componentId: COMPONENT_LAST_RESORT_KEY_PACKAGE, data: NOTHING }]);
let zoe: Person;

beforeAll(async () => {
  zoe = await person("zoe", deps.random);
});

function made(
  extensions: readonly Extension[],
  supported: readonly number[] = [EXTENSION_LAST_RESORT, EXTENSION_APP_DATA_DICTIONARY],
): Promise<CreatedKeyPackage> {
  return createKeyPackage({
    suite: 1,
    credential: zoe.credential,
    signatureKey: zoe.signatureKey,
    capabilities: { ...CAPABILITIES, extensions: supported },
    lifetime: { notBefore: 1_000n, notAfter: 2_000n },
    extensions,
    random: deps.random,
  });
}

describe("a key package of last resort", () => {
  test("[LAST-RESORT-1] is marked by the extension or by the component, and by nothing else", async () => {
    expect(isLastResort((await made([byExtension])).keyPackage)).toBe(true);
    expect(isLastResort((await made([byComponent])).keyPackage)).toBe(true);
    const other = appDataDictionary([{ componentId: 0x0a0a, data: Uint8Array.of(1) }]);
    for (const extensions of [[], [other]])
      expect(isLastResort((await made(extensions)).keyPackage)).toBe(false);
  });

  test("[LAST-RESORT-2] lists the mark in its capabilities (§10), and carries no data in it", async () => {
    const unlisted = { code: "KEY_PACKAGE_INVALID", section: "§10" };
    await expect(made([byExtension], [EXTENSION_APP_DATA_DICTIONARY])).rejects.toMatchObject(unlisted);
    await expect(made([byComponent], [EXTENSION_LAST_RESORT])).rejects.toMatchObject(unlisted);
    const data = Uint8Array.of(1);
    for (const mark of [
      { type: EXTENSION_LAST_RESORT, data },
      appDataDictionary([{ componentId: COMPONENT_LAST_RESORT_KEY_PACKAGE, data }]),
      { type: EXTENSION_APP_DATA_DICTIONARY, data },
    ]) {
      await expect(made([mark])).rejects.toMatchObject({ code: "KEY_PACKAGE_INVALID" });
    }
  });

  test("[LAST-RESORT-3] brings its owner into several groups, one after the other", async () => {
    const own = await made([byExtension]);
    await checkDecodedKeyPackage(own.keyPackage, { suite: 1 });
    for (const name of ["alice", "bob"]) {
      const [founder] = await groupOf([name], deps);
      if (founder === undefined) throw new Error("nobody is there");
      const { staged } = await stageCommit(founder, { add: [own.keyPackage] }, deps);
      const atZoe = await join(zoe, own, staged.welcome ?? NOTHING, deps);
      expect(atZoe.context.treeHash).toEqual(nextOf(staged).context.treeHash);
      const [added] = staged.effects.proposals;
      if (added?.proposal.kind !== "add") throw new Error("nobody was added");
      expect(isLastResort(added.proposal.keyPackage)).toBe(true);
    }
  });
});
