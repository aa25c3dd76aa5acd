import type { GroupState, PastEpoch } from "@thicket/mls";
import type { AccountId, GroupId } from "@thicket/protocol";
import type { ConversationId } from "./api.ts";
import type {
  AccountRow,
  ContactRow,
  ConversationRow,
  CursorRow,
  GroupRow,
  IntentRow,
  OutboxRow,
  StagedCommitRow,
} from "./tables.ts";

/** What the client holds in memory: always what the store holds, since it changes only after a commit succeeded. */
export interface Memory {
  account: AccountRow | undefined;
  contacts: Map<AccountId, ContactRow>;
  groups: Map<GroupId, Group>;
  conversations: Map<ConversationId, ConversationRow>;
}

/** One group, as an immutable value: verbs give back another one, and the difference is what is written. */
export interface Group {
  readonly row: GroupRow;
  readonly cursor: CursorRow;
  readonly staged: StagedCommitRow | undefined;
  readonly intents: readonly IntentRow[];
  readonly outbox: readonly OutboxRow[];
  /** The engine's state; undefined until it is needed, and once the group has ended here. */
  readonly engine: Engine | undefined;
}

export interface Engine {
  readonly state: GroupState;
  /** Newest first. */
  readonly past: readonly RetainedEpoch[];
  /** The epoch that the own staged commit leads to. */
  readonly next: GroupState | undefined;
  /** Seed of the own leaf's signature key: not among the engine's records. */
  readonly leafKey: Uint8Array;
}

export interface RetainedEpoch {
  readonly epoch: number;
  readonly past: PastEpoch;
}

export type LoadedGroup = Group & { readonly engine: Engine };

export function emptyMemory(): Memory {
  return { account: undefined, contacts: new Map(), groups: new Map(), conversations: new Map() };
}

/** Whether the group goes on here: it is founded, joined or taken part in. */
export function isLive(row: GroupRow): boolean {
  switch (row.membership.state) {
    case "founding":
    case "joining":
    case "member":
    case "leaving":
      return true;
    case "left":
    case "removed":
    case "broken":
      return false;
  }
}

/** Whether a group goes on here, as a step sees it: it may have ended since the step was asked for. */
export function isLiveGroup(step: { group(groupId: GroupId): Group | undefined }, groupId: GroupId): boolean {
  const group = step.group(groupId);
  return group !== undefined && isLive(group.row);
}

/** The order number of the group's next act or message. */
export function nextOrder(group: Group): number {
  const orders = [...group.intents, ...group.outbox].map(({ order }) => order);
  return Math.max(0, ...orders) + 1;
}
