import { importEd25519Seed, loadGroup, loadPastEpoch } from "@thicket/mls";
import type { Store } from "./ports.ts";
import { emptyMemory, type Engine, type Group, type Memory, type RetainedEpoch } from "./state.ts";
import type { GroupRow, StagedCommitRow } from "./tables.ts";

/** Name of the record that holds the seed of the own leaf's signature key, beside the engine's own records. */
export const LEAF_KEY = "client/leaf-key";

/** Everything but the engine's states, which are read when they are needed. Throws StoreError. */
export async function loadMemory(store: Store): Promise<Memory> {
  const memory = emptyMemory();
  memory.account = await store.get("account", ["self"]);
  const everything = { prefix: [] };
  for (const { value } of await store.list("contacts", everything)) memory.contacts.set(value.userId, value);
  for (const { value } of await store.list("conversations", everything)) {
    memory.conversations.set(value.conversationId, value);
  }
  const cursors = new Map(
    (await store.list("cursors", everything)).map(({ key, value }) => [key[0], value] as const),
  );
  const staged = new Map(
    (await store.list("stagedCommits", everything)).map(({ key, value }) => [key[0], value] as const),
  );
  const intents = (await store.list("intents", everything)).map(({ value }) => value);
  const outbox = (await store.list("outbox", everything)).map(({ value }) => value);
  for (const { value: row } of await store.list("groups", everything)) {
    const { groupId } = row;
    memory.groups.set(groupId, {
      row,
      cursor: cursors.get(groupId) ?? { seq: 0, acked: 0 },
      staged: staged.get(groupId),
      intents: intents.filter((intent) => intent.groupId === groupId),
      outbox: outbox.filter((entry) => entry.groupId === groupId),
      engine: undefined,
    });
  }
  return memory;
}

/** The engine's part of a group. Throws StoreError, or MlsError RECORD_INVALID for records that make up no state. */
export async function loadEngine(store: Store, group: Group): Promise<Engine> {
  const { row } = group;
  const publicRecords = await recordsOf(store, "groupPublic", row);
  const secretRecords = await recordsOf(store, "groupSecrets", row);
  const leafKey = secretRecords.get(LEAF_KEY);
  if (leafKey === undefined) throw new TypeError("a group without its leaf key");
  const signatureKey = await importEd25519Seed(leafKey);
  const state = loadGroup([...publicRecords, ...secretRecords], { signatureKey });
  const next =
    group.staged && loadGroup(nextRecords(publicRecords, secretRecords, group.staged), { signatureKey });

  const byEpoch = new Map<number, [string, Uint8Array][]>();
  for (const { key, value } of await store.list("pastEpochs", { prefix: [row.groupId] })) {
    const epoch = Number(key[1]);
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), [String(key[2]), value]]);
  }
  const past: RetainedEpoch[] = [];
  // Each rests on the one after it, so they are read from the newest to the oldest.
  for (const epoch of [...byEpoch.keys()].toSorted((a, b) => b - a)) {
    past.push({ epoch, past: loadPastEpoch(byEpoch.get(epoch) ?? [], past.at(-1)?.past ?? state) });
  }
  return { state, past, next, leafKey };
}

async function recordsOf(
  store: Store,
  table: "groupPublic" | "groupSecrets",
  row: GroupRow,
): Promise<Map<string, Uint8Array>> {
  const rows = await store.list(table, { prefix: [row.groupId] });
  return new Map(rows.map(({ key, value }) => [String(key[1]), value]));
}

/** The records of the epoch that a staged commit leads to: of this one's, only the tree and private keys stay. */
function nextRecords(
  publicRecords: ReadonlyMap<string, Uint8Array>,
  secretRecords: ReadonlyMap<string, Uint8Array>,
  { next }: StagedCommitRow,
): Map<string, Uint8Array> {
  // What came after the commit was staged belongs to the epoch that ends: its proposals, its ratchets.
  const stays = ([name]: [string, Uint8Array]) =>
    name.startsWith("secret/key/") || (name.startsWith("public/") && !name.startsWith("public/proposal/"));
  const records = new Map([...publicRecords, ...secretRecords].filter(stays));
  for (const name of next.gone) records.delete(name);
  for (const [name, value] of next.put) records.set(name, value);
  return records;
}
