import { checkKeyPackage, createGroup, type GroupState, mergeCommit, stageCommit } from "@thicket/mls";
import { expect, test } from "vitest";
import { makeKeyPackages } from "../devices/key-packages.ts";
import { CAPABILITIES, makeOwnLeaf, REQUIRED_CAPABILITIES, SUITE } from "../devices/own-leaf.ts";
import { parseSeq } from "../identity/parse-ids.ts";
import { loadMemory } from "../load-memory.ts";
import { sendMessage } from "../messages/send-message.ts";
import { createRuntime } from "../runtime.ts";
import { createSerialQueue } from "../serial-queue.ts";
import type { Step } from "../step.ts";
import { attachGroups } from "../sync/attach.ts";
import { newTrack } from "../sync/track.ts";
import { depsFor, NOW, policyFor, randomFrom } from "../testing/people.ts";
import { alice, bob, openScene, salt, textFrom } from "../testing/scene.ts";
import { joinByWelcome } from "./join-group.ts";
import { encodePolicy } from "./policy.ts";

type Scene = Awaited<ReturnType<typeof openScene>>;

/** Bob's last resort, which opens any number of Welcomes. */
async function lastResortOf(scene: Scene) {
  const { lastResort } = await scene.run((step) => makeKeyPackages(step, bob, 0, true));
  if (lastResort === undefined) throw new Error("a last resort was asked for");
  const [row] = await scene.store.list("keyPackages", { prefix: [] });
  return { ref: String(row?.key[0]), keyPackage: await checkKeyPackage(lastResort, { suite: SUITE }) };
}

/** Alice's state with Bob in it again, and the Welcome for him. */
async function addBob(state: GroupState, { keyPackage }: Awaited<ReturnType<typeof lastResortOf>>) {
  const { staged } = await stageCommit(state, { add: [keyPackage] }, depsFor("adding Bob again"));
  if (staged.welcome === undefined) throw new Error("a commit that adds has a Welcome");
  return { state: mergeCommit(staged), welcome: staged.welcome };
}

async function seat(scene: Scene, branch: number): Promise<void> {
  await scene.run(async (step) => {
    const group = step.group(scene.groupId)!;
    step.setGroup({
      ...group,
      row: { ...group.row, membership: { state: "member" }, branch, seated: true },
      cursor: { ...group.cursor, seq: branch },
    });
  });
}

test("an old Welcome brings nobody back into an epoch that is over, whose keys would serve twice", async () => {
  const scene = await openScene();
  const last = await lastResortOf(scene);
  const removed = await scene.takeCommit(scene.atAlice, { remove: [1] });
  const added = await addBob(removed.state, last);
  const join = (step: Step) => joinByWelcome(step, bob, last.ref, added.welcome);
  expect(await scene.run(join)).toMatchObject({ kind: "joined" });
  await seat(scene, removed.seq);
  await scene.takeCommit(added.state, { remove: [1] }, removed.seq);
  expect(scene.memory().groups.get(scene.groupId)?.row.membership.state).toBe("removed");

  expect(await scene.run(join)).toEqual({ kind: "stale" });
  expect(await scene.store.list("groupSecrets", { prefix: [] })).toEqual([]);
});

test("a Welcome that comes while another one for its group is tried waits for how that ends", async () => {
  const scene = await openScene();
  const last = await lastResortOf(scene);
  const removed = await scene.takeCommit(scene.atAlice, { remove: [1] });
  const added = await addBob(removed.state, last);
  const renewed = await stageCommit(removed.state, {}, depsFor("renewing"));
  const ahead = await addBob(mergeCommit(renewed.staged), last);
  await scene.run((step) => joinByWelcome(step, bob, last.ref, ahead.welcome));
  expect(await scene.run((step) => joinByWelcome(step, bob, last.ref, added.welcome))).toEqual({
    kind: "later",
    groupId: scene.groupId,
  });
});

test("a Welcome into a group whose id has another length is bad, and no bug", async () => {
  const scene = await openScene();
  const last = await lastResortOf(scene);
  const deps = depsFor("an odd group");
  const leaf = await makeOwnLeaf(alice, deps.random, NOW);
  const founded = await createGroup({
    suite: SUITE,
    groupId: new Uint8Array(5),
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: leaf.lifetime,
    leafExtensions: leaf.leafExtensions,
    contextExtensions: [REQUIRED_CAPABILITIES, encodePolicy(policyFor(alice))],
    deps,
  });
  const { welcome } = await addBob(founded, last);
  expect(await scene.run((step) => joinByWelcome(step, bob, last.ref, welcome))).toEqual({
    kind: "bad",
    reason: "GROUP_ID_INVALID",
  });
});

