import { setTimeout as sleep } from "node:timers/promises";
import { checkHistory } from "../check/check-history.ts";
import type { Rule, Violation } from "../check/violation.ts";
import type { FinalView, History, SeenEntry } from "../history.ts";
import type { Client } from "./client.ts";
import type { Membership } from "./group.ts";
import { countPackages } from "./key-package-acts.ts";
import { askPage, confirm, takeWelcomes } from "./read-acts.ts";
import type { Recorder } from "./recorder.ts";
import type { World } from "./world.ts";

/** What may still come once everything is sound again, and for how long (ms). */
const OWED: readonly Rule[] = ["stream-complete", "welcome-delivered"];
const OWED_WITHIN = 40_000;
const CONNECTED_WITHIN = 60_000;
/** A reader that gives up would say that what it lacks is gone: on a busy machine answers take long. */
const READ_WITHIN = 120_000;
/** How long a node may take over what it was asked while it was short of everything. */
const SETTLED_WITHIN = 180_000;
const PAGE = 256;

/** Lets come what is owed, has every seat read all that it may, and checks the history with that. */
export async function concludeRound(
  world: World,
  recorder: Recorder,
  storeMayFail: boolean,
): Promise<{ history: History; violations: readonly Violation[] }> {
  const { clients } = world;
  await until(() => clients.every((client) => client.isConnected()), CONNECTED_WITHIN);
  await Promise.all(clients.map(settle));
  const end = performance.now() + OWED_WITHIN;
  for (;;) {
    await Promise.all(clients.map((client) => emptyInbox(world, client)));
    const views = await Promise.all(clients.map(readViews));
    const finalCounts = await Promise.all(
      clients.map(async (client) => ({ device: client.index, count: (await countPackages(client)) ?? -1 })),
    );
    const history = recorder.history({ finalViews: views.flat(), finalCounts, storeMayFail });
    const violations = checkHistory(history);
    const owed = violations.some(({ rule }) => OWED.includes(rule));
    if (!owed || performance.now() > end) return { history, violations };
    await sleep(300);
  }
}

/**
 * What nobody was answered for may still wait at a node, and be carried out after everything was read. A node carries
 * writes out in the order in which they came: once it answers a later one, nothing waits any more.
 */
async function settle(client: Client): Promise<void> {
  const end = performance.now() + SETTLED_WITHIN;
  const seat = [...client.memberships.values()].find(
    ({ known, removed, place }) => known && !removed && place,
  );
  if (seat === undefined) return;
  while ((await confirm(client, seat))?.outcome.kind === "unknown" && performance.now() < end);
}

async function emptyInbox(world: World, client: Client): Promise<void> {
  const lost = [...client.memberships.values()].filter(({ known }) => !known);
  if (lost.length > 0) await client.attach(lost);
  // The clock was set back: what was to be held for a moment might be held for hours.
  for (const membership of client.memberships.values()) await confirm(client, membership);
  while (await takeWelcomes(world, client, false));
}

async function readViews(client: Client): Promise<FinalView[]> {
  const known = [...client.memberships.values()].filter((membership) => membership.known);
  return Promise.all(known.map((membership) => readView(client, membership)));
}

/** Everything that the seat may read. A reader who isn't answered asks again, and for some time: all is sound. */
export async function readView(client: Client, membership: Membership): Promise<FinalView> {
  const { group, seatId } = membership;
  const entries: SeenEntry[] = [];
  let lowestSeq = 1;
  const end = performance.now() + READ_WITHIN;
  for (;;) {
    const { outcome } = (await askPage(client, membership, entries.at(-1)?.seq ?? 0, PAGE)) ?? {};
    if (outcome?.kind === "refused" && outcome.error.code === "SEAT_REFUSED") {
      return { groupId: group.groupId, seatId, entries, lowestSeq, forgotten: true };
    }
    if (outcome?.kind !== "ok") {
      // What can't be read by then is missing from the view, and the checker says so.
      if (performance.now() > end) break;
      await sleep(50);
      continue;
    }
    const { reply } = outcome;
    entries.push(...reply.entries);
    lowestSeq = reply.lowestSeq;
    if (reply.entries.length === 0 || (entries.at(-1)?.seq ?? 0) >= reply.headSeq) break;
  }
  return { groupId: group.groupId, seatId, entries, lowestSeq };
}

async function until(holds: () => boolean, within: number): Promise<void> {
  const end = performance.now() + within;
  while (!holds()) {
    if (performance.now() > end) throw new Error("not all clients are connected again");
    await sleep(20);
  }
}
