import { dropExpiredKeys, type EngineDeps } from "@thicket/mls";
import type { AccountId, GroupId } from "@thicket/protocol";
import type { ClientError, ClientEvent, ConversationId, Position } from "./api.ts";
import { conversationView } from "./conversation-view.ts";
import { loadEngine } from "./load-memory.ts";
import { timelineItem } from "./messages/timeline-item.ts";
import type { Ports, Write } from "./ports.ts";
import type { Engine, Group, Memory } from "./state.ts";
import type { AccountRow, ContactRow, ConversationRow, TimelineRow } from "./tables.ts";
import { allOf, type Erasure, erasuresOf, writesOfGroup } from "./writes-of.ts";

export interface StepDeps {
  readonly ports: Ports;
  readonly memory: Memory;
  readonly engine: EngineDeps;
}

/**
 * One step of the client: what it reads is what was committed, with its own changes over it; what it writes is
 * gathered here and becomes durable, visible and sent in one go, or not at all.
 */
export interface Step {
  readonly deps: StepDeps;
  now(): number;
  account(): AccountRow | undefined;
  setAccount(account: AccountRow): void;
  contacts(): Iterable<ContactRow>;
  contact(userId: AccountId): ContactRow | undefined;
  setContact(contact: ContactRow): void;
  groups(): Iterable<Group>;
  group(groupId: GroupId): Group | undefined;
  setGroup(group: Group): void;
  /** Forgets a group and its rows; its engine's records must have gone before. */
  dropGroup(groupId: GroupId): Promise<void>;
  /** The group with its engine's state, read from the store where it isn't in memory yet. */
  withEngine(groupId: GroupId): Promise<Group & { engine: Engine }>;
  conversation(conversationId: ConversationId): ConversationRow | undefined;
  setConversation(conversation: ConversationRow): void;
  dropConversation(conversationId: ConversationId): void;
  /** Puts an item at its position, in place of the one with its id. */
  putItem(conversationId: ConversationId, row: TimelineRow): Promise<void>;
  removeItem(conversationId: ConversationId, itemId: string): Promise<void>;
  /** Tells the screens of an item whose row is as it was: what it says of its delivery has changed. */
  showItem(conversationId: ConversationId, row: TimelineRow): void;
  itemPosition(
    conversationId: ConversationId,
    itemId: string,
  ): Promise<{ position: Position; mimiId?: string } | undefined>;
  item(conversationId: ConversationId, itemId: string): Promise<TimelineRow | undefined>;
  write(write: Write): void;
  problem(error: ClientError): void;
  event(event: ClientEvent): void;
  /** Runs after the commit succeeded. */
  after(run: () => void): void;
}

export interface FinishedStep {
  /** Makes everything durable, then memory what was written. Throws StoreError and leaves both as they were. */
  commit(): Promise<{ events: ClientEvent[]; after: (() => void)[] }>;
}

