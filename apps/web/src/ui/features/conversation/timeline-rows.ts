import type { Position, TimelineItem } from "@thicket/client/api";
import { sameDay } from "../../text/dates.ts";

/** One item and how it stands among its neighbours. One row per item, so that rows can be counted as items are. */
export interface TimelineRow {
  item: TimelineItem;
  /** A day separator comes before it. */
  day: boolean;
  /** The line "New messages" comes before it. */
  unread: boolean;
  /** It begins, or ends, a run of bubbles of one author. */
  first: boolean;
  last: boolean;
}

const RUN = 5 * 60_000;

/** Items in order -> rows. `readUpTo` is where reading stopped when the conversation was opened; undefined draws no line. */
export function timelineRows(items: readonly TimelineItem[], readUpTo: Position | undefined): TimelineRow[] {
  const firstUnread = readUpTo === undefined ? undefined : items.find((item) => isUnread(item, readUpTo));
  const rows = items.map((item, index): TimelineRow => {
    const before = items[index - 1];
    const day = !before || !sameDay(before.at, item.at);
    const unread = item === firstUnread;
    return { item, day, unread, first: day || unread || !before || !sameRun(before, item), last: true };
  });
  for (const [index, row] of rows.entries()) row.last = rows[index + 1]?.first ?? true;
  return rows;
}

/** What the person hasn't seen: others' messages beyond the mark. */
export function isUnread(item: TimelineItem, readUpTo: Position): boolean {
  return item.kind === "message" && !item.own && item.position > readUpTo;
}

/** The newest item that has its place in the order; own messages that wait have none yet. */
export function newestPlaced(items: readonly TimelineItem[]): TimelineItem | undefined {
  return items.findLast(
    (item) =>
      item.kind === "event" || (item.delivery?.state !== "sending" && item.delivery?.state !== "failed"),
  );
}

function sameRun(a: TimelineItem, b: TimelineItem): boolean {
  if (a.kind !== "message" || b.kind !== "message") return false;
  return a.author === b.author && Math.abs(b.at - a.at) < RUN;
}
