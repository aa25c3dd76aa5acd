import { checkKeyPackage, contextExtensions, ownLeaf, proposeRemove } from "@thicket/mls";
import { expect, test } from "vitest";
import { SUITE } from "../devices/own-leaf.ts";
import { depsFor, makeAccount, makeKeyPackage } from "../testing/people.ts";
import { bob, openScene } from "../testing/scene.ts";
import { readPolicy } from "./policy.ts";
import { stageOwnCommit } from "./stage-own-commit.ts";

const dave = await makeAccount("dave");

type Scene = Awaited<ReturnType<typeof openScene>>;

function stage(scene: Scene, intent: Parameters<typeof stageOwnCommit>[2]) {
  return scene.run(async (step) =>
    stageOwnCommit(step, await step.withEngine(scene.groupId), intent, undefined),
  );
}

test("who inherits an admin's rights keeps them when somebody is added into a lower leaf, and who left has none", async () => {
  const scene = await openScene();
  // Alice, the only admin, goes without naming another: leaf 0 is free, and the policy still names her alone.
  const gone = await proposeRemove(scene.atAlice, ownLeaf(scene.atAlice), {}, depsFor("Alice goes"));
  await scene.take(scene.atAlice, gone.message, { kind: "proposal" });
  const { staged } = (await stage(scene, {}))!;
  await scene.take(scene.atAlice, staged!.bytes, { kind: "commit", commit: staged!.fields });
  expect(scene.memory().groups.get(scene.groupId)?.row.admins).toEqual([bob.userId]);

  const add = [await checkKeyPackage((await makeKeyPackage(dave)).message, { suite: SUITE })];
  const added = await stage(scene, { add });
  expect(added?.staged?.lines).toEqual([
    { author: bob.userId, event: { type: "added", userId: dave.userId } },
  ]);
  expect(readPolicy(contextExtensions(added!.engine.next!))?.admins).toEqual([bob.userId]);
});
