import { type DeliveryRequest, fromHex } from "@thicket/protocol";
import type { Transaction } from "../db/access.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import type { WriteOperation } from "../db/access.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, type Effect, type Outcome, refuse, refused, type Refusal } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";
import { authorMark } from "../welcomes/release-welcomes.ts";
import { storeWelcomes } from "../welcomes/store-welcomes.ts";
import { refreshAcked } from "./acked.ts";
import { writeEntry } from "./append-entry.ts";
import { readAudience } from "./audience.ts";
import { beginEpoch, seatCountAfter, type SeatChanges } from "./begin-epoch.ts";
import { checkAuthor, checkHeader } from "./check-author.ts";
import { answerResend, markOf } from "./resend.ts";
import { takeTurnToSupersede } from "./supersede.ts";
import { refuseAsStale } from "./tips.ts";

/** Seats per statement: SQLite binds at most 32,766 values. */
const CHUNK = 1000;

type Request = DeliveryRequest<"group.commit">;
type Reply = Accepted<"group.commit">;

export interface CommitDeps {
  now: () => number;
  random: (length: number) => Uint8Array;
  limits: DeliveryLimits;
  /** Its Welcomes wait until somebody else could take the commit: there is somebody who could, soon. */
  holdWelcomes: boolean;
}

/**
 * `group.commit`: compare-and-set on the candidates of (epoch, branch). In one transaction the log entry, the next
 * epoch, its seats and the Welcomes; writes O(changed seats) rows, or O(seats) for a candidate after the first. The
 * loser gets EPOCH_STALE with the tips and with the first and the last candidate.
 *
 * Refuses also with PAYLOAD_TOO_LARGE, GROUP_UNKNOWN, ENTRY_CONFLICT, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED,
 * HEADER_MISMATCH, PUBLIC_MESSAGE_REFUSED, SEATS_FULL, RATE_LIMITED for a seat that supersedes too fast, or
 * MALFORMED_REQUEST for seats that can't be added, removed or replaced.
 */
export function commitEpoch(request: Request, deps: CommitDeps): WriteOperation<Reply> {
  const { groupId, epoch, branch, bytes, nextTokenHash, seatsAdded, seatsRemoved, seatReplaced } = request;
  return async (tx): Promise<Outcome<Reply>> => {
    if (bundleSize(request) > deps.limits.commitBundle) {
      return refused("PAYLOAD_TOO_LARGE", { limit: deps.limits.commitBundle });
    }
    const group = await tx.hot.group(fromHex(groupId));
    if (group === undefined) return refused("GROUP_UNKNOWN");
    const mark = markOf(request.seatId, request.entryId, digestParts(request));
    const resent = await answerResend(tx, group.no, mark);
    if (resent !== undefined) return resent;

    const author = await checkAuthor(tx, request, group);
    if (!author.ok) return { reply: author, effects: [] };
    const { place, seat, seatId } = author;
    const mismatch = checkHeader(bytes, { groupId, epoch, kind: "commit" });
    if (mismatch !== undefined) return { reply: mismatch, effects: [] };
    const badSeats = await checkSeatChanges(tx, group, place, request, deps.limits.seatsPerGroup);
    if (badSeats !== undefined) return { reply: badSeats, effects: [] };
    const now = deps.now();
    const turn = await takeCandidate(tx, group, place, request, { now, limits: deps.limits });
    if (!turn.ok) return { reply: turn, effects: [] };

    const changes: SeatChanges = { seatsAdded, seatsRemoved, seatReplaced };
    const commit = { nextTokenHash, seatsAdded, seatsRemoved, ...(seatReplaced && { seatReplaced }) };
    const audience = await readAudience(tx, group, place);
    const content = { kind: "commit", bytes, commit } as const;
    const entry = await writeEntry(
      tx,
      group,
      { place, mark, by: "member", now, alsoTo: audience.alsoTo },
      content,
    );
    const shown = { groupNo: group.no, seatId, seatToken: request.seatToken, seat, place };
    const released = await noteShown(tx, shown, now);
    const holds = deps.holdWelcomes && request.welcomes.length > 0;
    // Who can take this commit could take the one before it: what waits there goes out with what waits here.
    const held = holds || ((await tx.hot.epoch(group.no, branch))?.held ?? 0) === 1;
    const told = await beginEpoch(
      tx,
      group,
      { parent: place, candidate: turn.candidate, entry, nextTokenHash, held, now },
      changes,
    );
    const hold = holds
      ? {
          groupNo: group.no,
          branch: entry.seq,
          author: authorMark(request.seatToken),
          dueAt: now + deps.limits.welcomeHold,
        }
      : undefined;
    const welcomed = await storeWelcomes(tx, request.welcomes, { now, random: deps.random, hold });
    const { effects: acked } = await refreshAcked(tx, groupId, group);
    const effects: Effect[] = [
      // Who is removed still hears of the commit that removes it.
      { kind: "appended", groupId, entries: [entry], ...audience, ...told },
      ...acked,
      ...released,
      ...welcomed,
    ];
    return { reply: { ok: true, seq: entry.seq, receivedAt: entry.receivedAt }, effects };
  };
}

