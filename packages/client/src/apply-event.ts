import type { ClientEvent, TimelineItem, View } from "./api.ts";

/** The View before anything is known. */
export const emptyView: View = {
  account: { state: "loading" },
  connection: { state: "connecting" },
  caughtUp: false,
  people: {},
  conversations: {},
  timelines: {},
  problems: [],
};

/** Folds one event into the view. Pure; parts that don't change keep their identity. */
export function applyEvent(view: View, event: ClientEvent): View {
  switch (event.type) {
    case "account":
      return { ...view, account: event.account };
    case "connection":
      return { ...view, connection: event.connection };
    case "caughtUp":
      return { ...view, caughtUp: event.caughtUp };
    case "people":
      return {
        ...view,
        people: {
          ...view.people,
          ...Object.fromEntries(event.people.map((person) => [person.userId, person])),
        },
      };
    case "conversation":
      return {
        ...view,
        conversations: { ...view.conversations, [event.conversation.conversationId]: event.conversation },
      };
    case "conversationForgotten": {
      const { [event.conversationId]: _conversation, ...conversations } = view.conversations;
      const { [event.conversationId]: _timeline, ...timelines } = view.timelines;
      return { ...view, conversations, timelines };
    }
    case "timeline": {
      const before = view.timelines[event.conversationId] ?? [];
      const items = mergeTimeline(before, event.items, event.removed);
      return { ...view, timelines: { ...view.timelines, [event.conversationId]: items } };
    }
    case "problem":
      return { ...view, problems: [...view.problems, event.error] };
  }
}

/** Upserts by id and keeps the order of positions. */
export function mergeTimeline(
  before: readonly TimelineItem[],
  items: readonly TimelineItem[],
  removed: readonly string[],
): TimelineItem[] {
  const gone = new Set([...removed, ...items.map((item) => item.id)]);
  const kept = before.filter((item) => !gone.has(item.id));
  const fresh = items.toSorted(byPosition);
  const last = kept.at(-1);
  const first = fresh[0];
  if (!last || !first || byPosition(last, first) <= 0) return [...kept, ...fresh];
  return [...kept, ...fresh].sort(byPosition);
}

function byPosition(a: TimelineItem, b: TimelineItem): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
