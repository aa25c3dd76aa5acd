import { applyEvent, emptyView, mergeTimeline } from "@thicket/client/apply-event";
import type { ClientEvent, ConversationId, TimelineItem, View } from "@thicket/client/api";

/** What is loaded of a conversation's history, beside `view.timelines`. */
export type TimelineWindow =
  /** Asked for; older contents of a view that was replaced may still be shown. */
  { state: "loading" } | { state: "ready"; reachedStart: boolean; loadingOlder: boolean };

export interface UiState {
  view: View;
  windows: Record<ConversationId, TimelineWindow>;
  /** Grows with each snapshot: what is open loads its window again. */
  generation: number;
}

export const initialState: UiState = { view: emptyView, windows: {}, generation: 0 };

/** A new view replaces the old one; loaded windows stay on the screen until they have been read again. */
export function receiveSnapshot(state: UiState, view: View): UiState {
  return {
    view: { ...view, timelines: state.view.timelines },
    windows: {},
    generation: state.generation + 1,
  };
}

/** Folds one event. A timeline that nobody opened isn't collected: it would have holes. */
export function receiveEvent(state: UiState, event: ClientEvent): UiState {
  if (event.type === "timeline" && !state.windows[event.conversationId]) return state;
  const view = applyEvent(state.view, event);
  if (event.type !== "conversationForgotten") return { ...state, view };
  const { [event.conversationId]: _gone, ...windows } = state.windows;
  return { ...state, view, windows };
}

export function beginWindow(state: UiState, conversationId: ConversationId): UiState {
  return { ...state, windows: { ...state.windows, [conversationId]: { state: "loading" } } };
}

/**
 * The newest page has been read: it is the truth for its span. What was known before it stays only where
 * the two meet, so that no hole is ever shown as if it were complete.
 */
export function fillWindow(
  state: UiState,
  conversationId: ConversationId,
  items: readonly TimelineItem[],
  reachedStart: boolean,
): UiState {
  const known = state.view.timelines[conversationId] ?? [];
  const first = items[0];
  const last = items.at(-1);
  const meets = first !== undefined && known.some((item) => item.id === first.id);
  const before = meets ? known.filter((item) => item.position < first.position) : [];
  const after = known.filter((item) => last === undefined || item.position > last.position);
  return {
    ...state,
    view: withTimeline(state.view, conversationId, mergeTimeline([...before, ...items], after, [])),
    windows: {
      ...state.windows,
      [conversationId]: {
        state: "ready",
        reachedStart: reachedStart && before.length === 0,
        loadingOlder: false,
      },
    },
  };
}

export function beginOlder(state: UiState, conversationId: ConversationId): UiState {
  const open = state.windows[conversationId];
  if (open?.state !== "ready") return state;
  return { ...state, windows: { ...state.windows, [conversationId]: { ...open, loadingOlder: true } } };
}

/** An older page has been read, or the reading failed (`undefined`): then it may be asked again. */
export function fillOlder(
  state: UiState,
  conversationId: ConversationId,
  page: { items: readonly TimelineItem[]; reachedStart: boolean } | undefined,
): UiState {
  const open = state.windows[conversationId];
  if (open?.state !== "ready") return state;
  const window = { ...open, loadingOlder: false, reachedStart: page?.reachedStart ?? open.reachedStart };
  const known = state.view.timelines[conversationId] ?? [];
  return {
    ...state,
    windows: { ...state.windows, [conversationId]: window },
    view: page ? withTimeline(state.view, conversationId, mergeTimeline(known, page.items, [])) : state.view,
  };
}

function withTimeline(view: View, conversationId: ConversationId, items: TimelineItem[]): View {
  return { ...view, timelines: { ...view.timelines, [conversationId]: items } };
}
