import type { AccountId, GroupId } from "@thicket/protocol";
import { answer, answeredBefore, refuse } from "../acts.ts";
import type { ClientErrorCode, Command, CommandOf, CommandReply, ConversationId } from "../api.ts";
import { activeGroup } from "../conversation-view.ts";
import { lookUp, readHandles } from "../identity/look-up.ts";
import { toUtf8 } from "@thicket/content";
import type { Runtime } from "../runtime.ts";
import { type Group, isLive, nextOrder } from "../state.ts";
import type { Step } from "../step.ts";
import type { Connection } from "../sync/connection.ts";
import type { GroupRow, IntentAct } from "../tables.ts";
import { endMembership } from "./end-membership.ts";
import { missingDevices } from "./missing-devices.ts";
import { TITLE_MAX } from "./policy.ts";

/** Notes an act that changes a group; it is carried out in its turn, and again for every epoch that it loses. */
export function addIntent(step: Step, group: Group, { commandId, at }: Command, act: IntentAct): void {
  const { groupId } = group.row;
  const intent = { commandId, at, groupId, order: nextOrder(group), act, tries: 0 };
  step.setGroup({ ...group, intents: [...group.intents, intent] });
}

type Change = CommandOf<"removeMember" | "renameConversation" | "setAdmin">;

/** Acts that need nothing but the group: judged by what is known now, and again when their turn comes. */
export async function askForChange(
  runtime: Runtime,
  connection: Connection,
  command: Change,
): Promise<CommandReply> {
  let groupId: GroupId | undefined;
  const reply = await runtime.step(async (step) => {
    const before = await answeredBefore(step, command);
    if (before !== undefined) return before;
    const group = memberGroup(step, command.conversationId);
    if ("code" in group) return refuse(group);
    const { row } = group;
    const self = step.account()?.userId;
    if (self === undefined || !row.admins.includes(self)) return refuse({ code: "NOT_ALLOWED" });
    const wrong = refuseChange(row, self, command);
    if (wrong !== undefined) return refuse(wrong);
    addIntent(step, group, command, actOf(command));
    ({ groupId } = row);
    return answer(step, command, { ok: true });
  });
  if (groupId !== undefined) connection.traffic.kick(groupId);
  return reply;
}

function actOf(command: Change): IntentAct {
  switch (command.type) {
    case "removeMember":
      return { type: "remove", userId: command.userId };
    case "renameConversation":
      return { type: "rename", title: command.title.trim() };
    case "setAdmin":
      return { type: "setAdmin", userId: command.userId, admin: command.admin };
  }
}

function refuseChange(
  row: GroupRow,
  self: AccountId,
  command: Change,
): { code: ClientErrorCode; subject?: string } | undefined {
  const isMember = (userId: AccountId) => row.roster.some((entry) => entry.userId === userId);
  switch (command.type) {
    case "removeMember":
      if (command.userId === self) return { code: "NOT_ALLOWED" };
      return isMember(command.userId) ? undefined : { code: "NOT_MEMBER" };
    case "renameConversation":
      return toUtf8(command.title.trim()).length > TITLE_MAX
        ? { code: "TITLE_TOO_LONG", subject: String(TITLE_MAX) }
        : undefined;
    case "setAdmin": {
      if (!isMember(command.userId)) return { code: "NOT_MEMBER" };
      const last = row.admins.length === 1 && row.admins[0] === command.userId;
      return last && !command.admin ? { code: "LAST_ADMIN" } : undefined;
    }
  }
}