/** A fresh step over what is committed now. */
export function beginStep(deps: StepDeps): Step & FinishedStep {
  const { ports, memory } = deps;
  const { store } = ports;
  let account: AccountRow | undefined;
  const contacts = new Map<AccountId, ContactRow>();
  const groups = new Map<GroupId, Group | undefined>();
  const conversations = new Map<ConversationId, ConversationRow | undefined>();
  const items = new Map<ConversationId, Map<string, TimelineRow | undefined>>();
  const positions = new Map<string, { position: Position; mimiId?: string } | undefined>();
  const writes: Write[] = [];
  const events: ClientEvent[] = [];
  const after: (() => void)[] = [];

  const idName = (conversationId: string, itemId: string) => `${conversationId}/${itemId}`;
  const itemsOf = (conversationId: ConversationId) => {
    const found = items.get(conversationId) ?? new Map<string, TimelineRow | undefined>();
    items.set(conversationId, found);
    return found;
  };

  const step: Step & FinishedStep = {
    deps,
    now: () => ports.clock.now(),
    account: () => account ?? memory.account,
    setAccount: (row) => (account = row),
    contacts: () => new Map([...memory.contacts, ...contacts]).values(),
    contact: (userId) => contacts.get(userId) ?? memory.contacts.get(userId),
    setContact: (contact) => contacts.set(contact.userId, contact),
    *groups() {
      for (const groupId of new Set([...memory.groups.keys(), ...groups.keys()])) {
        const group = step.group(groupId);
        if (group !== undefined) yield group;
      }
    },
    group: (groupId) => (groups.has(groupId) ? groups.get(groupId) : memory.groups.get(groupId)),
    setGroup: (group) => groups.set(group.row.groupId, group),
    async dropGroup(groupId) {
      const group = step.group(groupId);
      groups.set(groupId, undefined);
      for (const { order } of group?.intents ?? []) {
        writes.push({ table: "intents", key: [groupId, order], value: undefined });
      }
      for (const { order } of group?.outbox ?? []) {
        writes.push({ table: "outbox", key: [groupId, order], value: undefined });
      }
      for (const table of ["groups", "cursors", "stagedCommits"] as const) {
        writes.push({ table, key: [groupId], value: undefined });
      }
      for (const erasure of allOf(groupId)) await erase(erasure);
    },
    async withEngine(groupId) {
      const group = step.group(groupId);
      if (group === undefined) throw new TypeError("a group that isn't there");
      if (group.engine !== undefined) return withoutExpired(group, group.engine);
      const stored = memory.groups.get(groupId);
      if (stored === undefined) throw new TypeError("a group that was never stored has no engine to read");
      const engine = await loadEngine(store, stored);
      // What was read is what is stored: it belongs to the committed memory, whatever becomes of this step.
      memory.groups.set(groupId, { ...stored, engine });
      const loaded = { ...group, engine };
      if (groups.has(groupId)) groups.set(groupId, loaded);
      return withoutExpired(loaded, engine);
    },
    conversation: (id) => (conversations.has(id) ? conversations.get(id) : memory.conversations.get(id)),
    setConversation: (row) => conversations.set(row.conversationId, row),
    dropConversation: (id) => conversations.set(id, undefined),
    async itemPosition(conversationId, itemId) {
      const name = idName(conversationId, itemId);
      if (!positions.has(name)) {
        positions.set(name, await store.get("timelineIds", [conversationId, itemId]));
      }
      return positions.get(name);
    },
    async item(conversationId, itemId) {
      const changed = items.get(conversationId);
      if (changed?.has(itemId) === true) return changed.get(itemId);
      const at = await step.itemPosition(conversationId, itemId);
      return at && store.get("timeline", [conversationId, at.position, itemId]);
    },
    async putItem(conversationId, row) {
      const before = await step.itemPosition(conversationId, row.id);
      if (before !== undefined && before.position !== row.position) {
        writes.push({ table: "timeline", key: [conversationId, before.position, row.id], value: undefined });
      }
      const mimiId = row.content.kind === "message" ? row.content.mimiId : undefined;
      const at = { position: row.position, ...(mimiId !== undefined && { mimiId }) };
      writes.push({ table: "timeline", key: [conversationId, row.position, row.id], value: row });
      if (before?.position !== row.position || before.mimiId !== mimiId) {
        writes.push({ table: "timelineIds", key: [conversationId, row.id], value: at });
      }
      positions.set(idName(conversationId, row.id), at);
      itemsOf(conversationId).set(row.id, row);
      noteLastItem(conversationId, row);
    },
    showItem(conversationId, row) {
      const shown = itemsOf(conversationId);
      if (!shown.has(row.id)) shown.set(row.id, row);
    },
    async removeItem(conversationId, itemId) {
      const before = await step.itemPosition(conversationId, itemId);
      if (before === undefined) return;
      writes.push(
        { table: "timeline", key: [conversationId, before.position, itemId], value: undefined },
        { table: "timelineIds", key: [conversationId, itemId], value: undefined },
      );
      positions.set(idName(conversationId, itemId), undefined);
      itemsOf(conversationId).set(itemId, undefined);
      const conversation = step.conversation(conversationId);
      if (conversation?.lastItem?.id === itemId) {
        const newest = await store.list("timeline", { prefix: [conversationId], limit: 2, reverse: true });
        const last = newest.find(({ value }) => value.id !== itemId)?.value;
        step.setConversation({ ...conversation, lastItem: last });
      }
    },
    write: (write) => writes.push(write),
    problem: (error) => events.push({ type: "problem", error }),
    event: (event) => events.push(event),
    after: (run) => after.push(run),
    async commit() {
      await gatherWrites();
      if (writes.length > 0) await store.commit(writes);
      const published = [...peopleEvents(), ...applyToMemory(), ...events];
      return { events: published, after };
    },
  };
  return step;

  /** Keys for texts that never came go after a day (RFC 9420 §15.3), at the next step that touches the group. */
  function withoutExpired(group: Group, engine: Engine): Group & { engine: Engine } {
    const now = step.now();
    const state = dropExpiredKeys(engine.state, now);
    const past = engine.past.map((kept) => {
      const current = dropExpiredKeys(kept.past, now);
      return current === kept.past ? kept : { ...kept, past: current };
    });
    if (state === engine.state && past.every((kept, i) => kept === engine.past[i]))
      return { ...group, engine };
    const fresh = { ...group, engine: { ...engine, state, past } };
    step.setGroup(fresh);
    return fresh;
  }

  function noteLastItem(conversationId: ConversationId, row: TimelineRow): void {
    const conversation = step.conversation(conversationId);
    if (conversation === undefined) return;
    const last = conversation.lastItem;
    // An item that moves is the newest still: only a pending one moves, and forward.
    if (last !== undefined && last.id !== row.id && last.position > row.position) return;
    step.setConversation({ ...conversation, lastItem: row });
  }

  async function erase({ table, prefix }: Erasure): Promise<void> {
    for (const { key } of await store.list(table, { prefix })) writes.push({ table, key, value: undefined });
  }

  async function gatherWrites(): Promise<void> {
    if (account !== undefined) writes.push({ table: "account", key: ["self"], value: account });
    for (const contact of contacts.values()) {
      writes.push({ table: "contacts", key: [contact.userId], value: contact });
    }
    for (const [groupId, group] of groups) {
      const before = memory.groups.get(groupId);
      if (group === undefined || group === before) continue;
      for (const erasure of erasuresOf(before, group)) await erase(erasure);
      writes.push(...writesOfGroup(before, group));
    }
    for (const [conversationId, row] of conversations) {
      if (row === memory.conversations.get(conversationId)) continue;
      writes.push({ table: "conversations", key: [conversationId], value: row });
    }
  }

  function peopleEvents(): ClientEvent[] {
    if (contacts.size === 0) return [];
    const people = [...contacts.values()].map(({ userId, handle }) => ({ userId, handle }));
    return [{ type: "people", people }];
  }

  /** Memory becomes what was written; gives back what the screens are told of it. */
  function applyToMemory(): ClientEvent[] {
    const touched = new Set<ConversationId>([...conversations.keys(), ...items.keys()]);
    const before = memory.account;
    if (account !== undefined) memory.account = account;
    for (const [userId, contact] of contacts) memory.contacts.set(userId, contact);
    for (const [groupId, group] of groups) {
      if (group === memory.groups.get(groupId)) continue;
      const conversationId = (group ?? memory.groups.get(groupId))?.row.conversationId;
      if (conversationId !== undefined) touched.add(conversationId);
      if (group === undefined) memory.groups.delete(groupId);
      else memory.groups.set(groupId, group);
    }
    for (const [conversationId, row] of conversations) {
      if (row === undefined) memory.conversations.delete(conversationId);
      else memory.conversations.set(conversationId, row);
    }
    const told: ClientEvent[] = [];
    if (account?.state === "signedUp" && before?.state !== "signedUp") {
      const { userId, deviceId, handle, host } = account;
      told.push({
        type: "account",
        account: { state: "signedUp", account: { userId, deviceId, handle, host } },
      });
    }
    for (const conversationId of touched) told.push(...conversationEvents(conversationId));
    return told;
  }

  function conversationEvents(conversationId: ConversationId): ClientEvent[] {
    const row = memory.conversations.get(conversationId);
    if (row === undefined) return [{ type: "conversationForgotten", conversationId }];
    const told: ClientEvent[] = [{ type: "conversation", conversation: conversationView(memory, row) }];
    const changed = items.get(conversationId);
    if (changed !== undefined) {
      const present = [...changed.values()].filter((item) => item !== undefined);
      told.push({
        type: "timeline",
        conversationId,
        items: present.map((item) => timelineItem(memory, item)),
        removed: [...changed].filter(([, item]) => item === undefined).map(([id]) => id),
      });
    }
    return told;
  }
}
