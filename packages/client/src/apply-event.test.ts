import * as fc from "fast-check";
import { expect, test } from "vitest";
import { applyEvent, emptyView, mergeTimeline } from "./apply-event.ts";
import type { TimelineItem } from "./api.ts";
import { UNKNOWN_AUTHOR } from "./messages/unknown-author.ts";

const item = (id: string, position: string): TimelineItem => ({
  id,
  position,
  at: 0,
  author: UNKNOWN_AUTHOR,
  kind: "message",
  own: false,
  body: { type: "text", text: id },
});

test("[VIEW-1] whatever the order of arrival, a timeline is sorted by position and holds each id once, as it was told last", () => {
  const told = fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.nat({ max: 9 })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(told, { maxLength: 5 }), (batches) => {
      let items: TimelineItem[] = [];
      const last = new Map<string, string>();
      for (const batch of batches) {
        const unique = new Map(batch.map(([id, place]) => [id, item(id, String(place))]));
        items = mergeTimeline(items, [...unique.values()], []);
        for (const [id, { position }] of unique) last.set(id, position);
      }
      expect(new Map(items.map(({ id, position }) => [id, position]))).toEqual(last);
      expect(items).toHaveLength(last.size);
      const positions = items.map(({ position, id }) => position + id);
      expect(positions).toEqual(positions.toSorted());
    }),
  );
});

test("an event changes its own part of the view and no other", () => {
  const before = applyEvent(emptyView, {
    type: "timeline",
    conversationId: "x",
    items: [item("a", "1")],
    removed: [],
  });
  const after = applyEvent(before, {
    type: "timeline",
    conversationId: "y",
    items: [item("b", "1")],
    removed: [],
  });
  expect(after.timelines["x"]).toBe(before.timelines["x"]);
  expect(after.conversations).toBe(before.conversations);
  const gone = applyEvent(after, { type: "conversationForgotten", conversationId: "x" });
  expect(gone.timelines["x"]).toBeUndefined();
  expect(gone.timelines["y"]).toBe(after.timelines["y"]);
  const removed = applyEvent(after, { type: "timeline", conversationId: "y", items: [], removed: ["b"] });
  expect(removed.timelines["y"]).toEqual([]);
});
