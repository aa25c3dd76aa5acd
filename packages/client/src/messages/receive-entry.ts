import { type LeafNode, memberAt, MlsError, openLate, processMessage } from "@thicket/mls";
import type { AccountId, Entry } from "@thicket/protocol";
import type { MessageBody } from "../api.ts";
import { leavingUsers, seen } from "../groups/epoch-fields.ts";
import { entryHash } from "../groups/seats.ts";
import { mergeOwnCommit, takeCommit } from "../groups/take-commit.ts";
import { memberOfLeaf } from "../identity/member-of-leaf.ts";
import { isLive, type LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { OutboxRow } from "../tables.ts";
import { readMessageHeader } from "./message-header.ts";
import { readMessage } from "./message-content.ts";
import { latePosition } from "./position.ts";
import { positionIn } from "./show-events.ts";
import { UNKNOWN_AUTHOR } from "./unknown-author.ts";

/**
 * Takes the next entry of a group's log: what it says, and the cursor behind it, in one commit. Nothing that an
 * entry holds stops the log: what can't be read becomes a line that says why.
 */
export async function receiveEntry(
  step: Step,
  groupId: LoadedGroup["row"]["groupId"],
  entry: Entry,
): Promise<void> {
  const found = step.group(groupId);
  // The log and its order are the relay's; what was taken once is not taken again.
  if (found === undefined || entry.seq <= found.cursor.seq || !isLive(found.row)) return;
  const loaded = await step.withEngine(groupId);
  const group = { ...loaded, cursor: { ...loaded.cursor, seq: entry.seq } };
  step.setGroup(group);
  const hash = entryHash(entry.bytes);
  if (group.staged?.hash === hash) return mergeOwnCommit(step, group, entry);
  const own = group.outbox.find(({ sealed }) => sealed?.hash === hash);
  if (own !== undefined) return receiveOwn(step, group, own, entry);
  const { epoch } = group.row;
  switch (entry.kind) {
    case "commit":
      if (entry.epoch === epoch && entry.branch === group.row.branch) return takeCommit(step, group, entry);
      return showUnreadable(step, group, entry, "COMMIT_OUT_OF_PLACE");
    case "proposal":
      if (entry.epoch === epoch) return receiveProposal(step, group, entry);
      return showUnreadable(step, group, entry, "PROPOSAL_OUT_OF_PLACE");
    case "application":
      return entry.epoch === epoch ? receiveCurrent(step, group, entry) : receiveLate(step, group, entry);
    case "note":
    case "knock":
      // Nothing that this version of the client acts on.
      step.deps.ports.log("debug", "entry passed over", { kind: entry.kind });
  }
}

/** An own entry has its place in the log now. */
async function receiveOwn(step: Step, group: LoadedGroup, own: OutboxRow, entry: Entry): Promise<void> {
  const after = { ...group, outbox: group.outbox.filter((row) => row !== own) };
  if (own.kind === "proposal") {
    step.setGroup({ ...after, row: { ...after.row, membership: { state: "leaving" } } });
    return;
  }
  step.setGroup(after);
  const { conversationId } = group.row;
  const item = own.itemId === undefined ? undefined : await step.item(conversationId, own.itemId);
  if (item?.content.kind !== "message") return;
  await step.putItem(conversationId, {
    ...item,
    position: placeOf(group, entry),
    at: Math.min(own.at, entry.receivedAt),
    seq: entry.seq,
    content: { ...item.content, delivery: { state: "sent" } },
  });
}

async function receiveProposal(step: Step, group: LoadedGroup, entry: Entry): Promise<void> {
  const { state } = group.engine;
  try {
    const opened = await processMessage(state, entry.bytes, step.deps.engine, { now: step.now() });
    if (opened.kind !== "proposal") return showUnreadable(step, group, entry, "KIND_DIFFERS");
    const { row } = group;
    const { sender } = opened;
    const roster = sender.kind === "member" ? seen(row.roster, sender.leafIndex) : row.roster;
    step.setGroup({
      ...group,
      row: { ...row, roster, leaving: leavingUsers(opened.state) },
      engine: { ...group.engine, state: opened.state },
    });
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    await refuseEntry(step, group, entry, error);
  }
}

async function receiveCurrent(step: Step, group: LoadedGroup, entry: Entry): Promise<void> {
  const { engine } = group;
  try {
    const opened = await processMessage(engine.state, entry.bytes, step.deps.engine, {
      now: step.now(),
    });
    if (opened.kind !== "application") return showUnreadable(step, group, entry, "KIND_DIFFERS");
    const { state, sender, data, authenticatedData } = opened;
    const leafNode = leafAt(group, sender);
    const roster = seen(group.row.roster, sender);
    const row = roster === group.row.roster ? group.row : { ...group.row, roster };
    const after = { ...group, row, engine: { ...engine, state } };
    step.setGroup(after);
    await showMessage(step, after, entry, leafNode, data, authenticatedData);
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    await refuseEntry(step, group, entry, error);
  }
}

/** A message of an epoch that ended just before the relay took it. */
async function receiveLate(step: Step, group: LoadedGroup, entry: Entry): Promise<void> {
  const { engine } = group;
  const retained = engine.past.find(({ epoch }) => epoch === entry.epoch);
  if (retained === undefined) return showUnreadable(step, group, entry, "EPOCH_NOT_KEPT");
  try {
    const { past, senderLeaf, data, authenticatedData } = await openLate(retained.past, entry.bytes, {
      now: step.now(),
    });
    const after = {
      ...group,
      engine: {
        ...engine,
        past: engine.past.map((kept) => (kept === retained ? { ...kept, past } : kept)),
      },
    };
    step.setGroup(after);
    const { userId, deviceId } = memberOfLeaf(senderLeaf);
    // Who is no longer a member at this place of the log has nothing to say at it.
    const isMember = group.row.roster.some(
      (member) => member.userId === userId && member.deviceId === deviceId,
    );
    if (!isMember) return showUnreadable(step, after, entry, "SENDER_NOT_MEMBER");
    await showMessage(step, after, entry, senderLeaf, data, authenticatedData);
  } catch (error) {
    if (!(error instanceof MlsError)) throw error;
    await refuseEntry(step, group, entry, error);
  }
}

async function showMessage(
  step: Step,
  group: LoadedGroup,
  entry: Entry,
  senderLeaf: LeafNode,
  data: Uint8Array,
  authenticatedData: Uint8Array,
): Promise<void> {
  const { row } = group;
  const author = memberOfLeaf(senderLeaf).userId;
  const message = readMessage({ host: row.host, groupId: row.groupId, author }, data);
  const header = readMessageHeader(authenticatedData);
  if (message === undefined) return showUnreadable(step, group, entry, "CONTENT_MALFORMED", author);
  const itemId = await freeItemId(step, row.conversationId, message);
  if (itemId === undefined) {
    step.deps.ports.log("info", "message seen before");
    return;
  }
  const at = header === undefined ? entry.receivedAt : Math.min(Number(header.at), entry.receivedAt);
  await addReceived(step, group, entry, {
    id: itemId,
    at,
    author,
    body: message.body,
    mimiId: message.mimiId,
  });
}

/** The item's id; undefined where this very message is there already. */
async function freeItemId(
  step: Step,
  conversationId: string,
  { itemId, mimiId }: { itemId: string; mimiId: string },
): Promise<string | undefined> {
  // Two people may choose one salt, one of them on purpose: the message id tells them apart.
  for (const candidate of [itemId, mimiId]) {
    const there = await step.itemPosition(conversationId, candidate);
    if (there === undefined) return candidate;
    if (there.mimiId === mimiId) return undefined;
  }
  return undefined;
}

/** What was sent twice was shown once already; anything else that can't be opened is said. */
async function refuseEntry(step: Step, group: LoadedGroup, entry: Entry, error: MlsError): Promise<void> {
  if (error.code === "REPLAYED" || error.code === "GENERATION_USED") {
    step.deps.ports.log("warn", "replay blocked", { code: error.code });
    return;
  }
  await showUnreadable(step, group, entry, error.code);
}

async function showUnreadable(
  step: Step,
  group: LoadedGroup,
  entry: Entry,
  reason: string,
  author: AccountId = UNKNOWN_AUTHOR,
): Promise<void> {
  step.deps.ports.log("warn", "unreadable entry", { kind: entry.kind, reason });
  await addReceived(step, group, entry, {
    id: `${group.row.groupId.slice(0, 32)}.${entry.seq}.unreadable`,
    at: entry.receivedAt,
    author,
    body: { type: "unreadable", reason },
  });
}

interface Received {
  id: string;
  at: number;
  author: AccountId;
  body: MessageBody;
  mimiId?: string;
}

async function addReceived(
  step: Step,
  group: LoadedGroup,
  entry: Entry,
  { id, at, author, body, mimiId }: Received,
): Promise<void> {
  const { conversationId, groupId } = group.row;
  const position = placeOf(group, entry);
  await step.putItem(conversationId, {
    id,
    position,
    at,
    author,
    groupId,
    seq: entry.seq,
    content: { kind: "message", own: false, body, ...(mimiId !== undefined && { mimiId }) },
  });
  const conversation = step.conversation(conversationId);
  if (conversation === undefined) return;
  const { readUpTo, unread } = conversation;
  const isRead = readUpTo !== undefined && position <= readUpTo;
  if (!isRead) step.setConversation({ ...conversation, unread: unread + 1 });
}

/** Of an application entry: a late one stands before the commit that ended its epoch. */
function placeOf({ row }: LoadedGroup, entry: Entry): string {
  const ended = entry.epoch === row.epoch ? undefined : row.ended.find(({ epoch }) => epoch === entry.epoch);
  return ended === undefined || row.kind === "direct"
    ? positionIn(row, entry)
    : latePosition(ended.endedBy, entry.seq);
}

function leafAt(group: LoadedGroup, leaf: number): LeafNode {
  const found = memberAt(group.engine.state, leaf);
  if (found === undefined) throw new TypeError("a message from a leaf without a member");
  return found;
}
