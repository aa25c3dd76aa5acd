import * as v from "valibot";
import { bytes, bytesOf } from "./bytes.ts";
import { Branch, Epoch, SeatId, Seq, Timestamp } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/** Notes and knocks are sealed bytes of Thicket's own; the others are MLSMessages, PrivateMessages all. */
export const EntryKind = v.picklist(["commit", "proposal", "application", "note", "knock"]);
export type EntryKind = v.InferOutput<typeof EntryKind>;

/** SHA-256 of the epoch token, or the token itself: 32 bytes. */
export const Token = bytesOf(32);

/**
 * The clear fields of a commit: all that the DS acts on. They are unsigned; members hold them
 * against what the commit says, and a difference makes the commit bad (`delivery.md`, Bad commits).
 */
export const CommitFields = v.object({
  nextTokenHash: bytesOf(32),
  seatsAdded: v.pipe(v.array(SeatId), v.maxLength(LIMITS.seatsPerGroup)),
  seatsRemoved: v.pipe(v.array(SeatId), v.maxLength(LIMITS.seatsPerGroup)),
  /**
   * The commit rotates its author's leaf signature key: on this branch the author's seat `from` goes on as `to`, with
   * the same token and cursor. Neither is named in `seatsAdded` or `seatsRemoved`.
   */
  seatReplaced: v.optional(v.object({ from: SeatId, to: SeatId })),
});
export type CommitFields = v.InferOutput<typeof CommitFields>;

/** One entry of a group's log, as the DS keeps and sends it. */
export const Entry = v.object({
  seq: Seq,
  epoch: Epoch,
  branch: Branch,
  kind: EntryKind,
  receivedAt: Timestamp,
  bytes: bytes(LIMITS.commitBundle),
  commit: v.optional(CommitFields),
});
export type Entry = v.InferOutput<typeof Entry>;
