import type { Person, TimelineEvent } from "@thicket/client/api";
import type { AccountId, Handle } from "@thicket/protocol";
import { expect, test } from "vitest";
import { joinNames } from "./names.ts";
import { eventText, isEmojiOnly, splitLinks } from "./timeline-text.ts";

const alice = "aa".repeat(16) as AccountId;
const bob = "bb".repeat(16) as AccountId;
const people: Record<string, Person> = {
  [alice]: { userId: alice, handle: "alice" as Handle },
  [bob]: { userId: bob, handle: "bob" as Handle },
};

test("each kind of event is told from the reader's side", () => {
  const events: TimelineEvent[] = [
    { type: "created" },
    { type: "joined" },
    { type: "added", userId: bob },
    { type: "removed", userId: bob },
    { type: "left", userId: bob },
    { type: "renamed", title: "Garden" },
    { type: "adminChanged", userId: bob, admin: true },
    { type: "adminChanged", userId: bob, admin: false },
    { type: "refused", reason: "not an admin" },
  ];
  for (const event of events) {
    const seen = [alice, bob, "cc".repeat(16)].map((self) => eventText(event, alice, "group", people, self));
    expect(seen[0]).not.toContain("alice");
    expect(seen[1]).not.toMatch(/\bbob\b/);
    expect(seen[2]).not.toMatch(/\byou\b/i);
  }
});

test("who is connected with one other isn't told of messages from before, which nobody wrote", () => {
  const joined = (kind: "direct" | "group") => eventText({ type: "joined" }, bob, kind, people, bob);
  expect(joined("group")).toContain("before");
  expect(joined("direct")).not.toContain("before");
});

test("addresses are found, without the punctuation behind them", () => {
  const text = "see https://thicket.example/a?b=1, (or http://x.example/y) and https://w.example/T_(e).";
  const parts = splitLinks(text);
  expect(parts.map((part) => part.text).join("")).toBe(text);
  expect(parts.flatMap((part) => part.href ?? [])).toEqual([
    "https://thicket.example/a?b=1",
    "http://x.example/y",
    "https://w.example/T_(e)",
  ]);
});

test.each(["plain", "javascript:alert(1)", "https://", "data:text/html,x", ""])(
  "no link is made of %j",
  (text) => {
    expect(splitLinks(text)).toEqual([{ text }]);
  },
);

test("only a few emoji alone are shown large", () => {
  expect(["🪶", "👩‍👩‍👧 🎉", "👍🏽👍🏽👍🏽"].map(isEmojiOnly)).toEqual([true, true, true]);
  expect(["", "1", "ok 👍", "👍👍👍👍", "#"].map(isEmojiOnly)).toEqual([false, false, false, false, false]);
});

test("many names are shortened", () => {
  expect(joinNames(["a", "b"], 3)).toBe("a and b");
  expect(joinNames(["a", "b", "c", "d", "e"], 3)).toBe("a, b and 3 others");
});
