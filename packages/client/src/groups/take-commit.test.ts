import { checkKeyPackage } from "@thicket/mls";
import { expect, test } from "vitest";
import { SUITE } from "../devices/own-leaf.ts";
import { parseSeq } from "../identity/parse-ids.ts";
import { changedIdentity, discardMessage, sendMessage } from "../messages/send-message.ts";
import { makeAccount, makeKeyPackage, NOW } from "../testing/people.ts";
import { alice, carol, openScene, salt } from "../testing/scene.ts";
import { stageOwnCommit } from "./stage-own-commit.ts";

test("who is put back under another root key in one commit is said, and nothing is sent to them", async () => {
  const scene = await openScene();
  const another = await makeAccount("carol", "phone", "another root");
  const add = [await checkKeyPackage((await makeKeyPackage(another)).message, { suite: SUITE })];
  await scene.takeCommit(scene.atAlice, { remove: [2], add });

  const { userId, handle } = carol;
  const contact = await scene.store.get("contacts", [userId]);
  expect(contact).toMatchObject({ rootKey: carol.rootPublicKey, changedRootKey: another.rootPublicKey });
  const changed = { code: "IDENTITY_CHANGED", subject: handle };
  expect(scene.events).toContainEqual({ type: "problem", error: changed });
  expect(await scene.run(async (step) => changedIdentity(step, step.group(scene.groupId)!))).toEqual(changed);
  const rows = await scene.store.list("timeline", { prefix: [scene.groupId] });
  expect(rows.map(({ value }) => [value.author, value.content])).toEqual([
    [alice.userId, { kind: "event", event: { type: "removed", userId } }],
    [alice.userId, { kind: "event", event: { type: "added", userId } }],
  ]);
});

test("what waits to be sent when a group breaks has failed, and can be discarded", async () => {
  const scene = await openScene();
  const conversationId = scene.groupId;
  const command = { type: "sendMessage", commandId: salt("3"), at: NOW, conversationId, text: "hi" } as const;
  await scene.run((step) => sendMessage(step, command, () => true));
  await scene.take(scene.atAlice, new Uint8Array([1]), { kind: "commit", branch: parseSeq(1) });

  const [item] = await scene.store.list("timeline", { prefix: [conversationId], limit: 1, reverse: true });
  expect(item?.value.content).toMatchObject({
    delivery: { state: "failed", error: { code: "COMMIT_BAD" } },
  });
  const discard = { type: "discardMessage", commandId: salt("4"), at: NOW, conversationId } as const;
  const messageId = command.commandId;
  expect(await scene.run((step) => discardMessage(step, { ...discard, messageId }))).toEqual({ ok: true });
  expect(await scene.store.list("outbox", { prefix: [] })).toEqual([]);
});

test("an own commit that waits when a group breaks goes, with the secrets of its epoch", async () => {
  const scene = await openScene();
  await scene.run(async (step) => stageOwnCommit(step, await step.withEngine(scene.groupId), {}, undefined));
  expect(await scene.store.list("stagedCommits", { prefix: [] })).toHaveLength(1);
  await scene.take(scene.atAlice, new Uint8Array([1]), { kind: "commit", branch: parseSeq(1) });
  expect(await scene.store.list("stagedCommits", { prefix: [] })).toEqual([]);
});
