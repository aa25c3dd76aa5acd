import type { MessageDelivery, TimelineItem } from "@thicket/client/api";
import type { AccountId } from "@thicket/protocol";
import { expect, test } from "vitest";
import { newestPlaced, timelineRows } from "./timeline-rows.ts";

const noon = new Date(2026, 10, 23, 12).getTime();
const MINUTE = 60_000;
let count = 0;

function message(author: string, minutes: number, own = false, delivery?: MessageDelivery): TimelineItem {
  const position = String(++count).padStart(4, "0");
  return {
    id: position,
    position,
    at: noon + minutes * MINUTE,
    author: author.repeat(16) as AccountId,
    kind: "message",
    own,
    body: { type: "text", text: position },
    ...(delivery ? { delivery } : {}),
  };
}
function event(minutes: number): TimelineItem {
  const { id, position, at, author } = message("aa", minutes);
  return { id, position, at, author, kind: "event", event: { type: "joined" } };
}
const runs = (items: TimelineItem[], readUpTo?: string) =>
  timelineRows(items, readUpTo).map((row) => `${row.first ? "[" : ""}${row.last ? "]" : ""}`);

test("messages of one author within five minutes are one run", () => {
  expect(runs([message("aa", 0), message("aa", 1), message("aa", 4), message("bb", 5)])).toEqual([
    "[",
    "",
    "]",
    "[]",
  ]);
  expect(runs([message("aa", 0), message("aa", 5)])).toEqual(["[]", "[]"]);
});

test("an event, a new day and the unread line each break a run", () => {
  expect(runs([message("aa", 0), event(1), message("aa", 2)])).toEqual(["[]", "[]", "[]"]);
  expect(runs([message("aa", 719), message("aa", 721)])).toEqual(["[]", "[]"]);
  const items = [message("aa", 0), message("aa", 1)];
  expect(runs(items, items[0]?.position)).toEqual(["[]", "[]"]);
});

test("each day is named once, the first item's too", () => {
  const rows = timelineRows([message("aa", -900), message("aa", 0), message("bb", 1)], undefined);
  expect(rows.map((row) => row.day)).toEqual([true, true, false]);
});

test("the unread line stands before the first message of another beyond the mark, once", () => {
  const items = [message("aa", 0), message("aa", 1, true), event(1), message("bb", 2), message("bb", 3)];
  const lines = (readUpTo?: string) => timelineRows(items, readUpTo).map((row) => row.unread);
  expect(lines(items[0]?.position)).toEqual([false, false, false, true, false]);
  expect(lines("")).toEqual([true, false, false, false, false]);
  expect(lines(items[4]?.position)).not.toContain(true);
  expect(lines(undefined)).not.toContain(true);
});

test("what waits to be sent doesn't count as the newest that was read", () => {
  const placed = message("bb", 0);
  const waiting = message("aa", 1, true, { state: "sending" });
  const failed = message("aa", 2, true, { state: "failed", error: { code: "OFFLINE" } });
  const sent = message("aa", 3, true, { state: "sent" });
  expect(newestPlaced([placed, waiting, failed])).toBe(placed);
  expect(newestPlaced([placed, sent, waiting])).toBe(sent);
  expect(newestPlaced([waiting])).toBeUndefined();
});
