import { privateMessage } from "@thicket/delivery-service/testing";
import { toHex } from "@thicket/protocol";
import { wire } from "../clients/device.ts";
import type { Append, Commit, Intent } from "../history.ts";
import { type GroupPlace, type Membership } from "./group.ts";
import { digestOf } from "./recorder.ts";
import { catchUpByPages } from "./read-acts.ts";
import { type Lane, oneOf } from "./world.ts";

/** Of those that were taken, this many are kept to be replayed. */
const TAKEN = 40;
/** A few are given up: nobody ever asks again what became of them. */
const GIVES_UP = 5;

type AppendKind = Append["kind"];
const MOSTLY_TEXTS: readonly [AppendKind, ...AppendKind[]] = [
  ...(["application", "application", "application", "application"] as const),
  ...(["application", "application", "proposal", "note"] as const),
];

interface Draft {
  membership: Membership;
  place: GroupPlace;
  entryId: string;
  intent: Intent;
}

/** A seat of this client that writes, and where. */
export function pickSeat({ client, random }: Lane): (Membership & { place: GroupPlace }) | undefined {
  const able = [...client.memberships.values()].filter(
    (seat): seat is Membership & { place: GroupPlace } =>
      seat.place !== undefined && seat.known && !seat.removed,
  );
  return oneOf(random, able);
}

export async function append(lane: Lane): Promise<void> {
  const { random } = lane;
  const membership = pickSeat(lane);
  if (membership === undefined) return;
  const kind = random.pick([...MOSTLY_TEXTS]);
  const back = kind !== "proposal" && random.below(16) === 0 ? membership.place.parent : undefined;
  // The seat may write where it belonged already.
  const place = back?.seats.has(membership.seatId) === true ? back : membership.place;
  const entryId = toHex(random.bytes(16));
  await write(lane, { membership, place, entryId, intent: "honest" }, kind, 2);
}

/** `tries`: how often it may be encrypted anew after EPOCH_STALE. */
async function write(lane: Lane, draft: Draft, kind: AppendKind, tries: number): Promise<Append | undefined> {
  const { membership, place, entryId } = draft;
  const text = content(lane, entryId, place.branch);
  // A note is no MLSMessage.
  const bytes =
    kind === "note" ? text : wire(privateMessage(membership.group.groupId, place.epoch, kind, text));
  const send = sendAppend(lane, draft, kind, bytes);
  const operation = await send();
  keep(lane, operation, { membership, digest: digestOf(bytes), send });
  const stale = operation?.outcome.kind === "refused" && operation.outcome.error.code === "EPOCH_STALE";
  // Only after a definite EPOCH_STALE: the same message and entry id, encrypted in the new epoch.
  if (!stale || kind !== "application" || tries === 0 || lane.random.below(3) === 0) return operation;
  await catchUpByPages(lane, membership);
  const next = membership.place;
  if (next === undefined || membership.removed || next.epoch <= place.epoch) return operation;
  return write(lane, { ...draft, place: next }, kind, tries - 1);
}

function sendAppend(lane: Lane, draft: Draft, kind: AppendKind, bytes: Buffer) {
  const { membership, place, entryId, intent } = draft;
  const digest = digestOf(bytes);
  const request = { ...credentials(membership, place), entryId, kind, bytes };
  const named = { groupId: membership.group.groupId, seatId: membership.seatId, entryId };
  const { epoch, branch } = place;
  return () =>
    lane.client.ask<"group.append", Append>(
      "group.append",
      request,
      { op: "append", ...named, epoch, branch, kind, digest, intent },
      ({ seq, receivedAt }) => ({ seq, receivedAt }),
    );
}

export function credentials({ group, seatId, seatToken }: Membership, { epoch, branch, token }: GroupPlace) {
  return { groupId: group.groupId, seatId, seatToken, epochToken: token, epoch, branch };
}

/** Unique by the entry id and branch; mostly short, seldom as long as may be. */
export function content({ random }: Lane, entryId: string, branch: number): Buffer {
  const size =
    random.below(300) === 0
      ? 20_000 + random.below(44_000)
      : 32 + random.below(random.below(4) === 0 ? 900 : 80);
  const bytes = Buffer.alloc(Math.max(size, 24), 0x5a);
  bytes.write(entryId, 0, "hex");
  bytes.writeUInt32BE(branch, 16);
  return bytes;
}

/** What is unknown is asked again; what was taken is sometimes sent once more, long after. */
export function keep(
  lane: Lane,
  operation: Append | Commit | undefined,
  { membership, digest, send }: { membership: Membership; digest: string; send: () => Promise<unknown> },
): void {
  if (operation === undefined) return;
  const { outcome } = operation;
  if (outcome.kind === "unknown") {
    if (lane.random.below(GIVES_UP) === 0) return;
    membership.unsettled.add(digest);
    lane.unsettled.push(async () => {
      // Who has seen it in the log needn't ask.
      if (membership.unsettled.delete(digest)) await send();
    });
  } else if (outcome.kind === "ok") {
    const taken = { again: async () => void (await send()), seq: outcome.reply.seq, membership };
    if (lane.taken.length < TAKEN) lane.taken.push(taken);
    else lane.taken[lane.random.below(TAKEN)] = taken;
  }
}

/** One of the writes that nothing was heard of. */
export async function settleOne(lane: Lane): Promise<void> {
  const again = lane.unsettled.shift();
  await again?.();
}

export async function replayOne(lane: Lane): Promise<void> {
  const taken = oneOf(lane.random, lane.taken);
  // What it has acknowledged may be purged, and then nobody knows that it was there.
  if (taken !== undefined && taken.seq > taken.membership.reading.acknowledged) await taken.again();
}

/** Somebody who was removed, or is at an epoch long over, writes on; or with a token that isn't right. */
export async function writeAgainstTheRules(lane: Lane): Promise<void> {
  const { client, random } = lane;
  const seats = [...client.memberships.values()].filter(({ place, known }) => known && place !== undefined);
  const removed = seats.filter((seat) => seat.removed);
  const membership = oneOf(random, removed.length > 0 && random.below(2) === 0 ? removed : seats);
  const place = membership?.place;
  if (membership === undefined || place === undefined) return;
  const entryId = toHex(random.bytes(16));
  if (random.below(2) === 0) {
    const old = place.parent?.parent?.parent ?? place.parent ?? place;
    const intent = membership.removed || old !== place ? "outdated" : "honest";
    const at = membership.removed ? place : old;
    await write(lane, { membership, place: at, entryId, intent }, "application", 0);
    return;
  }
  const forged = Buffer.from(random.bytes(32));
  const seat: Membership = random.below(2) === 0 ? { ...membership, seatToken: forged } : membership;
  const where = seat === membership ? { ...place, token: forged } : place;
  await write(lane, { membership: seat, place: where, entryId, intent: "forged" }, "application", 0);
}
