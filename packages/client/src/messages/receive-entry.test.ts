import {
  checkKeyPackage,
  createApplicationMessage,
  type GroupState,
  mergeCommit,
  ownLeaf,
  proposeRemove,
  stageCommit,
} from "@thicket/mls";
import { type Entry, fromHex, toHex } from "@thicket/protocol";
import { expect, test } from "vitest";
import type { ClientEvent } from "../api.ts";
import { SUITE } from "../devices/own-leaf.ts";
import { joinByWelcome } from "../groups/join-group.ts";
import { clearFieldsOf, nextTokenHashOf } from "../groups/judge-commit.ts";
import { parseEpoch, parseGroupId, parseSeq } from "../identity/parse-ids.ts";
import { pinContact } from "../identity/pin-contacts.ts";
import { loadMemory } from "../load-memory.ts";
import { emptyMemory } from "../state.ts";
import { beginStep, type Step } from "../step.ts";
import { createMemoryStore } from "../testing/memory-store.ts";
import { depsFor, makeAccount, makeGroup, makeKeyPackage, NOW, randomFrom } from "../testing/people.ts";
import { encodeText, mimiIdOf } from "./message-content.ts";
import { encodeMessageHeader } from "./message-header.ts";
import { receiveEntry } from "./receive-entry.ts";
import { changedIdentity } from "./send-message.ts";

const alice = await makeAccount("alice");
const bob = await makeAccount("bob");
const carol = await makeAccount("carol");

/** Bob's client without its connections, in a group that Alice founded; Alice and Carol are engines only. */
async function openScene() {
  const store = createMemoryStore();
  let memory = emptyMemory();
  const events: ClientEvent[] = [];
  const never = () => Promise.reject(new Error("no network here"));
  const link = { origin: "https://host.example", request: never, login: never, listen: () => () => {} };
  const ports = {
    store,
    relay: link,
    authentication: link,
    clock: { now: () => NOW, after: () => () => {} },
    random: randomFrom("bob's client"),
    log: () => {},
  };
  const run = async <T>(work: (step: Step) => Promise<T>): Promise<T> => {
    const step = beginStep({ ports, memory, engine: depsFor("bob's engine") });
    const result = await work(step);
    events.push(...(await step.commit()).events);
    return result;
  };
  const keys = { bob: await makeKeyPackage(bob), carol: await makeKeyPackage(carol) };
  await run(async (step) => {
    step.setAccount(bob);
    const { bob: own } = keys;
    const { privateKey } = own.signatureKey;
    if (!(privateKey instanceof Uint8Array)) throw new Error("a seed");
    step.write({
      table: "keyPackages",
      key: [toHex(own.ref)],
      value: {
        suite: SUITE,
        message: own.message,
        initPrivateKey: own.initPrivateKey,
        encryptionPrivateKey: own.encryptionPrivateKey,
        signaturePrivateKey: privateKey,
        signaturePublicKey: own.signatureKey.publicKey,
        lastResort: false,
        notAfter: NOW / 1000 + 1000,
      },
    });
  });
  const founded = await makeGroup(alice);
  const add = await Promise.all(
    [keys.bob, keys.carol].map(({ message }) => checkKeyPackage(message, { suite: SUITE })),
  );
  const { staged } = await stageCommit(founded, { add }, depsFor("adding"));
  const outcome = await run((step) => joinByWelcome(step, bob, toHex(keys.bob.ref), staged.welcome!));
  const groupId = parseGroupId(toHex(founded.context.groupId));
  await run(async (step) => {
    const group = step.group(groupId)!;
    const row = { ...group.row, membership: { state: "member" } as const, branch: 1, seated: true };
    step.setGroup({ ...group, row, cursor: { seq: 1, acked: 0 } });
  });
  let seq = 1;
  const take = (state: GroupState, bytes: Uint8Array, more: Partial<Entry>): Promise<void> => {
    const entry: Entry = {
      seq: parseSeq(++seq),
      epoch: parseEpoch(Number(state.context.epoch)),
      branch: parseSeq(1),
      kind: "application",
      receivedAt: NOW + seq,
      bytes,
      ...more,
    };
    return run((step) => receiveEntry(step, groupId, entry));
  };
  const takeCommit = async (before: GroupState, intent: Parameters<typeof stageCommit>[1], branch = 1) => {
    const made = await stageCommit(before, intent, depsFor(`committing at ${seq}`));
    const { next, message } = made.staged;
    const commit = { nextTokenHash: nextTokenHashOf(next!), ...clearFieldsOf(before, made.staged) };
    await take(before, message, { kind: "commit", commit, branch: parseSeq(branch) });
    return { seq, state: mergeCommit(made.staged), message, commit };
  };
  return {
    groupId,
    store,
    outcome,
    keys,
    welcome: staged.welcome!,
    atAlice: mergeCommit(staged),
    events,
    run,
    take,
    takeCommit,
    memory: () => memory,
    async reopen() {
      memory = await loadMemory(store);
    },
    async texts() {
      const rows = await store.list("timeline", { prefix: [groupId] });
      return rows.map(({ value: { content } }) => {
        if (content.kind === "event") return content.event.type;
        return content.body.type === "text" ? content.body.text : content.body.type;
      });
    },
  };
}

async function textFrom(state: GroupState, author: typeof alice, text: string, itemId: string, at = NOW) {
  const content = encodeText(itemId, text);
  const groupId = parseGroupId(toHex(state.context.groupId));
  const saying = { host: "host.example", groupId, author: author.userId };
  const messageId = mimiIdOf(saying, content, fromHex(itemId));
  const authenticatedData = encodeMessageHeader({ version: 1, at: BigInt(at), messageId });
  return createApplicationMessage(state, content, { authenticatedData }, depsFor(text));
}

const salt = (digit: string) => digit.repeat(32);

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