/** Invites people: looked up before anything is noted, so a wrong handle is answered and leaves nothing behind. */
export async function inviteMembers(
  runtime: Runtime,
  connection: Connection,
  command: CommandOf<"inviteMembers">,
): Promise<CommandReply> {
  const allowed = await runtime.step(async (step) => {
    const before = await answeredBefore(step, command);
    if (before !== undefined) return before;
    const group = memberGroup(step, command.conversationId);
    return "code" in group ? refuse(group) : (refuseInvite(step, group) ?? undefined);
  });
  if (allowed !== undefined) return allowed;
  const read = readHandles(command.handles, runtime.memory.account?.handle);
  if (!read.ok) return read;
  const found = await lookUp(runtime, connection, read.handles);
  if (!found.ok) return found;
  let groupId: GroupId | undefined;
  const reply = await runtime.step(async (step) => {
    const before = await answeredBefore(step, command);
    if (before !== undefined) return before;
    const group = memberGroup(step, command.conversationId);
    if ("code" in group) return refuse(group);
    const wrong = refuseInvite(step, group);
    if (wrong !== undefined) return wrong;
    const { invitees } = found;
    const there = invitees.find(
      (invitee) => missingDevices(group, { type: "invite", invitees: [invitee], claimed: [] }).length === 0,
    );
    if (there !== undefined) return refuse({ code: "ALREADY_MEMBER", subject: there.handle });
    if (invitees.length > 0) addIntent(step, group, command, { type: "invite", invitees, claimed: [] });
    ({ groupId } = group.row);
    return answer(step, command, { ok: true });
  });
  if (groupId !== undefined) connection.traffic.kick(groupId);
  return reply;
}

function refuseInvite(step: Step, { row }: Group): CommandReply | undefined {
  const self = step.account()?.userId;
  const may =
    row.kind === "group" && (row.mayAdd === "all" || (self !== undefined && row.admins.includes(self)));
  return may ? undefined : refuse({ code: "NOT_ALLOWED" });
}

/** Leaves a conversation, in all its groups: at once where nobody else is there to be told. */
export async function leaveConversation(
  runtime: Runtime,
  connection: Connection,
  command: CommandOf<"leaveConversation">,
): Promise<CommandReply> {
  const left: GroupId[] = [];
  const reply = await runtime.step(async (step) => {
    const before = await answeredBefore(step, command);
    if (before !== undefined) return before;
    const conversation = step.conversation(command.conversationId);
    if (conversation === undefined) return refuse({ code: "CONVERSATION_UNKNOWN" });
    const groups = conversation.groupIds.flatMap((groupId) => step.group(groupId) ?? []);
    const live = groups.filter(({ row }) => isLive(row));
    if (live.length === 0) return refuse({ code: "NOT_MEMBER" });
    for (const group of live) {
      left.push(group.row.groupId);
      await leaveOne(step, group, command);
    }
    return answer(step, command, { ok: true });
  });
  for (const groupId of left) connection.traffic.kick(groupId);
  return reply;
}

async function leaveOne(step: Step, group: Group, command: Command): Promise<void> {
  const { row, intents, staged } = group;
  if (intents.some(({ act }) => act.type === "leave")) return;
  const alone = new Set(row.roster.map(({ userId }) => userId)).size === 1 && staged === undefined;
  if (alone || !row.created) {
    await endMembership(step, await step.withEngine(row.groupId), { state: "left" });
    return;
  }
  // Who leaves invites nobody any more; a commit that is under way may still get through.
  const kept = intents.filter(({ act, order }) => act.type !== "invite" || order === staged?.intent);
  const state = row.membership.state;
  const leaving = state === "member" || state === "founding";
  const after = {
    ...group,
    intents: kept,
    row: leaving ? { ...row, membership: { state: "leaving" } as const } : row,
  };
  addIntent(step, after, command, { type: "leave" });
}

/** The group that a conversation goes on in, as one of its members; else why there is none. */
function memberGroup(
  step: Step,
  conversationId: ConversationId,
): Group | { code: "CONVERSATION_UNKNOWN" | "NOT_MEMBER" } {
  const conversation = step.conversation(conversationId);
  const group = conversation && activeGroup(step.deps.memory, conversation);
  if (group === undefined) return { code: "CONVERSATION_UNKNOWN" };
  return group.row.membership.state === "member" ? group : { code: "NOT_MEMBER" };
}
