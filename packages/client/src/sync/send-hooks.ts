import type { Entry, GroupId } from "@thicket/protocol";
import type { Group } from "../state.ts";
import type { Situation } from "./next-task.ts";
import type { Track } from "./track.ts";

/** What sending has to ask of those around it. */
export interface SendHooks {
  situation(group: Group, track: Track): Situation;
  /** The log reaches further than was known. */
  takeIn(groupId: GroupId): void;
  /** Goes on after a while: `after` ms, or longer with every failure. */
  later(groupId: GroupId, after?: number): void;
}

/** Our own entry has a place in the log: it is taken there, after all that stands before it. */
export function reachPlace(track: Track, entry: Entry, groupId: GroupId, hooks: SendHooks): boolean {
  track.failures = 0;
  track.waiting.set(entry.seq, entry);
  track.head = Math.max(track.head, entry.seq);
  hooks.takeIn(groupId);
  return false;
}
