import { createApplicationMessage, ownLeaf, proposeRemove, stageCommit } from "@thicket/mls";
import { parseSeq } from "../identity/parse-ids.ts";
import { toHex } from "@thicket/protocol";
import { expect, test } from "vitest";
import { SUITE } from "../devices/own-leaf.ts";
import { joinByWelcome } from "../groups/join-group.ts";
import { clearFieldsOf } from "../groups/judge-commit.ts";
import { pinContact } from "../identity/pin-contacts.ts";
import type { Step } from "../step.ts";
import { depsFor, NOW } from "../testing/people.ts";
import { alice, bob, carol, openScene, salt, textFrom } from "../testing/scene.ts";
import { changedIdentity } from "./send-message.ts";

test("[JOIN-1] a Welcome becomes a group in one commit, and its key package is gone", async () => {
  const scene = await openScene();
  expect(scene.outcome).toEqual({ kind: "joined", groupId: scene.groupId });
  expect(await scene.store.list("keyPackages", { prefix: [] })).toEqual([]);
  const again = await scene.run((step) => joinByWelcome(step, bob, toHex(scene.keys.bob.ref), scene.welcome));
  expect(again).toEqual({ kind: "stale" });
});

test("[JOIN-2] a Welcome that is bad, or of an AS that isn't ours, leaves nothing behind", async () => {
  const scene = await openScene();
  const before = scene.store.copy();
  const spoilt = scene.welcome.slice();
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1;
  const { carol: keys } = scene.keys;
  const { privateKey } = keys.signatureKey;
  const write = async (step: Step) =>
    step.write({
      table: "keyPackages",
      key: ["ref"],
      value: {
        suite: SUITE,
        message: keys.message,
        initPrivateKey: keys.initPrivateKey,
        encryptionPrivateKey: keys.encryptionPrivateKey,
        signaturePrivateKey: privateKey as Uint8Array,
        signaturePublicKey: keys.signatureKey.publicKey,
        lastResort: false,
        notAfter: 0,
      },
    });
  await scene.run(write);
  expect(await scene.run((step) => joinByWelcome(step, carol, "ref", spoilt))).toMatchObject({ kind: "bad" });
  const stranger = { ...carol, asKeys: [{ keyId: new Uint8Array(8), publicKey: new Uint8Array(32) }] };
  expect(await scene.run((step) => joinByWelcome(step, stranger, "ref", scene.welcome))).toEqual({
    kind: "bad",
    reason: "AS_KEY_UNTRUSTED",
  });
  await scene.run(async (step) => step.write({ table: "keyPackages", key: ["ref"], value: undefined }));
  for (const table of ["groups", "groupSecrets", "conversations", "keyPackages"] as const) {
    expect(await scene.store.list(table, { prefix: [] })).toEqual(await before.list(table, { prefix: [] }));
  }
});

test("[RATCHET-6] keys for messages that never came are erased a day later, in past epochs too", async () => {
  const scene = await openScene();
  const unsent = await textFrom(scene.atAlice, alice, "lost", salt("1"));
  const { state, message } = await textFrom(unsent.state, alice, "two", salt("2"));
  await scene.take(scene.atAlice, message, {});
  const second = await textFrom(state, alice, "lost too", salt("3"));
  const third = await textFrom(second.state, alice, "four", salt("4"));
  const committed = await scene.takeCommit(third.state, {});
  await scene.take(scene.atAlice, third.message, {});
  const skipped = async () => {
    const rows = await scene.store.list("pastEpochs", { prefix: [scene.groupId] });
    return rows.filter(({ key }) => String(key[2]).startsWith("secret/skipped/")).length;
  };
  expect(await skipped()).toBe(2);
  scene.elapse(24 * 60 * 60 * 1000 + 1);
  await scene.reopen();
  const next = await textFrom(committed.state, alice, "five", salt("5"));
  await scene.take(committed.state, next.message, { branch: parseSeq(committed.seq) });
  expect(await scene.texts()).toContain("five");
  expect(await skipped()).toBe(0);
});

test("[LOG-1] a message is shown once, with its cursor; replays and repeated entries add nothing", async () => {
  const scene = await openScene();
  const { message } = await textFrom(scene.atAlice, alice, "hello", salt("1"), NOW + 10 ** 9);
  await scene.take(scene.atAlice, message, {});
  await scene.take(scene.atAlice, message, {});
  await scene.take(scene.atAlice, message, { seq: parseSeq(2) });
  expect(await scene.texts()).toEqual(["hello"]);
  expect(await scene.store.get("cursors", [scene.groupId])).toMatchObject({ seq: 3 });
  // The sender's clock is ahead: the relay's time bounds it.
  const [row] = await scene.store.list("timeline", { prefix: [scene.groupId] });
  expect(row?.value).toMatchObject({ at: NOW + 2, author: alice.userId });
  expect(scene.memory().conversations.get(scene.groupId)).toMatchObject({ unread: 1 });
});

test("[LOG-2] the same message encrypted twice is one; another one with its salt is another", async () => {
  const scene = await openScene();
  const first = await textFrom(scene.atAlice, alice, "hello", salt("1"));
  await scene.take(first.state, first.message, {});
  const renewed = await scene.takeCommit(first.state, {});
  const again = await textFrom(renewed.state, alice, "hello", salt("1"));
  await scene.take(again.state, again.message, { branch: parseSeq(renewed.seq) });
  const other = await textFrom(again.state, alice, "not hello", salt("1"));
  await scene.take(other.state, other.message, { branch: parseSeq(renewed.seq) });
  expect(await scene.texts()).toEqual(["hello", "not hello"]);
});

