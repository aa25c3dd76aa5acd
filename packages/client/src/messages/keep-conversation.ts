import { refuse } from "../acts.ts";
import type { CommandOf, CommandReply, Position } from "../api.ts";
import { isLive } from "../state.ts";
import type { Step } from "../step.ts";
import { isPending, pendingPosition } from "./position.ts";
import { timelineItem } from "./timeline-item.ts";

/** Items that one load gives at most. */
const PAGE_MAX = 200;

/** The newest items, or those before a position, oldest first. */
export async function loadTimeline(step: Step, command: CommandOf<"loadTimeline">): Promise<CommandReply> {
  const { conversationId, before } = command;
  const limit = Math.max(1, Math.min(PAGE_MAX, Math.floor(command.limit)));
  if (step.conversation(conversationId) === undefined) return refuse({ code: "CONVERSATION_UNKNOWN" });
  const rows = await step.deps.ports.store.list("timeline", {
    prefix: [conversationId],
    ...(before !== undefined && { before: [conversationId, before] }),
    limit,
    reverse: true,
  });
  const items = rows.map(({ value }) => timelineItem(step.deps.memory, value)).reverse();
  return { ok: true, timeline: { items, reachedStart: rows.length < limit } };
}

export function saveDraft(step: Step, command: CommandOf<"saveDraft">): CommandReply {
  const conversation = step.conversation(command.conversationId);
  if (conversation === undefined) return refuse({ code: "CONVERSATION_UNKNOWN" });
  if (conversation.draft !== command.text) step.setConversation({ ...conversation, draft: command.text });
  return { ok: true };
}

/** Everything up to a position was read. What is read stays read. */
export async function markRead(step: Step, command: CommandOf<"markRead">): Promise<CommandReply> {
  const { conversationId } = command;
  const conversation = step.conversation(conversationId);
  if (conversation === undefined) return refuse({ code: "CONVERSATION_UNKNOWN" });
  const { readUpTo } = conversation;
  const position = await settledPosition(step, command);
  if (position === undefined) return { ok: true };
  if (readUpTo !== undefined && position <= readUpTo) return { ok: true };
  const newer = await step.deps.ports.store.list("timeline", {
    prefix: [conversationId],
    after: [conversationId, position, LAST_ID],
  });
  const unread = newer.filter(({ value }) => value.content.kind === "message" && !value.content.own).length;
  step.setConversation({ ...conversation, readUpTo: position, unread });
  return { ok: true };
}

/** What is pending has no place among the others yet: whoever has read it has read what stands before it. */
async function settledPosition(
  step: Step,
  { conversationId, position }: CommandOf<"markRead">,
): Promise<Position | undefined> {
  if (!isPending(position)) return position;
  const [newest] = await step.deps.ports.store.list("timeline", {
    prefix: [conversationId],
    before: [conversationId, pendingPosition(0, 0)],
    limit: 1,
    reverse: true,
  });
  return newest?.value.position;
}

/** Sorts after every item id. */
const LAST_ID = "\u{10ffff}";

/** Removes what this device keeps of a conversation that has ended for it. */
export async function forgetConversation(
  step: Step,
  command: CommandOf<"forgetConversation">,
): Promise<CommandReply> {
  const { conversationId } = command;
  const conversation = step.conversation(conversationId);
  if (conversation === undefined) return { ok: true };
  const groups = conversation.groupIds.flatMap((groupId) => step.group(groupId) ?? []);
  if (groups.some(({ row }) => isLive(row))) return refuse({ code: "NOT_ALLOWED" });
  for (const { row } of groups) await step.dropGroup(row.groupId);
  const { store } = step.deps.ports;
  for (const table of ["timeline", "timelineIds"] as const) {
    for (const { key } of await store.list(table, { prefix: [conversationId] })) {
      step.write({ table, key, value: undefined });
    }
  }
  step.dropConversation(conversationId);
  return { ok: true };
}
