import { processMessage } from "@thicket/mls";
import { expect, test } from "vitest";
import type { CommandOf } from "../api.ts";
import { parseSeq } from "../identity/parse-ids.ts";
import { depsFor, NOW } from "../testing/people.ts";
import { alice, openScene, salt, textFrom } from "../testing/scene.ts";
import { forgetConversation, loadTimeline, markRead } from "./keep-conversation.ts";
import { readMessage } from "./message-content.ts";
import { discardMessage, MESSAGE_MAX, retryMessage, sendMessage } from "./send-message.ts";

type Scene = Awaited<ReturnType<typeof openScene>>;

function command(scene: Scene, text: string, digit = "a"): CommandOf<"sendMessage"> {
  return { type: "sendMessage", commandId: salt(digit), at: NOW, conversationId: scene.groupId, text };
}

const sendNow = (scene: Scene, text: string, digit?: string) =>
  scene.run((step) => sendMessage(step, command(scene, text, digit), () => true));
const outbox = async (scene: Scene) =>
  (await scene.store.list("outbox", { prefix: [] })).map(({ value }) => value);

test("[SEND-1] ciphertext, ratchet, outbox and timeline are one commit, and others read what was typed", async () => {
  const scene = await openScene();
  const before = new Map(
    (await scene.store.list("groupSecrets", { prefix: [] })).map(({ key, value }) => [
      key.join(),
      value.join(),
    ]),
  );
  expect(await sendNow(scene, "hi there")).toEqual({ ok: true });
  const [row] = await outbox(scene);
  const secrets = await scene.store.list("groupSecrets", { prefix: [] });
  expect(secrets.some(({ key, value }) => before.get(key.join()) !== value.join())).toBe(true);
  const opened = await processMessage(scene.atAlice, row!.sealed!.bytes, depsFor("alice reads"));
  if (opened.kind !== "application") throw new Error("not a message");
  const saying = { host: "host.example", groupId: scene.groupId, author: alice.userId };
  expect(readMessage(saying, opened.data)?.body).toEqual({ type: "text", text: "hi there" });
  expect(await scene.texts()).toEqual(["hi there"]);
});

test("[SEND-2] a repeated command sends once, also after a crash and after its message was taken back", async () => {
  const scene = await openScene();
  await scene.run((step) => sendMessage(step, command(scene, "once"), () => false));
  await scene.reopen();
  expect(await sendNow(scene, "once")).toEqual({ ok: true });
  expect(await outbox(scene)).toHaveLength(1);
  const { groupId } = scene;
  const discard = { commandId: salt("b"), at: NOW, conversationId: groupId, messageId: salt("a") };
  expect(await scene.run((step) => discardMessage(step, { type: "discardMessage", ...discard }))).toEqual({
    ok: true,
  });
  expect(await outbox(scene)).toEqual([]);
  expect(await scene.texts()).toEqual([]);
  expect(await sendNow(scene, "once")).toEqual({ ok: true });
  expect(await outbox(scene)).toEqual([]);
});

test("[SEND-3] what may be in the relay's hands can't be taken back", async () => {
  const scene = await openScene();
  await sendNow(scene, "gone");
  const discard = { commandId: salt("b"), at: NOW, conversationId: scene.groupId, messageId: salt("a") };
  expect(await scene.run((step) => discardMessage(step, { type: "discardMessage", ...discard }))).toEqual({
    ok: false,
    error: { code: "NOT_ALLOWED" },
  });
  expect(await outbox(scene)).toHaveLength(1);
});

test("an empty or too long text and an unknown conversation are refused and change nothing", async () => {
  const scene = await openScene();
  expect(await sendNow(scene, " \n ")).toEqual({ ok: false, error: { code: "MESSAGE_EMPTY" } });
  expect(await sendNow(scene, "x".repeat(MESSAGE_MAX + 1))).toEqual({
    ok: false,
    error: { code: "MESSAGE_TOO_LARGE", subject: String(MESSAGE_MAX) },
  });
  const elsewhere = { ...command(scene, "hi"), conversationId: "elsewhere" };
  expect(await scene.run((step) => sendMessage(step, elsewhere, () => true))).toEqual({
    ok: false,
    error: { code: "CONVERSATION_UNKNOWN" },
  });
  expect(await outbox(scene)).toEqual([]);
  expect(await scene.texts()).toEqual([]);
});

