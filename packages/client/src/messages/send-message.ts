import { toHex } from "@thicket/protocol";
import { answeredBefore } from "../acts.ts";
import type { ClientError, CommandOf, CommandReply } from "../api.ts";
import { activeGroup, hasPeer } from "../conversation-view.ts";
import { parseEntryId } from "../identity/parse-ids.ts";
import { type Group, nextOrder } from "../state.ts";
import type { Step } from "../step.ts";
import type { OutboxRow } from "../tables.ts";
import { encodeText } from "./message-content.ts";
import { pendingPosition } from "./position.ts";
import { sealMessage } from "./seal-entry.ts";

/** Bytes of an encoded message that the largest application entry carries, padding and framing included (APP-1, PARAM-10). */
export const MESSAGE_MAX = 60_416;

/**
 * Takes a text: it is in the timeline and in the outbox in one commit, encrypted in it where nothing stands before
 * it (`ready`), else as soon as that is done. Repeating the command does it once.
 */
export async function sendMessage(
  step: Step,
  command: CommandOf<"sendMessage">,
  ready: (group: Group) => boolean,
): Promise<CommandReply> {
  const { conversationId, commandId, text, at } = command;
  if ((await step.itemPosition(conversationId, commandId)) !== undefined) return { ok: true };
  const before = await answeredBefore(step, command);
  if (before !== undefined) return before;
  const account = step.account();
  const conversation = step.conversation(conversationId);
  if (account === undefined || conversation === undefined) return failed({ code: "CONVERSATION_UNKNOWN" });
  const group = activeGroup({ groups: groupMap(step) }, conversation);
  const state = group?.row.membership.state;
  if (group === undefined || (state !== "member" && state !== "founding" && state !== "joining")) {
    return failed({ code: "NOT_MEMBER" });
  }
  // Who was here has left: a new 1:1 chat begins with starting one.
  if (!hasPeer(group.row)) return failed({ code: "NOT_ALLOWED" });
  if (text.trim() === "") return failed({ code: "MESSAGE_EMPTY" });
  const content = encodeText(commandId, text);
  if (content.length > MESSAGE_MAX)
    return failed({ code: "MESSAGE_TOO_LARGE", subject: String(MESSAGE_MAX) });
  const changed = changedIdentity(step, group);
  if (changed !== undefined) return failed(changed);

  const order = nextOrder(group);
  const row: OutboxRow = {
    groupId: group.row.groupId,
    order,
    at,
    entryId: parseEntryId(toHex(step.deps.ports.random.bytes(16))),
    kind: "application",
    itemId: commandId,
    content,
  };
  const takesNow = ready(group);
  step.setGroup({ ...group, outbox: [...group.outbox, row] });
  if (takesNow) await sealMessage(step, await step.withEngine(group.row.groupId), row, account.userId);
  if (conversation.draft.trim() === text.trim()) step.setConversation({ ...conversation, draft: "" });
  await step.putItem(conversationId, {
    id: commandId,
    position: pendingPosition(at, order),
    at,
    author: account.userId,
    groupId: group.row.groupId,
    seq: 0,
    content: { kind: "message", own: true, body: { type: "text", text }, delivery: { state: "sending" } },
  });
  return { ok: true };
}

/** Sends a failed message again, in the group that the conversation goes on in. */
export async function retryMessage(step: Step, command: CommandOf<"retryMessage">): Promise<CommandReply> {
  const { conversationId, messageId } = command;
  const item = await step.item(conversationId, messageId);
  const conversation = step.conversation(conversationId);
  if (item === undefined || conversation === undefined) return failed({ code: "CONVERSATION_UNKNOWN" });
  const before = step.group(item.groupId);
  const waiting = before?.outbox.find(({ itemId }) => itemId === messageId);
  if (before === undefined || waiting?.failed === undefined || item.content.kind !== "message")
    return { ok: true };
  const { failed: _error, sealed: _sealed, ...again } = waiting;
  const target = activeGroup({ groups: groupMap(step) }, conversation);
  const state = target?.row.membership.state;
  if (target === undefined || (state !== "member" && state !== "founding"))
    return failed({ code: "NOT_MEMBER" });
  const changed = changedIdentity(step, target);
  if (changed !== undefined) return failed(changed);

  step.setGroup({ ...before, outbox: before.outbox.filter((row) => row !== waiting) });
  const group = step.group(target.row.groupId);
  if (group === undefined) throw new TypeError("the group was there");
  const order = nextOrder(group);
  const { groupId } = group.row;
  step.setGroup({ ...group, outbox: [...group.outbox, { ...again, groupId, order }] });
  await step.putItem(conversationId, {
    ...item,
    groupId,
    position: pendingPosition(item.at, order),
    content: { ...item.content, delivery: { state: "sending" } },
  });
  return { ok: true };
}

/** Takes back a message that failed; one that the relay may have is beyond taking back. */
export async function discardMessage(
  step: Step,
  command: CommandOf<"discardMessage">,
): Promise<CommandReply> {
  const { conversationId, messageId } = command;
  const item = await step.item(conversationId, messageId);
  const group = item && step.group(item.groupId);
  const waiting = group?.outbox.find(({ itemId }) => itemId === messageId);
  if (group === undefined || waiting === undefined) return { ok: true };
  if (waiting.failed === undefined && waiting.sealed !== undefined) return failed({ code: "NOT_ALLOWED" });
  step.setGroup({ ...group, outbox: group.outbox.filter((row) => row !== waiting) });
  await step.removeItem(conversationId, messageId);
  // The message's id is that of the command that sent it: repeated after this, it is answered and not sent.
  step.write({ table: "acts", key: [messageId], value: { at: command.at, reply: { ok: true } } });
  return { ok: true };
}

/** The message waits for its person's word: it was refused for good, or must not be sent as things are. */
export async function failMessage(
  step: Step,
  group: Group,
  row: OutboxRow,
  error: ClientError,
): Promise<void> {
  const { sealed: _sealed, ...waiting } = row;
  const outbox = group.outbox.map((other) =>
    other.order === row.order ? { ...waiting, failed: error } : other,
  );
  step.setGroup({ ...group, outbox });
  const { conversationId } = group.row;
  const item = row.itemId === undefined ? undefined : await step.item(conversationId, row.itemId);
  if (item?.content.kind !== "message") return;
  const delivery = { state: "failed", error } as const;
  await step.putItem(conversationId, { ...item, content: { ...item.content, delivery } });
}

/** Why nothing is sent to these people: somebody's root key isn't the one that was pinned. */
export function changedIdentity(step: Step, group: Group): ClientError | undefined {
  for (const { userId } of group.row.roster) {
    const contact = step.contact(userId);
    if (contact?.changedRootKey !== undefined) return { code: "IDENTITY_CHANGED", subject: contact.handle };
  }
  return undefined;
}

function groupMap(step: Step): Map<Group["row"]["groupId"], Group> {
  return new Map(Array.from(step.groups(), (group) => [group.row.groupId, group]));
}

function failed(error: ClientError): CommandReply {
  return { ok: false, error };
}
