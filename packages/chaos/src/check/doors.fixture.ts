// The honest history goes on: a seat goes on under another name, a group has two tips, and outsiders knock.
import type {
  CommitClearFields,
  Knock,
  OpenLink,
  Operation,
  PublishLink,
  SeenEntry,
  WithdrawLink,
} from "../history.ts";
import { DEVICES, type Draft, GROUP, writeOf } from "./honest-history.fixture.ts";

export const LINK = "link";
/** Cat's seat is called kit from entry 10 on. */
const NAMES: readonly string[] = ["cat", "kit"];
const OK = { kind: "ok", reply: {} } as const;

/**
 * 10: Cat's commit, which replaces cat by kit. 11: kit writes. 12: Ann's other candidate in its place, where cat is
 * still cat. 13 and 14: one knock by the link. 15 and 16: one by Ben's old seat. Then the link is withdrawn.
 */
export function goOn(draft: Draft): void {
  const published = { ...linkOf(3, 7, "ann"), card: "card" } as const;
  add(draft, { op: "publish-link", ...timed(draft, 0), ...published, card: "first card", outcome: OK });
  add(draft, { op: "publish-link", ...timed(draft, 0), ...published, outcome: OK });
  add(draft, openOf(draft, "card"));
  const replaced = { ...clear(10), seatReplaced: { from: "cat", to: "kit" } };
  write(draft, "cat", { epoch: 3, branch: 7, kind: "commit", commit: replaced });
  write(draft, "kit", { epoch: 4, branch: 10, kind: "application" });
  write(draft, "ann", { epoch: 3, branch: 7, kind: "commit", commit: clear(12) }, { supersedes: 10 });
  for (const [by, door] of [
    ["link", LINK],
    ["seat", "ben"],
  ] as const) {
    const digest = `knock by ${by}`;
    for (const branch of [12, 10]) show(draft, { epoch: 4, branch, kind: "knock", digest });
    add(draft, knockOf(draft, { by, door, digest }));
  }
  add(draft, { op: "withdraw-link", ...timed(draft, 0), ...linkOf(4, 12, "ann"), outcome: OK });
  add(draft, { ...openOf(draft, "card"), outcome: { kind: "refused", error: { code: "LINK_UNKNOWN" } } });
  const cats = draft.finalViews.find(({ seatId }) => seatId === "cat");
  if (cats !== undefined) draft.finalViews.push({ ...cats, seatId: "kit", entries: [...cats.entries] });
}

export function openOf(draft: Draft, card: string): OpenLink {
  return { op: "open-link", ...timed(draft, 3), linkId: LINK, outcome: { kind: "ok", reply: { card } } };
}

export function knockOf(draft: Draft, fields: Partial<Knock>): Knock {
  return {
    op: "knock",
    ...timed(draft, 3),
    by: "link",
    door: LINK,
    groupId: GROUP,
    entryId: "an entry id",
    digest: "a knock",
    intent: "honest",
    outcome: OK,
    ...fields,
  };
}

export function publishOf(draft: Draft, fields: Partial<PublishLink>): PublishLink {
  return {
    op: "publish-link",
    ...timed(draft, 0),
    ...linkOf(4, 12, "ann"),
    card: "last card",
    outcome: OK,
    ...fields,
  };
}

function linkOf(
  epoch: number,
  branch: number,
  seatId: string,
): Pick<WithdrawLink, "groupId" | "seatId" | "linkId" | "epoch" | "branch" | "intent"> {
  return { groupId: GROUP, seatId, linkId: LINK, epoch, branch, intent: "honest" };
}

/** One more entry of the log, and what its author was told. */
function write(
  draft: Draft,
  by: string,
  what: Pick<SeenEntry, "epoch" | "branch" | "kind" | "commit">,
  besides: object = {},
): void {
  const entry = show(draft, { ...what, digest: `bytes ${draft.entries.length + 1}` });
  const { seq, receivedAt } = entry;
  const device = DEVICES[by === "kit" ? "cat" : by] ?? 0;
  const operation = writeOf(entry, by, timed(draft, device), { kind: "ok", reply: { seq, receivedAt } });
  add(draft, { ...operation, ...besides });
}

/** Ann and Cat belong to every epoch from 3 on, Cat under either name. */
function show(
  draft: Draft,
  what: Pick<SeenEntry, "epoch" | "branch" | "kind" | "digest" | "commit">,
): SeenEntry {
  const seq = draft.entries.length + 1;
  const entry: SeenEntry = { groupId: GROUP, seq, receivedAt: 1000 + seq, ...what };
  draft.entries.push(entry);
  for (const { seatId, entries } of draft.finalViews) if (seatId !== "ben") entries.push(entry);
  for (const { asked, seats, entries } of draft.listenings) {
    if (asked.has("ben")) continue;
    entries.push(entry);
    if (!asked.has("cat") || what.commit?.seatReplaced === undefined) continue;
    for (const name of NAMES) asked.add(name);
    seats.push({ seatId: "kit", cursor: seq, headSeq: seq });
  }
  return entry;
}

function clear(seq: number): CommitClearFields {
  return { nextTokenHash: `token ${seq}`, seatsAdded: [], seatsRemoved: [] };
}

function timed({ operations }: Draft, device: number) {
  const time = Math.max(...operations.map(({ completed }) => completed));
  return { id: operations.length, device, node: 0, invoked: time + 1, completed: time + 2 };
}

function add({ operations }: Draft, operation: Operation): void {
  operations.push(operation);
}