test("who comes back into a group that broke here has one state of it after a restart", async () => {
  const scene = await openScene();
  const last = await lastResortOf(scene);
  const renewed = await scene.takeCommit(scene.atAlice, {});
  await scene.take(renewed.state, new Uint8Array([1]), { kind: "commit", branch: parseSeq(renewed.seq) });
  expect(scene.memory().groups.get(scene.groupId)?.row.membership.state).toBe("broken");
  await scene.reopen();

  const removed = await stageCommit(renewed.state, { remove: [1] }, depsFor("removing"));
  const added = await addBob(mergeCommit(removed.staged), last);
  const join = (step: Step) => joinByWelcome(step, bob, last.ref, added.welcome);
  expect(await scene.run(join)).toMatchObject({ kind: "joined" });
  await seat(scene, 9);
  await scene.reopen();
  const { message } = await textFrom(added.state, alice, "welcome back", salt("1"));
  await scene.take(added.state, message, { seq: parseSeq(10), branch: parseSeq(9) });
  expect(await scene.texts()).toContain("welcome back");
});

/** Bob's client at a relay that refuses him every seat. */
async function refusedEverywhere(scene: Scene) {
  const never = () => Promise.reject(new Error("not asked here"));
  const runtime = createRuntime({
    ports: {
      store: scene.store,
      relay: {
        origin: "https://host.example",
        request: async (name, request) => {
          if (name !== "group.attach" || !("seats" in request)) return never();
          const results = request.seats.map(({ groupId }) => ({
            attached: false as const,
            groupId,
            error: { code: "EPOCH_TOKEN_REFUSED" as const },
          }));
          return { ok: true, results };
        },
        login: never,
        listen: () => () => {},
      },
      authentication: {
        origin: "https://host.example",
        request: never,
        login: never,
        listen: () => () => {},
      },
      clock: { now: () => NOW, after: () => () => {} },
      random: randomFrom("bob at that relay"),
      log: () => {},
    },
    memory: await loadMemory(scene.store),
    engine: depsFor("bob at that relay"),
    queue: createSerialQueue(),
    publish: () => {},
  });
  return { runtime, attach: () => attachGroups(runtime, [scene.groupId], () => track) };
}
const track = newTrack();

test("a Welcome that the relay knows nothing of leaves what was said, and how it ended, as it was", async () => {
  const scene = await openScene();
  const last = await lastResortOf(scene);
  const { message, state } = await textFrom(scene.atAlice, alice, "hello", salt("1"));
  await scene.take(state, message, {});
  const removed = await scene.takeCommit(state, { remove: [1] });
  const before = scene.store.copy();
  const forged = await addBob(removed.state, last);
  await scene.run((step) => joinByWelcome(step, bob, last.ref, forged.welcome));

  const { attach } = await refusedEverywhere(scene);
  await attach();
  for (const table of [
    "groups",
    "cursors",
    "conversations",
    "timeline",
    "groupSecrets",
    "pastEpochs",
  ] as const) {
    const rows = await scene.store.list(table, { prefix: [] });
    expect(rows).toEqual(await before.list(table, { prefix: [] }));
  }
});

test("what was written while a Welcome was tried in vain is there to be sent again or discarded", async () => {
  const scene = await openScene();
  await scene.run(async (step) => {
    const group = step.group(scene.groupId)!;
    step.setGroup({ ...group, row: { ...group.row, membership: { state: "joining" } } });
  });
  const { runtime, attach } = await refusedEverywhere(scene);
  const commandId = salt("2");
  const command = {
    type: "sendMessage",
    commandId,
    at: NOW,
    conversationId: scene.groupId,
    text: "hi",
  } as const;
  await runtime.step((step) => sendMessage(step, command, () => false));
  await attach();
  const [item] = await scene.store.list("timeline", { prefix: [scene.groupId] });
  expect(item?.value.content).toMatchObject({ delivery: { state: "failed", error: { code: "NOT_MEMBER" } } });
  expect(await scene.store.get("conversations", [scene.groupId])).toBeDefined();
});