test("[LOG-3] what can't be read becomes a line and stops nothing", async () => {
  const scene = await openScene();
  await scene.take(scene.atAlice, new Uint8Array([1, 2, 3]), {});
  const { message, state } = await textFrom(scene.atAlice, alice, "spoilt", salt("1"));
  const spoilt = message.slice();
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1;
  await scene.take(scene.atAlice, spoilt, {});
  const junk = await createApplicationMessage(state, new Uint8Array([0xff]), {}, depsFor("junk"));
  await scene.take(state, junk.message, {});
  const after = await textFrom(junk.state, alice, "and on", salt("2"));
  await scene.take(after.state, after.message, {});
  expect(await scene.texts()).toEqual(["unreadable", "unreadable", "unreadable", "and on"]);
});

test("[LOG-4] a late message is read with its past epoch, and stands before the commit that ended that", async () => {
  const scene = await openScene();
  const late = await textFrom(scene.atAlice, alice, "late", salt("1"));
  const renamed = await scene.takeCommit(late.state, {});
  const now = await textFrom(renamed.state, alice, "now", salt("2"));
  await scene.take(now.state, now.message, { branch: parseSeq(renamed.seq) });
  await scene.reopen();
  await scene.take(scene.atAlice, late.message, {});
  expect(await scene.texts()).toEqual(["late", "now"]);
  const past = await scene.store.list("pastEpochs", { prefix: [scene.groupId] });
  expect(new Set(past.map(({ key }) => key[1]))).toEqual(new Set([1]));
});

test("[EPOCH-5] at most three past epochs are kept", async () => {
  const scene = await openScene();
  let { state, seq } = { state: scene.atAlice, seq: 1 };
  for (let epoch = 0; epoch < 5; epoch++) ({ state, seq } = await scene.takeCommit(state, {}, seq));
  const past = await scene.store.list("pastEpochs", { prefix: [scene.groupId] });
  expect(new Set(past.map(({ key }) => key[1]))).toEqual(new Set([3, 4, 5]));
});

test("[COMMIT-3] a commit against the policy breaks the group here, names who sent it and keeps what was said", async () => {
  const scene = await openScene();
  const { message, state } = await textFrom(scene.atAlice, alice, "hello", salt("1"));
  await scene.take(state, message, {});
  const lying = await stageCommit(state, {}, depsFor("lying"));
  const commit = { nextTokenHash: new Uint8Array(32), ...clearFieldsOf(state, lying.staged) };
  await scene.take(state, lying.staged.message, { kind: "commit", commit });
  expect(await scene.texts()).toEqual(["hello", "refused"]);
  const row = await scene.store.get("groups", [scene.groupId]);
  expect(row?.membership).toEqual({
    state: "broken",
    error: { code: "COMMIT_BAD", subject: "NEXT_TOKEN_DIFFERS" },
  });
  const [refused] = await scene.store.list("timeline", { prefix: [scene.groupId], limit: 1, reverse: true });
  expect(refused?.value.author).toBe(alice.userId);
  // Nothing after it is taken.
  const after = await textFrom(state, alice, "more", salt("2"));
  await scene.take(state, after.message, {});
  expect(await scene.texts()).toEqual(["hello", "refused"]);
});

test("[REMOVE-1] who is removed keeps what was said and holds no secret of the group any more", async () => {
  const scene = await openScene();
  const { message, state } = await textFrom(scene.atAlice, alice, "hello", salt("1"));
  await scene.take(state, message, {});
  await scene.takeCommit(state, { remove: [1] });
  expect(await scene.texts()).toEqual(["hello", "removed"]);
  for (const table of ["groupPublic", "groupSecrets", "pastEpochs", "stagedCommits", "intents"] as const) {
    expect(await scene.store.list(table, { prefix: [] })).toEqual([]);
  }
  const row = await scene.store.get("groups", [scene.groupId]);
  expect(row?.membership).toEqual({ state: "removed", by: alice.userId });
  expect([row?.seatToken.length, row?.epochToken.length]).toEqual([0, 0]);
});

test("a departure that somebody proposes is shown until it is committed", async () => {
  const scene = await openScene();
  const proposed = await proposeRemove(scene.atAlice, ownLeaf(scene.atAlice), {}, depsFor("leaving"));
  await scene.take(scene.atAlice, proposed.message, { kind: "proposal" });
  expect(scene.memory().groups.get(scene.groupId)?.row.leaving).toEqual([alice.userId]);
});

test("[ID-1] a root key that changed is said once, and the pinned one stays", async () => {
  const scene = await openScene();
  const changed = { userId: alice.userId, handle: alice.handle, rootKey: new Uint8Array(32).fill(9) };
  await scene.run(async (step) => pinContact(step, changed));
  await scene.run(async (step) => pinContact(step, changed));
  const problems = scene.events.filter((event) => event.type === "problem");
  expect(problems).toEqual([{ type: "problem", error: { code: "IDENTITY_CHANGED", subject: alice.handle } }]);
  const contact = await scene.store.get("contacts", [alice.userId]);
  expect(contact?.rootKey).toEqual(alice.rootPublicKey);
  const blocked = await scene.run(async (step) => changedIdentity(step, step.group(scene.groupId)!));
  expect(blocked).toEqual({ code: "IDENTITY_CHANGED", subject: alice.handle });
});
