import { type DeliveryRequest, type Entry, fromHex, type SeatId } from "@thicket/protocol";
import type { Reader, Transaction } from "../db/access.ts";
import { nextSeq } from "../db/own-ids.ts";
import type { EpochRow, GroupRow } from "../db/statements.ts";
import type { WriteOperation } from "../db/access.ts";
import type { DeliveryLimits } from "../limits.ts";
import { type Accepted, type Outcome, refused } from "../outcome.ts";
import { noteShown } from "../seats/show-token.ts";
import { readAudience } from "./audience.ts";
import { checkAuthor, checkHeader } from "./check-author.ts";
import { answerResend, markOf, type ResendMark } from "./resend.ts";
import { refuseAsStale } from "./tips.ts";

type Reply = Accepted<"group.append">;

/** An application entry is still taken for this many epochs before a tip. */
const LATE_EPOCHS = 2;

/**
 * `group.append`: a proposal or an application message, on any tip; an application message also for the two epochs
 * before one, unless a commit since then removed a seat; a note for any epoch that is kept.
 *
 * Refuses with PAYLOAD_TOO_LARGE, GROUP_UNKNOWN, ENTRY_CONFLICT, SEAT_REFUSED, SEAT_DROPPED, EPOCH_TOKEN_REFUSED,
 * HEADER_MISMATCH, PUBLIC_MESSAGE_REFUSED or EPOCH_STALE.
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

    const author = await checkAuthor(tx, request, group);
    if (!author.ok) return { reply: author, effects: [] };
    const { place, seat, seatId } = author;
    // A note is no MLSMessage: bytes that members sealed for members, with nothing in the clear.
    const mismatch = kind === "note" ? undefined : checkHeader(bytes, { groupId, epoch, kind });
    if (mismatch !== undefined) return { reply: mismatch, effects: [] };
    if (!(await isTaken(tx, group.no, place, kind))) {
      return { reply: await refuseAsStale(tx, group.no, branch), effects: [] };
    }

    const now = deps.now();
    const audience = await readAudience(tx, group, place);
    const at = { place, mark, by: "member", now, alsoTo: audience.alsoTo } as const;
    const entry = await writeEntry(tx, group, at, { kind, bytes });
    const shown = { groupNo: group.no, seatId, seatToken: request.seatToken, seat, place };
    return {
      reply: { ok: true, seq: entry.seq, receivedAt: entry.receivedAt },
      effects: [
        { kind: "appended", groupId, entries: [entry], ...audience },
        ...(await noteShown(tx, shown, now)),
      ],
    };
  };
}

export interface EntryPlace {
  place: EpochRow;
  mark: ResendMark;
  /** Who isn't a member keeps no branch alive. */
  by: "member" | "stranger";
  now: number;
  /** Seats of no tip that may read it: it is kept for them too. */
  alsoTo: readonly SeatId[];
}

/** Puts the entry at the end of the log, with its seq and time, and remembers it against resends. */
export async function writeEntry(
  tx: Transaction,
  group: GroupRow,
  { place, mark, by, now, alsoTo }: EntryPlace,
  content: Pick<Entry, "kind" | "bytes" | "commit">,
): Promise<Entry> {
  const seq = nextSeq(group.head_seq);
  // A clock that went back must not make the log say so.
  const receivedAt = Math.max(now, group.received_at);
  const { branch, epoch, line } = place;
  const { kind, bytes } = content;
  await tx.hot.insertEntry({
    groupNo: group.no,
    seq,
    branch,
    line,
    epoch,
    kind,
    receivedAt,
    bytes,
    resend: mark,
  });
  await tx.hot.advance(group.no, seq, receivedAt);
  await tx.hot.noteWritten(group.no, branch, seq, by === "member" ? receivedAt : 0);
  if (alsoTo.length > 0) {
    await tx.change
      .updateTable("seats")
      .set({ needs_to: seq })
      .where("group_no", "=", group.no)
      .where("seat_id", "in", alsoTo.map(fromHex))
      .execute();
  }
  return { ...content, epoch, branch, seq, receivedAt };
}

async function isTaken(
  reader: Reader,
  groupNo: number,
  place: EpochRow,
  kind: Entry["kind"],
): Promise<boolean> {
  if (place.is_tip === 1 || kind === "note") return true;
  return kind === "application" && isInTime(reader, groupNo, place.branch, LATE_EPOCHS);
}

/** Whether a tip is so few epochs further on, by commits that removed nobody. */
async function isInTime(
  reader: Reader,
  groupNo: number,
  branch: number,
  epochsLeft: number,
): Promise<boolean> {
  for (const next of await reader.hot.candidates(groupNo, branch)) {
    if (next.removes === 1) continue;
    if (next.is_tip === 1) return true;
    if (epochsLeft > 1 && (await isInTime(reader, groupNo, next.branch, epochsLeft - 1))) return true;
  }
  return false;
}
