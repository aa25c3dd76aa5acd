import { checkKeyPackage, contextExtensions, createKeyPackage, ownLeaf, proposeRemove } from "@thicket/mls";
import { expect, test } from "vitest";
import { CAPABILITIES, makeOwnLeaf, SUITE } from "../devices/own-leaf.ts";
import type { IntentRow } from "../tables.ts";
import { depsFor, makeAccount, makeKeyPackage, NOW, randomFrom } from "../testing/people.ts";
import { bob, openScene } from "../testing/scene.ts";
import { carryOutIntent } from "./carry-out-intent.ts";
import { LEAF_PROFILE_EXTENSION } from "./leaf-profile.ts";
import { readPolicy } from "./policy.ts";
import { stageOwnCommit } from "./stage-own-commit.ts";

const dave = await makeAccount("dave");
const erin = await makeAccount("erin");

type Scene = Awaited<ReturnType<typeof openScene>>;

function stage(scene: Scene, intent: Parameters<typeof stageOwnCommit>[2]) {
  return scene.run(async (step) =>
    stageOwnCommit(step, await step.withEngine(scene.groupId), intent, undefined),
  );
}

/** Alice, the only admin, goes without naming another: leaf 0 is free, and the policy still names her alone. */
async function letAliceGo(scene: Scene): Promise<void> {
  const gone = await proposeRemove(scene.atAlice, ownLeaf(scene.atAlice), {}, depsFor("Alice goes"));
  await scene.take(scene.atAlice, gone.message, { kind: "proposal" });
  const { staged } = (await stage(scene, {}))!;
  await scene.take(scene.atAlice, staged!.bytes, { kind: "commit", commit: staged!.fields });
}

test("who inherits an admin's rights keeps them when somebody is added into a lower leaf, and who left has none", async () => {
  const scene = await openScene();
  await letAliceGo(scene);
  expect(scene.memory().groups.get(scene.groupId)?.row.admins).toEqual([bob.userId]);

  const add = [await checkKeyPackage((await makeKeyPackage(dave)).message, { suite: SUITE })];
  const added = await stage(scene, { add });
  expect(added?.staged?.lines).toEqual([
    { author: bob.userId, event: { type: "added", userId: dave.userId } },
  ]);
  expect(readPolicy(contextExtensions(added!.engine.next!))?.admins).toEqual([bob.userId]);
});

test("one invited device that the group can't take keeps the others out of nothing", async () => {
  const scene = await openScene();
  await letAliceGo(scene);
  const random = randomFrom("a client that lacks something");
  const leaf = await makeOwnLeaf(erin, random, NOW);
  const lacking = await createKeyPackage({
    suite: SUITE,
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    // What it lists is too little for the group's context.
    capabilities: { ...CAPABILITIES, extensions: [LEAF_PROFILE_EXTENSION] },
    lifetime: leaf.lifetime,
    leafExtensions: leaf.leafExtensions,
    random,
  });
  const people = [
    { account: dave, keyPackage: (await makeKeyPackage(dave)).message },
    { account: erin, keyPackage: lacking.message },
  ];
  const intent: IntentRow = {
    commandId: "c",
    at: NOW,
    groupId: scene.groupId,
    order: 1,
    tries: 0,
    act: {
      type: "invite",
      invitees: people.map(({ account: { userId, handle, deviceId } }) => ({
        userId,
        handle,
        devices: [deviceId],
      })),
      claimed: people.map(({ account: { userId, deviceId }, keyPackage }) => ({
        userId,
        deviceId,
        keyPackage,
      })),
    },
  };
  await scene.run(async (step) => {
    const group = await step.withEngine(scene.groupId);
    step.setGroup({ ...group, intents: [intent] });
  });
  // First it finds out who can't be added, then it adds the rest.
  for (let turn = 0; turn < 2; turn++) {
    await scene.run(async (step) => {
      const group = await step.withEngine(scene.groupId);
      await carryOutIntent(step, group, group.intents[0]!);
    });
  }
  const refused = { code: "KEY_PACKAGE_REFUSED", subject: "erin" };
  expect(scene.events).toContainEqual({ type: "problem", error: refused });
  const staged = await scene.store.get("stagedCommits", [scene.groupId]);
  expect(staged?.lines.map(({ event }) => event)).toEqual([{ type: "added", userId: dave.userId }]);
});