test("[SEND-4] the longest text fits into the relay's largest entry, padding and framing included", async () => {
  const scene = await openScene();
  const overhead = 64;
  expect(await sendNow(scene, "x".repeat(MESSAGE_MAX - overhead))).toEqual({ ok: true });
  const [row] = await outbox(scene);
  expect(row!.sealed!.bytes.length).toBeLessThanOrEqual(64 * 1024);
});

test("[SEND-5] what wasn't sent when the own place ended failed, says so, and isn't sent again while one is out", async () => {
  const scene = await openScene();
  await sendNow(scene, "too late");
  await scene.takeCommit(scene.atAlice, { remove: [1] });
  const [row] = await outbox(scene);
  expect(row).toMatchObject({ failed: { code: "NOT_MEMBER" } });
  expect(row?.sealed).toBeUndefined();
  const items = await scene.store.list("timeline", { prefix: [scene.groupId] });
  const own = items.find(({ value }) => value.id === salt("a"));
  expect(own?.value.content).toMatchObject({ delivery: { state: "failed", error: { code: "NOT_MEMBER" } } });
  expect(await sendNow(scene, "more", "b")).toEqual({ ok: false, error: { code: "NOT_MEMBER" } });
  const retry = { commandId: salt("c"), at: NOW, conversationId: scene.groupId, messageId: salt("a") };
  expect(await scene.run((step) => retryMessage(step, { type: "retryMessage", ...retry }))).toEqual({
    ok: false,
    error: { code: "NOT_MEMBER" },
  });
});

test("[READ-1] what is pending has no place yet: having read it is having read what stands before it", async () => {
  const scene = await openScene();
  const first = await textFrom(scene.atAlice, alice, "one", salt("1"));
  await scene.take(first.state, first.message, {});
  await sendNow(scene, "mine");
  const conversation = () => scene.memory().conversations.get(scene.groupId);
  expect(conversation()?.unread).toBe(1);
  const pending = conversation()!.lastItem!.position;
  const read = { type: "markRead", commandId: salt("b"), at: NOW, conversationId: scene.groupId } as const;
  await scene.run((step) => markRead(step, { ...read, position: pending }));
  expect(conversation()?.unread).toBe(0);
  const second = await textFrom(first.state, alice, "two", salt("2"));
  await scene.take(second.state, second.message, {});
  expect(conversation()?.unread).toBe(1);
  // What is read stays read.
  const before = conversation()!.readUpTo;
  await scene.run((step) => markRead(step, { ...read, position: "s0" }));
  expect(conversation()?.readUpTo).toBe(before);
});

test("a timeline comes page by page, each item once, and says where it begins", async () => {
  const scene = await openScene();
  let state = scene.atAlice;
  for (let number = 0; number < 5; number++) {
    const sent = await textFrom(state, alice, `text ${number}`, salt(String(number)));
    await scene.take(sent.state, sent.message, {});
    ({ state } = sent);
  }
  const load = async (before: string | undefined) => {
    const asked = {
      type: "loadTimeline",
      commandId: salt("f"),
      at: NOW,
      conversationId: scene.groupId,
    } as const;
    const reply = await scene.run((step) => loadTimeline(step, { ...asked, before, limit: 2 }));
    if (!reply.ok || reply.timeline === undefined) throw new Error("no page");
    return reply.timeline;
  };
  const pages = [await load(undefined)];
  while (!pages[0]!.reachedStart) pages.unshift(await load(pages[0]!.items[0]?.position));
  const texts = pages.flatMap(({ items }) =>
    items.map((item) => (item.kind === "message" && item.body.type === "text" ? item.body.text : "?")),
  );
  expect(texts).toEqual(["text 0", "text 1", "text 2", "text 3", "text 4"]);
});

test("only a conversation that has ended can be forgotten, and then nothing of it is left", async () => {
  const scene = await openScene();
  const first = await textFrom(scene.atAlice, alice, "one", salt("1"));
  await scene.take(first.state, first.message, { seq: parseSeq(2) });
  const forget = {
    type: "forgetConversation",
    commandId: salt("b"),
    at: NOW,
    conversationId: scene.groupId,
  } as const;
  expect(await scene.run((step) => forgetConversation(step, forget))).toMatchObject({ ok: false });
  await scene.takeCommit(first.state, { remove: [1] });
  expect(await scene.run((step) => forgetConversation(step, forget))).toEqual({ ok: true });
  for (const table of ["groups", "cursors", "conversations", "timeline", "timelineIds", "outbox"] as const) {
    expect(await scene.store.list(table, { prefix: [] })).toEqual([]);
  }
});
