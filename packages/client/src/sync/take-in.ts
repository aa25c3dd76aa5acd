import { type Entry, type GroupId, LIMITS } from "@thicket/protocol";
import { entryHash } from "../groups/seats.ts";
import { parseEpoch, parseSeq } from "../identity/parse-ids.ts";
import { receiveEntry } from "../messages/receive-entry.ts";
import type { Runtime } from "../runtime.ts";
import { isLive } from "../state.ts";
import { isConnected, type Track } from "./track.ts";
import { judgeFailure } from "./request-outcome.ts";

/** Entries that one step takes: the store is written once for all of them. */
const BATCH = 32;

/**
 * Takes a group's log in, strictly in its order: what has arrived, and what is missing from the relay. Resolves when
 * the group is where its log is known to be, or can't go on now. `later` is called where a request is to be repeated.
 */
export async function takeIn(
  runtime: Runtime,
  groupId: GroupId,
  track: Track,
  later: (after?: number) => void,
): Promise<void> {
  for (;;) {
    const group = runtime.memory.groups.get(groupId);
    if (runtime.stopped() || !isConnected(track, group)) return;
    const { seq } = group.cursor;
    const ready = contiguous(track.waiting, seq + 1);
    if (ready.length > 0) {
      await takeEntries(runtime, groupId, ready);
      for (const entry of ready) track.waiting.delete(entry.seq);
      continue;
    }
    for (const waiting of track.waiting.keys()) if (waiting <= seq) track.waiting.delete(waiting);
    if (track.head <= seq) return;
    const { seatId, seatToken } = group.row;
    const reply = await runtime.wait(
      runtime.ports.relay.request("group.read", {
        groupId,
        seatId,
        seatToken,
        after: parseSeq(seq),
        limit: LIMITS.logPage,
      }),
    );
    if (!track.attached) return;
    if (!reply.ok) {
      const failure = judgeFailure(reply.error);
      if (failure.kind === "later") return later(failure.after);
      runtime.publish({ type: "problem", error: { code: "RELAY_REFUSED", subject: reply.error.code } });
      track.attached = false;
      return;
    }
    track.failures = 0;
    // A page says what is there for us: seqs that it leaves out are not ours to read.
    const page = reply.entries.filter((entry) => entry.seq > seq).sort((a, b) => a.seq - b.seq);
    for (let from = 0; from < page.length; from += BATCH) {
      await takeEntries(runtime, groupId, page.slice(from, from + BATCH));
    }
    track.head = Math.max(reply.headSeq, ...track.waiting.keys());
    if (page.length === 0 && track.head <= reply.headSeq) track.head = seq;
  }
}

async function takeEntries(runtime: Runtime, groupId: GroupId, entries: readonly Entry[]): Promise<void> {
  const own = runtime.memory.groups.get(groupId)?.staged?.hash;
  await runtime.step(async (step) => {
    for (const entry of entries) await receiveEntry(step, groupId, entry);
  });
  const others = entries.filter(({ bytes }) => entryHash(bytes) !== own);
  if (others.some(({ commit }) => commit !== undefined && commit.seatsAdded.length > 0)) {
    confirmEpoch(runtime, groupId);
  }
}

/** Somebody was added by somebody else, and the commit is good: their Welcomes needn't wait any longer. A hint, said once. */
function confirmEpoch(runtime: Runtime, groupId: GroupId): void {
  const row = runtime.memory.groups.get(groupId)?.row;
  if (row === undefined || !isLive(row)) return;
  const { seatId, seatToken, epochToken } = row;
  const place = { epoch: parseEpoch(row.epoch), branch: parseSeq(row.branch) };
  runtime.run("confirm", async () => {
    const { relay, log } = runtime.ports;
    const reply = await runtime.wait(
      relay.request("group.confirm", { groupId, seatId, seatToken, epochToken, ...place }),
    );
    if (!reply.ok) log("debug", "confirm not taken", { code: reply.error.code });
  });
}

function contiguous(waiting: ReadonlyMap<number, Entry>, from: number): Entry[] {
  const found: Entry[] = [];
  for (let seq = from; found.length < BATCH; seq++) {
    const entry = waiting.get(seq);
    if (entry === undefined) break;
    found.push(entry);
  }
  return found;
}
