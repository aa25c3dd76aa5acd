import type { Entry, GroupId } from "@thicket/protocol";
import { isLive, type Group } from "../state.ts";

/** What is known of a group's traffic in this run of the client; nothing of it needs to outlive that. */
export interface Track {
  /** The relay has let our seat in on this connection. */
  attached: boolean;
  /** The last seq that the log is known to reach. */
  head: number;
  /** The last seq that was acknowledged on this connection. */
  acked: number;
  /** Entries that arrived and wait for those before them, by seq. */
  readonly waiting: Map<number, Entry>;
  /** Requests that failed one after the other. */
  failures: number;
  /** Set while a repetition waits for its time; gives it up. */
  cancelRetry: (() => void) | undefined;
  /** Set while an act waits for its time. */
  cancelWake: (() => void) | undefined;
  /** Set while others' proposals wait for our rank's time: for which epoch. */
  commitTimer: { epoch: number; due: boolean; cancel: () => void } | undefined;
  /** A bug in this group was reported: it rests until the client starts again, and stops no other. */
  halted: boolean;
}

/** Entries of a group that are kept while one before them is missing (PARAM-6); others are read from the log later. */
export const WAITING_MAX = 256;

export function newTrack(): Track {
  return {
    attached: false,
    head: 0,
    acked: 0,
    waiting: new Map(),
    failures: 0,
    cancelRetry: undefined,
    cancelWake: undefined,
    commitTimer: undefined,
    halted: false,
  };
}

/** What a lost connection ends: nothing rests for longer than it. */
export function disconnect(track: Track): void {
  track.attached = false;
  track.acked = 0;
  track.failures = 0;
  track.waiting.clear();
  track.cancelRetry?.();
  track.cancelRetry = undefined;
  track.cancelWake?.();
  track.cancelWake = undefined;
  track.commitTimer?.cancel();
  track.commitTimer = undefined;
}

export type Tracks = (groupId: GroupId) => Track;

/** Whether the group has anything to do with the relay now. */
export function isConnected(track: Track, group: Group | undefined): group is Group {
  return group !== undefined && track.attached && !track.halted && isLive(group.row);
}
