import { diffGroup, diffPastEpoch, type RecordDiff } from "@thicket/mls";
import { LEAF_KEY } from "./load-memory.ts";
import type { Key, Write } from "./ports.ts";
import type { Engine, Group } from "./state.ts";

/**
 * What to write so that the stored group becomes `after`. Parts that are identical to `before`'s cost nothing, so a
 * message writes its sender's ratchet, its outbox row and the cursor, whatever the group's size.
 * What an engine that is gone leaves behind is erased by its keys: see `erasuresOf`.
 */
export function writesOfGroup(before: Group | undefined, after: Group): Write[] {
  const { groupId } = after.row;
  const writes: Write[] = [];
  if (before?.row !== after.row) writes.push({ table: "groups", key: [groupId], value: after.row });
  if (before?.cursor !== after.cursor) writes.push({ table: "cursors", key: [groupId], value: after.cursor });
  if (before?.staged !== after.staged) {
    writes.push({ table: "stagedCommits", key: [groupId], value: after.staged });
  }
  for (const { order } of goneFrom(before?.intents ?? [], after.intents)) {
    writes.push({ table: "intents", key: [groupId, order], value: undefined });
  }
  for (const row of newIn(before?.intents ?? [], after.intents)) {
    writes.push({ table: "intents", key: [groupId, row.order], value: row });
  }
  for (const { order } of goneFrom(before?.outbox ?? [], after.outbox)) {
    writes.push({ table: "outbox", key: [groupId, order], value: undefined });
  }
  for (const row of newIn(before?.outbox ?? [], after.outbox)) {
    writes.push({ table: "outbox", key: [groupId, row.order], value: row });
  }
  if (after.engine !== undefined && after.engine !== before?.engine) {
    writes.push(...writesOfEngine(groupId, before?.engine, after.engine));
  }
  return writes;
}

function goneFrom<T extends { order: number }>(before: readonly T[], after: readonly T[]): T[] {
  if (before === after) return [];
  const kept = new Set(after.map(({ order }) => order));
  return before.filter(({ order }) => !kept.has(order));
}

function newIn<T>(before: readonly T[], after: readonly T[]): T[] {
  if (before === after) return [];
  const known = new Set(before);
  return after.filter((row) => !known.has(row));
}

function writesOfEngine(groupId: string, before: Engine | undefined, after: Engine): Write[] {
  const writes: Write[] = [];
  const diff = diffGroup(before?.state, after.state);
  for (const [name, value] of diff.put) {
    writes.push({ table: tableOf(name), key: [groupId, name], value });
  }
  for (const name of diff.delete) {
    writes.push({ table: tableOf(name), key: [groupId, name], value: undefined });
  }
  if (before?.leafKey !== after.leafKey) {
    writes.push({ table: "groupSecrets", key: [groupId, LEAF_KEY], value: after.leafKey });
  }
  for (const { epoch, past } of after.past) {
    const stored = before?.past.find((other) => other.epoch === epoch)?.past;
    if (stored !== past) writes.push(...pastWrites([groupId, epoch], diffPastEpoch(stored, past)));
  }
  return writes;
}

function pastWrites(prefix: Key, diff: RecordDiff): Write[] {
  return [
    ...diff.put.map(([name, value]): Write => ({ table: "pastEpochs", key: [...prefix, name], value })),
    ...diff.delete.map((name): Write => ({ table: "pastEpochs", key: [...prefix, name], value: undefined })),
  ];
}

function tableOf(name: string): "groupPublic" | "groupSecrets" {
  return name.startsWith("secret/") ? "groupSecrets" : "groupPublic";
}

export interface Erasure {
  table: "groupPublic" | "groupSecrets" | "pastEpochs";
  /** All rows whose key begins with it. */
  prefix: Key;
}

/** What is to be erased row by row: past epochs that are no longer kept, or all of a group that has ended here. */
export function erasuresOf(before: Group | undefined, after: Group): Erasure[] {
  const { groupId } = after.row;
  if (before?.engine !== undefined && after.engine === undefined) return allOf(groupId);
  const kept = new Set(after.engine?.past.map(({ epoch }) => epoch));
  return (before?.engine?.past ?? [])
    .filter(({ epoch }) => !kept.has(epoch))
    .map(({ epoch }) => ({ table: "pastEpochs", prefix: [groupId, epoch] }));
}

export function allOf(groupId: string): Erasure[] {
  return [
    { table: "groupPublic", prefix: [groupId] },
    { table: "groupSecrets", prefix: [groupId] },
    { table: "pastEpochs", prefix: [groupId] },
  ];
}
