import { answer, answeredBefore, refuse } from "../acts.ts";
import type { CommandOf, CommandReply } from "../api.ts";
import { activeGroup, hasPeer } from "../conversation-view.ts";
import { lookUp, readHandles } from "../identity/look-up.ts";
import { toUtf8 } from "@thicket/content";
import type { Runtime } from "../runtime.ts";
import { isLive, type Memory } from "../state.ts";
import type { Step } from "../step.ts";
import type { Connection } from "../sync/connection.ts";
import type { Invitee } from "../tables.ts";
import { addIntent } from "./ask-for-change.ts";
import { foundGroup } from "./create-group.ts";
import { TITLE_MAX } from "./policy.ts";

/**
 * Starts a conversation with these people. A 1:1 chat that goes on already is opened instead. The people are looked
 * up before anything is made, so a wrong handle is answered and leaves nothing behind.
 */
export async function startConversation(
  runtime: Runtime,
  connection: Connection,
  command: CommandOf<"startConversation">,
): Promise<CommandReply> {
  const before = await runtime.step((step) => answeredBefore(step, command));
  if (before !== undefined) return before;
  const account = runtime.memory.account;
  if (account?.state !== "signedUp") return refuse({ code: "NOT_ALLOWED" });
  const read = readHandles(command.handles, account.handle);
  if (!read.ok) return read;
  const title = command.title?.trim() === "" ? undefined : command.title?.trim();
  if (title !== undefined && toUtf8(title).length > TITLE_MAX) {
    return refuse({ code: "TITLE_TOO_LONG", subject: String(TITLE_MAX) });
  }
  const direct = title === undefined && read.handles.length === 1;
  const found = await lookUp(runtime, connection, read.handles);
  if (!found.ok) return found;
  const reply = await runtime.step(async (step) => {
    const meanwhile = await answeredBefore(step, command);
    if (meanwhile !== undefined) return meanwhile;
    return direct
      ? startDirect(step, command, found.invitees)
      : startGroup(step, command, title, found.invitees);
  });
  connection.traffic.kick(command.groupId);
  return reply;
}

async function startDirect(
  step: Step,
  command: CommandOf<"startConversation">,
  invitees: Invitee[],
): Promise<CommandReply> {
  const [peer] = invitees;
  if (peer === undefined) throw new TypeError("a 1:1 chat without a peer");
  const conversationId = peer.userId;
  if (isOpen(step.deps.memory, conversationId)) return answer(step, command, { ok: true, conversationId });
  return foundConversation(step, command, conversationId, "direct", undefined, invitees);
}

/** Whether a 1:1 chat with this person goes on. */
function isOpen(memory: Memory, conversationId: string): boolean {
  const conversation = memory.conversations.get(conversationId);
  const group = conversation && activeGroup(memory, conversation);
  return (
    group !== undefined && isLive(group.row) && group.row.membership.state !== "leaving" && hasPeer(group.row)
  );
}

function startGroup(
  step: Step,
  command: CommandOf<"startConversation">,
  title: string | undefined,
  invitees: Invitee[],
): Promise<CommandReply> {
  return foundConversation(step, command, command.groupId, "group", title, invitees);
}

async function foundConversation(
  step: Step,
  command: CommandOf<"startConversation">,
  conversationId: string,
  kind: "direct" | "group",
  title: string | undefined,
  invitees: Invitee[],
): Promise<CommandReply> {
  const { groupId } = command;
  const account = step.account();
  if (account === undefined) throw new TypeError("a group without an account");
  if (step.group(groupId) !== undefined) return refuse({ code: "NOT_ALLOWED" });
  const group = await foundGroup(step, account, { groupId, conversationId, kind, title });
  if (invitees.length > 0) addIntent(step, group, command, { type: "invite", invitees, claimed: [] });
  return answer(step, command, { ok: true, conversationId });
}
