import type { ConversationView, TimelineItem } from "@thicket/client/api";
import type { AccountId } from "@thicket/protocol";
import { expect, test } from "vitest";
import { sortConversations } from "./sort-conversations.ts";

const conversation = (conversationId: string, at?: number): ConversationView => ({
  conversationId,
  kind: "group",
  title: conversationId,
  membership: { state: "member" },
  members: [],
  may: { add: true, remove: true, rename: true, send: true, setAdmin: true },
  pending: [],
  draft: "",
  unread: 0,
  readUpTo: undefined,
  lastItem: at === undefined ? undefined : item(at),
  epoch: 0,
  epochAuthenticator: "",
});
const item = (at: number): TimelineItem => ({
  id: String(at),
  position: String(at),
  at,
  author: "aa".repeat(16) as AccountId,
  kind: "event",
  event: { type: "created" },
});

test("the newest conversation comes first, one without items before all, and ties don't jump", () => {
  const all = [conversation("b", 5), conversation("old", 1), conversation("fresh"), conversation("a", 5)];
  const order = ["fresh", "a", "b", "old"];
  expect(sortConversations(all).map(({ conversationId }) => conversationId)).toEqual(order);
  expect(sortConversations(all.toReversed()).map(({ conversationId }) => conversationId)).toEqual(order);
});
