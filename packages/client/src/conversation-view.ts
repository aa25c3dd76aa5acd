import type { AccountId } from "@thicket/protocol";
import type { ConversationView, MemberView } from "./api.ts";
import { timelineItem } from "./messages/timeline-item.ts";
import { type Group, isLive, type Memory } from "./state.ts";
import type { ConversationRow, GroupRow } from "./tables.ts";

const PENDING = {
  invite: "invite",
  remove: "remove",
  rename: "rename",
  setAdmin: "setAdmin",
  leave: "leave",
} as const;

/** A conversation as people see it, from what is stored of it and of its groups. */
export function conversationView(memory: Memory, conversation: ConversationRow): ConversationView {
  const { conversationId, kind, draft, unread, readUpTo, lastItem } = conversation;
  const group = activeGroup(memory, conversation);
  const row = group?.row;
  const all = groupsOf(memory, conversation);
  return {
    conversationId,
    kind,
    title: row?.title,
    membership: row?.membership ?? { state: "founding" },
    members: row === undefined ? [] : membersOf(row),
    may: rightsOf(memory, row),
    pending: all.flatMap(({ intents }) =>
      intents.map(({ commandId, act, error }) => ({
        commandId,
        type: PENDING[act.type],
        ...(error && { error }),
      })),
    ),
    draft,
    unread,
    readUpTo,
    lastItem: lastItem && timelineItem(memory, lastItem),
    epoch: row?.epoch ?? 0,
    epochAuthenticator: row?.epochAuthenticator ?? "",
  };
}

/**
 * The group that a conversation goes on in. A 1:1 chat that both founded at once has two: both people take the one
 * with the lower id, as soon as they are in it: until then words go to the other, and nobody waits. Where none goes on,
 * the one that was last.
 */
export function activeGroup(
  memory: Pick<Memory, "groups">,
  conversation: ConversationRow,
): Group | undefined {
  const groups = groupsOf(memory, conversation);
  const live = groups.filter(({ row }) => isLive(row)).toSorted(byId);
  return (
    live.find(({ row }) => canWrite(row)) ?? live.find(({ row }) => hasPeer(row)) ?? live[0] ?? groups.at(-1)
  );
}

/** Whether words can be sent to the group, now or once it is founded. */
function canWrite(row: GroupRow): boolean {
  const { state } = row.membership;
  return (state === "member" || state === "founding") && hasPeer(row);
}

/** Whether a 1:1 chat has both its people: one that the other has left goes on in another group. */
export function hasPeer(row: GroupRow): boolean {
  return (
    row.kind === "group" ||
    row.membership.state === "founding" ||
    new Set(row.roster.map(({ userId }) => userId)).size > 1
  );
}

function groupsOf(memory: Pick<Memory, "groups">, conversation: ConversationRow): Group[] {
  return conversation.groupIds.flatMap((groupId) => memory.groups.get(groupId) ?? []);
}

function byId(a: Group, b: Group): number {
  return a.row.groupId < b.row.groupId ? -1 : 1;
}

function membersOf(row: GroupRow): MemberView[] {
  const members = new Map<AccountId, MemberView>();
  for (const { userId, deviceId, invited } of row.roster) {
    const known = members.get(userId);
    if (known !== undefined) {
      known.devices.push(deviceId);
      known.invited &&= invited;
      continue;
    }
    const admin = row.admins.includes(userId);
    const leaving = row.leaving.includes(userId);
    members.set(userId, { userId, devices: [deviceId], admin, invited, leaving });
  }
  return [...members.values()];
}

function rightsOf(memory: Memory, row: GroupRow | undefined): ConversationView["may"] {
  const self = memory.account?.userId;
  const state = row?.membership.state;
  const member = row !== undefined && self !== undefined && state === "member";
  const admin = member && row.kind === "group" && row.admins.includes(self);
  return {
    add: member && row.kind === "group" && (row.mayAdd === "all" || admin),
    remove: admin,
    rename: admin,
    setAdmin: admin,
    send: row !== undefined && canWrite(row),
  };
}