function bundleSize(request: Request): number {
  return request.welcomes.reduce((sum, welcome) => sum + welcome.bytes.length, request.bytes.length);
}

/** Everything of the request that a resend must repeat. */
function* digestParts(request: Request): Generator<Uint8Array | string | number> {
  const { seatsAdded, seatsRemoved, seatReplaced } = request;
  yield* ["commit", request.epoch, request.branch, request.bytes, request.nextTokenHash];
  yield* [seatsAdded.length, ...seatsAdded, seatsRemoved.length, ...seatsRemoved];
  yield* [seatReplaced?.from ?? "", seatReplaced?.to ?? "", request.supersedes ?? ""];
  for (const welcome of request.welcomes) {
    yield* [welcome.bytes, welcome.to.length];
    for (const to of welcome.to) yield* [to.userId, to.deviceId, to.keyPackageRef];
  }
}

/** The first candidate on a tip; the next one on an epoch that has ended, for who names the last. */
async function takeCandidate(
  tx: Transaction,
  group: GroupRow,
  place: EpochRow,
  request: Request,
  deps: { now: number; limits: DeliveryLimits },
): Promise<{ ok: true; candidate: number } | Refusal> {
  const { supersedes } = request;
  if (place.is_tip === 1 && supersedes === undefined) return { ok: true, candidate: 1 };
  const candidates = await tx.hot.candidates(group.no, place.branch);
  const last = candidates.at(-1);
  if (last === undefined || supersedes !== last.branch) return refuseAsStale(tx, group.no, place.branch);
  const contestedAt = candidates[0]?.began_at ?? last.began_at;
  const { seatToken } = request;
  const turn = await takeTurnToSupersede(tx, group.no, { place, seatToken, contestedAt }, deps);
  return turn ?? { ok: true, candidate: last.candidate + 1 };
}

/** Added seats are new to this branch, removed ones belong to it, only the author's own is replaced, and no seat is named twice. */
async function checkSeatChanges(
  tx: Transaction,
  group: GroupRow,
  parent: EpochRow,
  request: Request,
  limit: number,
): Promise<Refusal | undefined> {
  const { seatsAdded, seatsRemoved, seatReplaced } = request;
  const malformed = refuse("MALFORMED_REQUEST");
  const replaced = seatReplaced === undefined ? [] : [seatReplaced.from, seatReplaced.to];
  const named = [...seatsAdded, ...seatsRemoved, ...replaced];
  if (new Set(named).size !== named.length) return malformed;
  const holds = (seatId: Uint8Array) => tx.hot.holds(group.no, seatId, parent.line, parent.branch);
  for (const seatId of seatsAdded.map(fromHex)) if (await holds(seatId)) return malformed;
  if (await isAnyDropped(tx, group.no, seatsAdded.map(fromHex))) return malformed;
  for (const seatId of seatsRemoved.map(fromHex)) if (!(await holds(seatId))) return malformed;
  if (seatReplaced !== undefined) {
    if (seatReplaced.from !== request.seatId || (await holds(fromHex(seatReplaced.to)))) return malformed;
    // Nobody takes over a seat that somebody else has had.
    const from = fromHex(seatReplaced.from);
    const there = await tx.hot.seat(group.no, fromHex(seatReplaced.to));
    const origin = (await tx.hot.seat(group.no, from))?.origin ?? from;
    const own = there === undefined || (there.origin !== null && Buffer.from(there.origin).equals(origin));
    if (!own || there?.dropped === 1) return malformed;
  }
  return seatCountAfter(parent, request) > limit ? refuse("SEATS_FULL", { limit }) : undefined;
}

/** One that was dropped is nobody's any more: its member comes back with another leaf. */
async function isAnyDropped(
  tx: Transaction,
  groupNo: number,
  seatIds: readonly Uint8Array[],
): Promise<boolean> {
  for (let start = 0; start < seatIds.length; start += CHUNK) {
    const dropped = await tx.query
      .selectFrom("seats")
      .select("seat_id")
      .where("group_no", "=", groupNo)
      .where("seat_id", "in", seatIds.slice(start, start + CHUNK))
      .where("dropped", "=", 1)
      .limit(1)
      .executeTakeFirst();
    if (dropped !== undefined) return true;
  }
  return false;
}
