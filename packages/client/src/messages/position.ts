import type { GroupId } from "@thicket/protocol";
import type { Position } from "../api.ts";

/**
 * Positions sort as text into the order of the log, the same at all members. A conversation holds positions of one
 * form (but for what is pending), so the forms needn't sort among each other.
 */

/** Of an entry in a group's log; `line` counts the items that one entry makes. */
export function groupPosition(seq: number, line = 0): Position {
  return `s${pad(seq, 12)}.${pad(line, 4)}`;
}

/**
 * Of a message of an epoch that had ended when the relay took it: before the commit that ended it, since those whom
 * that commit added can't read it.
 */
export function latePosition(endedBy: number, seq: number): Position {
  // "-" sorts before ".", so before the first line of the commit.
  return `s${pad(endedBy, 12)}-${pad(seq, 12)}`;
}

/** In a 1:1 chat, which may have more than one log: by the relay's time, then group, then place in its log. */
export function directPosition(receivedAt: number, groupId: GroupId, seq: number, line = 0): Position {
  return `t${pad(receivedAt, 15)}.${groupId}.${pad(seq, 12)}.${pad(line, 4)}`;
}

/** Of an own message that the relay hasn't taken yet: after all others, by its own time. */
export function pendingPosition(at: number, order: number): Position {
  return `z${pad(at, 15)}.${pad(order, 12)}`;
}

export function isPending(position: Position): boolean {
  return position.startsWith("z");
}

/** The last line that the commit which let oneself in makes; nothing of the log before it is readable. */
export const JOINED_LINE = 9999;

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
