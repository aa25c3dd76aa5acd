// Ways to change a history before it is checked.
import type { Operation, Outcome, SeatReplaced, SeenEntry } from "../history.ts";
import { DEVICES, type Draft, GROUP, writeOf } from "./honest-history.fixture.ts";

export const isLost = ({ op, outcome }: Operation) => op === "commit" && outcome.kind === "refused";
export const answered = ({ seq, receivedAt }: SeenEntry) =>
  ({ kind: "ok", reply: { seq, receivedAt } }) as const;
export const noChange = (nextTokenHash: string) => ({ nextTokenHash, seatsAdded: [], seatsRemoved: [] });
export const refused = (code: string, winner?: number): Outcome<never> => ({
  kind: "refused",
  error: { code, winner },
});
export const openings = ({ operations }: Draft) => operations.filter(({ op }) => op === "open-link");
/** Of the link's second card. */
export const publishing = ({ operations }: Draft) => operations.findLast(({ op }) => op === "publish-link");
export const knockBy = ({ operations }: Draft, by: string) =>
  operations.find((operation) => operation.op === "knock" && operation.by === by);

export function last(draft: Draft) {
  const time = Math.max(...draft.operations.map(({ completed }) => completed));
  return { id: draft.operations.length, device: 0, node: 0, invoked: time + 1, completed: time + 2 };
}

/** One more write that is in nobody's log. */
export function stray(draft: Draft, seatId: string, branch: number): Operation {
  const entry: SeenEntry = { ...entryAt(draft, 8), seq: 0, branch, digest: "stray" };
  const operation = writeOf(entry, seatId, last(draft), { kind: "unknown" });
  draft.operations.push(operation);
  return operation;
}

export function writeAt({ operations }: Draft, seq: number): Operation | undefined {
  return operations.find((operation) => "digest" in operation && operation.digest === `bytes ${seq}`);
}

export function without(draft: Draft, operation: Operation | undefined): void {
  draft.operations = draft.operations.filter((other) => other !== operation);
}

/** Cat's commit says this, and said it when it was sent. */
export function replaceAt10(draft: Draft, seatReplaced: SeatReplaced): void {
  everywhere(draft, 10, { commit: { ...noChange("token 10"), seatReplaced } });
  change(draft, writeAt(draft, 10), { seatReplaced });
}

export function acknowledged(draft: Draft, seatId: string, seq: number): Operation {
  const outcome = { kind: "ok", reply: { ackedSeq: 9 } } as const;
  const device = DEVICES[seatId] ?? 2;
  return { op: "ack", ...last(draft), device, groupId: GROUP, seatId, seq, outcome };
}

export function change(draft: Draft, operation: Operation | undefined, fields: object): void {
  if (operation === undefined) throw new Error("no such operation");
  draft.operations = draft.operations.map((other) => (other === operation ? { ...other, ...fields } : other));
}

export function viewOf(draft: Draft, seatId: string): SeenEntry[] {
  const view = draft.finalViews.find((other) => other.seatId === seatId);
  if (view === undefined) throw new Error("no such view");
  return view.entries;
}

/** The entries of the one page that was read; to be changed in place. */
export function pageOf({ operations }: Draft): SeenEntry[] {
  for (const { op, outcome } of operations) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a draft's own array
    if (op === "read" && outcome.kind === "ok") return outcome.reply.entries as SeenEntry[];
  }
  throw new Error("no page");
}

export function allLists(draft: Draft): SeenEntry[][] {
  return [...draft.finalViews, ...draft.listenings].map(({ entries }) => entries).concat([pageOf(draft)]);
}

export function forget(draft: Draft, gone: number): void {
  for (const list of allLists(draft)) {
    const index = list.findIndex(({ seq }) => seq === gone);
    if (index >= 0) list.splice(index, 1);
  }
}

export function swap(list: SeenEntry[], seq: number, fields: Partial<SeenEntry>): void {
  const index = list.findIndex((entry) => entry.seq === seq);
  const entry = list[index];
  if (entry !== undefined) list[index] = { ...entry, ...fields };
}

function entryAt({ entries }: Draft, seq: number): SeenEntry {
  const entry = entries[seq - 1];
  if (entry === undefined) throw new Error("no such entry");
  return entry;
}

/** The same change in the eyes of all readers. */
export function everywhere(draft: Draft, seq: number, fields: Partial<SeenEntry>): void {
  const changed: SeenEntry = { ...entryAt(draft, seq), ...fields };
  for (const list of allLists(draft)) {
    const index = list.findIndex((entry) => entry.seq === seq);
    if (index >= 0) list[index] = changed;
  }
}

/** One more entry at the end, by default an application message of the last epoch, that Ann reads. */
export function append(draft: Draft, fields: Partial<SeenEntry>): SeenEntry {
  const entry: SeenEntry = {
    groupId: GROUP,
    seq: draft.entries.length + 1,
    epoch: 3,
    branch: 7,
    kind: "application",
    receivedAt: 2000,
    digest: "one more",
    ...fields,
  };
  draft.entries.push(entry);
  viewOf(draft, "ann").push(entry);
  draft.listenings[0]?.entries.push(entry);
  return entry;
}

export function welcomed(draft: Draft, device: number, welcomeId: string, digest: string): Operation {
  const outcome = { kind: "ok", reply: { welcomes: [{ welcomeId, digest }] } } as const;
  return { op: "welcomes", ...last(draft), device, outcome };
}
