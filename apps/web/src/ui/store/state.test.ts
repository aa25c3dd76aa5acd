import { emptyView } from "@thicket/client/apply-event";
import type { AccountId } from "@thicket/protocol";
import type { TimelineItem } from "@thicket/client/api";
import { expect, test } from "vitest";
import {
  beginOlder,
  beginWindow,
  fillOlder,
  fillWindow,
  initialState,
  receiveEvent,
  receiveSnapshot,
} from "./state.ts";

const author = "0f".repeat(16) as AccountId;
const item = (position: string): TimelineItem => ({
  id: `id-${position}`,
  position,
  at: 0,
  author,
  kind: "message",
  own: false,
  body: { type: "text", text: position },
});
const items = (...positions: string[]) => positions.map(item);
const shown = (state: typeof initialState) => state.view.timelines["c"]?.map(({ position }) => position);

test("events of a conversation that nobody opened are not collected", () => {
  const state = receiveEvent(initialState, {
    type: "timeline",
    conversationId: "c",
    items: items("5"),
    removed: [],
  });
  expect(shown(state)).toBeUndefined();
});

test("what arrives while the newest page is read comes after it, once", () => {
  let state = beginWindow(initialState, "c");
  state = receiveEvent(state, { type: "timeline", conversationId: "c", items: items("3", "4"), removed: [] });
  state = fillWindow(state, "c", items("1", "2", "3"), true);
  expect(shown(state)).toEqual(["1", "2", "3", "4"]);
});

test("after a new view the known part stays only where the newest page meets it", () => {
  let state = fillWindow(initialState, "c", items("1", "2", "3"), true);
  state = receiveSnapshot(state, emptyView);
  expect(shown(state)).toEqual(["1", "2", "3"]);
  const meeting = fillWindow(beginWindow(state, "c"), "c", items("3", "4"), false);
  expect(shown(meeting)).toEqual(["1", "2", "3", "4"]);
  const apart = fillWindow(beginWindow(state, "c"), "c", items("7", "8"), false);
  expect(shown(apart)).toEqual(["7", "8"]);
  expect(apart.windows["c"]).toEqual({ state: "ready", reachedStart: false, loadingOlder: false });
});

test("the newest page is the truth for its span: what it lacks is gone", () => {
  let state = fillWindow(initialState, "c", items("1", "2", "3"), true);
  state = fillWindow(state, "c", items("1", "3"), true);
  expect(shown(state)).toEqual(["1", "3"]);
});

test("older pages come before, and a failed reading can be repeated", () => {
  let state = beginOlder(fillWindow(initialState, "c", items("5"), false), "c");
  expect(state.windows["c"]).toMatchObject({ loadingOlder: true });
  state = fillOlder(state, "c", undefined);
  expect(state.windows["c"]).toMatchObject({ loadingOlder: false, reachedStart: false });
  state = fillOlder(beginOlder(state, "c"), "c", { items: items("3", "4"), reachedStart: true });
  expect(shown(state)).toEqual(["3", "4", "5"]);
  expect(state.windows["c"]).toMatchObject({ loadingOlder: false, reachedStart: true });
});

test("a forgotten conversation leaves neither window nor timeline", () => {
  let state = fillWindow(initialState, "c", items("5"), false);
  state = receiveEvent(state, { type: "conversationForgotten", conversationId: "c" });
  expect(state.windows).toEqual({});
  expect(state.view.timelines).toEqual({});
});
