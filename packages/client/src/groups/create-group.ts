import { createGroup } from "@thicket/mls";
import { type AccountId, fromHex, type GroupId } from "@thicket/protocol";
import type { ConversationId } from "../api.ts";
import { CAPABILITIES, makeOwnLeaf, REQUIRED_CAPABILITIES, SUITE } from "../devices/own-leaf.ts";
import { JOINED_LINE } from "../messages/position.ts";
import { showEvents } from "../messages/show-events.ts";
import type { LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { AccountRow, ConversationRow } from "../tables.ts";
import { epochFields } from "./epoch-fields.ts";
import { encodePolicy, POLICY_VERSION } from "./policy.ts";

export interface Founding {
  groupId: GroupId;
  conversationId: ConversationId;
  kind: "group" | "direct";
  title: string | undefined;
}

/**
 * Founds a group of one, with its policy in the context from the first epoch on. The relay is told later; until it
 * and those who are invited have their places, the conversation says `founding`.
 */
export async function foundGroup(step: Step, account: AccountRow, founding: Founding): Promise<LoadedGroup> {
  const { random } = step.deps.ports;
  const { groupId, conversationId, kind, title } = founding;
  const leaf = await makeOwnLeaf(account, random, step.now());
  const policy = encodePolicy({
    version: POLICY_VERSION,
    kind,
    host: account.host,
    title: title ?? "",
    seatKey: random.bytes(32),
    trustedAsKeys: account.asKeys,
    mayAdd: "admins",
    admins: kind === "group" ? [account.userId] : [],
  });
  const state = await createGroup({
    suite: SUITE,
    groupId: fromHex(groupId),
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: leaf.lifetime,
    leafExtensions: leaf.leafExtensions,
    contextExtensions: [REQUIRED_CAPABILITIES, policy],
    deps: step.deps.engine,
  });
  const fields = epochFields(state, [], 0);
  const [own] = fields.roster;
  if (own === undefined) throw new TypeError("a group without its founder");
  const group: LoadedGroup = {
    row: {
      ...fields,
      groupId,
      conversationId,
      membership: { state: "founding" },
      created: false,
      seated: false,
      seatId: own.seatId,
      seatToken: random.bytes(32),
      branch: 0,
      ended: [],
      roster: [{ ...own, invited: false }],
    },
    cursor: { seq: 0, acked: 0 },
    staged: undefined,
    intents: [],
    outbox: [],
    engine: { state, past: [], next: undefined, leafKey: leaf.signatureKey.privateKey },
  };
  step.setGroup(group);
  addToConversation(step, conversationId, kind, groupId);
  await showEvents(
    step,
    group.row,
    { seq: 0, receivedAt: 0, at: step.now() },
    [{ author: account.userId, event: { type: "created" } }],
    JOINED_LINE,
  );
  return group;
}

/** The conversation with one more group in it; a new one where there was none. */
export function addToConversation(
  step: Step,
  conversationId: ConversationId,
  kind: "group" | "direct",
  groupId: GroupId,
): void {
  const fresh: ConversationRow = {
    conversationId,
    kind,
    groupIds: [],
    draft: "",
    unread: 0,
    readUpTo: undefined,
    lastItem: undefined,
  };
  const conversation = step.conversation(conversationId) ?? fresh;
  const groupIds = [...conversation.groupIds.filter((id) => id !== groupId), groupId];
  step.setConversation({ ...conversation, groupIds });
}

/** The id of the conversation that a group belongs to: a 1:1 chat is named by the other person. */
export function conversationIdOf(group: LoadedGroup, self: AccountId): ConversationId {
  if (group.row.kind === "group") return group.row.groupId;
  const peer = group.row.roster.find(({ userId }) => userId !== self);
  return peer?.userId ?? group.row.groupId;
}
