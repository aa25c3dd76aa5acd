import { type DeliveryRequest, type Entry, fromHex, type SeatId } from "@thicket/protocol";
import type { Reader, Transaction, WriteOperation } from "../db/access.ts";
import { nextSeq } from "../db/own-ids.ts";
import type { GroupRow } from "../db/statements.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, type Outcome, refused } from "../outcome.ts";
import { unpackSeatIds } from "../seats/seat-ids.ts";
import { checkAuthor, checkHeader } from "./check-author.ts";
import { answerResend, markOf, type ResendMark } from "./resend.ts";
import { refuseAsStale } from "./tips.ts";

type Reply = Accepted<"group.append">;

/** An application entry is still taken for this many epochs before a tip. */
const LATE_EPOCHS = 2;

/**
 * `group.append`: a proposal or an application message, on any tip; an application message also for the two epochs
 * before one, unless a commit since then removed a seat.
 *
 * Refuses with PAYLOAD_TOO_LARGE, GROUP_UNKNOWN, ENTRY_CONFLICT, SEAT_REFUSED, EPOCH_TOKEN_REFUSED, HEADER_MISMATCH,
 * PUBLIC_MESSAGE_REFUSED or EPOCH_STALE.
 */
export function appendEntry(
  request: DeliveryRequest<"group.append">,
  deps: { now: () => number; limits: DeliveryLimits },
): WriteOperation<Reply> {
  const { groupId, epoch, branch, kind, bytes } = request;
  return async (tx): Promise<Outcome<Reply>> => {
    if (bytes.length > deps.limits.applicationEntry) {
      return refused("PAYLOAD_TOO_LARGE", { limit: deps.limits.applicationEntry });
    }
    const group = await tx.hot.group(fromHex(groupId));
    if (group === undefined) return refused("GROUP_UNKNOWN");
    const mark = markOf(request.seatId, request.entryId, [kind, epoch, branch, bytes]);
    const resent = await answerResend(tx, group.no, mark);
    if (resent !== undefined) return resent;

    const author = await checkAuthor(group, tx, request);
    if (!author.ok) return { reply: author, effects: [] };
    const mismatch = checkHeader(bytes, request);
    if (mismatch !== undefined) return { reply: mismatch, effects: [] };
    const since = author.place.is_tip === 1 ? [] : await joinedSince(tx, group.no, branch, kind);
    if (since === undefined) return refuseAsStale(tx, group.no, branch);

    const entry = await writeEntry(tx, group, mark, { epoch, branch, kind, bytes }, deps.now());
    return {
      reply: { ok: true, seq: entry.seq, receivedAt: entry.receivedAt },
      effects: [{ kind: "appended", groupId, entries: [entry], hiddenFrom: since }],
    };
  };
}

/** Puts the entry at the end of the log, with its seq and time, and remembers it against resends. */
export async function writeEntry(
  tx: Transaction,
  group: GroupRow,
  mark: ResendMark,
  content: Omit<Entry, "seq" | "receivedAt">,
  now: number,
): Promise<Entry> {
  const seq = nextSeq(group.head_seq);
  // A clock that went back must not make the log say so.
  const receivedAt = Math.max(now, group.received_at);
  const { epoch, branch, kind, bytes } = content;
  await tx.hot.insertEntry({ groupNo: group.no, seq, branch, epoch, kind, receivedAt, bytes });
  await tx.hot.insertResend(group.no, mark.key, mark.digest, seq, receivedAt);
  await tx.hot.advance(group.no, seq, receivedAt);
  return { ...content, seq, receivedAt };
}

/**
 * Whether a late application entry for this branch is still taken: the seats that joined since (they may not read
 * it), or undefined where it is too late.
 */
async function joinedSince(
  reader: Reader,
  groupNo: number,
  branch: number,
  kind: Entry["kind"],
): Promise<SeatId[] | undefined> {
  if (kind !== "application") return undefined;
  const walk = async (from: number, epochsLeft: number): Promise<SeatId[] | undefined> => {
    for (const next of await reader.hot.candidates(groupNo, from)) {
      if (next.seats_removed.length > 0) continue;
      const later =
        next.is_tip === 1 ? [] : epochsLeft > 1 ? await walk(next.branch, epochsLeft - 1) : undefined;
      if (later !== undefined) return [...unpackSeatIds(next.seats_added), ...later];
    }
    return undefined;
  };
  return walk(branch, LATE_EPOCHS);
}
