import type { Branch, EntryId, GroupId, SeatId } from "@thicket/protocol";

/** One group that a write is about: whatever of it changes, changes under this group's lock. */
export interface GroupPlan {
  groupId: GroupId;
  /** What the write will read, so that it can be fetched together with that of others. Leaving it out costs time only. */
  seatId?: SeatId;
  /** With `seatId`: whether the branch's epoch holds that seat. */
  branch?: Branch;
  /** With `seatId`: whether this is a resend. */
  entryId?: EntryId;
  /** With `seatId`: where the seat stands in the group; and which epoch has this token (32 bytes). */
  attaching?: { epochToken: Uint8Array | undefined };
  /** The lowest cursor. */
  cursors?: boolean;
}

/** The groups that a write may change: none that isn't named here. */
export interface Plan {
  groups: readonly GroupPlan[];
}

export const NO_GROUPS: Plan = { groups: [] };
