import type { Key, Table } from "@thicket/client";

/**
 * Every table of the client, and how many leading parts of a row's key name its record key: 0 for one key for the whole
 * table, 1 for one per group, conversation or key package, 2 for one per epoch. When the last row of such a scope goes,
 * its key goes in the same transaction.
 */
export const TABLES = {
  account: { keyedBy: 0 },
  contacts: { keyedBy: 0 },
  keyPackages: { keyedBy: 1 },
  groups: { keyedBy: 1 },
  cursors: { keyedBy: 0 },
  groupPublic: { keyedBy: 1 },
  groupSecrets: { keyedBy: 1 },
  pastEpochs: { keyedBy: 2 },
  stagedCommits: { keyedBy: 1 },
  intents: { keyedBy: 1 },
  outbox: { keyedBy: 1 },
  conversations: { keyedBy: 1 },
  timeline: { keyedBy: 1 },
  timelineIds: { keyedBy: 1 },
  acts: { keyedBy: 0 },
} as const satisfies Record<Table, { keyedBy: number }>;

export const TABLE_NAMES = Object.keys(TABLES).filter((name): name is Table => name in TABLES);

/** The name of a row's record key: table and leading key parts, written so that no two scopes share one. */
export function scopeOf(table: Table, key: Key): string {
  return JSON.stringify([table, ...key.slice(0, TABLES[table].keyedBy)]);
}
