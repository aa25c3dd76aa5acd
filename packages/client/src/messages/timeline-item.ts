import type { MessageDelivery, TimelineItem } from "../api.ts";
import type { Memory } from "../state.ts";
import type { TimelineRow } from "../tables.ts";

/** A stored item as screens see it. */
export function timelineItem(memory: Memory, row: TimelineRow): TimelineItem {
  const { id, position, at, author, content } = row;
  if (content.kind === "event") return { id, position, at, author, kind: "event", event: content.event };
  const delivery = deliveryOf(memory, row);
  const { own, body } = content;
  return { id, position, at, author, kind: "message", own, body, ...(delivery && { delivery }) };
}

/** `delivered` is the server's word: the group's lowest acknowledged seq has reached the message. */
function deliveryOf(memory: Memory, { content, groupId, seq }: TimelineRow): MessageDelivery | undefined {
  if (content.kind !== "message" || content.delivery === undefined) return undefined;
  const acked = memory.groups.get(groupId)?.cursor.acked ?? 0;
  return content.delivery.state === "sent" && seq <= acked ? { state: "delivered" } : content.delivery;
}
