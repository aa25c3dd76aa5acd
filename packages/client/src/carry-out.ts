import type { Command, CommandReply } from "./api.ts";
import { askForChange, inviteMembers, leaveConversation } from "./groups/ask-for-change.ts";
import { startConversation } from "./groups/start-conversation.ts";
import { checkHandle, checkRegistration, register } from "./identity/register.ts";
import { forgetConversation, loadTimeline, markRead, saveDraft } from "./messages/keep-conversation.ts";
import { discardMessage, retryMessage, sendMessage } from "./messages/send-message.ts";
import type { Runtime } from "./runtime.ts";
import type { Connection } from "./sync/connection.ts";

/** Carries out a command: what a person waits for is in the reply, the rest is on its way. */
export async function carryOut(
  runtime: Runtime,
  connection: Connection,
  command: Command,
): Promise<CommandReply> {
  const { traffic } = connection;
  switch (command.type) {
    case "signUp":
      return register(runtime, connection, command);
    case "checkHandle":
      return checkHandle(runtime, connection, command);
    case "checkRegistration":
      return checkRegistration(runtime, connection);
    case "startConversation":
      return startConversation(runtime, connection, command);
    case "inviteMembers":
      return inviteMembers(runtime, connection, command);
    case "removeMember":
    case "renameConversation":
    case "setAdmin":
      return askForChange(runtime, connection, command);
    case "leaveConversation":
      return leaveConversation(runtime, connection, command);
    case "forgetConversation":
      return runtime.step((step) => forgetConversation(step, command));
    case "sendMessage": {
      const reply = await runtime.step((step) =>
        sendMessage(step, command, (group) => traffic.isFree(group)),
      );
      kickConversation(runtime, connection, command.conversationId);
      return reply;
    }
    case "retryMessage": {
      const reply = await runtime.step((step) => retryMessage(step, command));
      kickConversation(runtime, connection, command.conversationId);
      return reply;
    }
    case "discardMessage":
      return runtime.step((step) => discardMessage(step, command));
    case "saveDraft":
      return runtime.step(async (step) => saveDraft(step, command));
    case "markRead":
      return runtime.step((step) => markRead(step, command));
    case "loadTimeline":
      return runtime.step((step) => loadTimeline(step, command));
  }
}

function kickConversation(runtime: Runtime, { traffic }: Connection, conversationId: string): void {
  for (const groupId of runtime.memory.conversations.get(conversationId)?.groupIds ?? [])
    traffic.kick(groupId);
}
