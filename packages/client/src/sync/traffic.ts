import { type DeliveryEvents, fromHex, type GroupId } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import { conversationView } from "../conversation-view.ts";
import { commitDelay } from "../groups/commit-rank.ts";
import { report, type Runtime } from "../runtime.ts";
import { type Group, isLive } from "../state.ts";
import { attachGroups } from "./attach.ts";
import { isFree, nextRetry, othersLeave, type Situation } from "./next-task.ts";
import { noteAcked } from "./note-acked.ts";
import { backOff } from "./request-outcome.ts";
import { sendOut } from "./send-out.ts";
import { singleFlight } from "./single-flight.ts";
import { takeIn } from "./take-in.ts";
import { disconnect, isConnected, newTrack, type Track, WAITING_MAX } from "./track.ts";

/** All that goes between the groups and the relay. */
export interface Traffic {
  /** Logged in: takes all seats. Resolves when every group is where its log is known to be. */
  connect(): Promise<void>;
  disconnect(): void;
  takeEntries(event: DeliveryEvents["entries"]): void;
  takeAcked(event: DeliveryEvents["acked"]): void;
  /** A group that was joined just now: takes its seat and its log. */
  attach(groupId: GroupId): void;
  /** Something about the group has changed: it does what there is to do now. */
  kick(groupId: GroupId): void;
  /** Whether a message typed now can be encrypted at once. */
  isFree(group: Group): boolean;
  /** Whether all groups are where their logs are known to be. */
  isCaughtUp(): boolean;
}

export interface TrafficHooks {
  /** A group has ended here: a Welcome that waited for that may be taken now. */
  ended(): void;
  /** A group was taken in as far as its log is known. */
  arrived(): void;
}

interface Lane {
  readonly track: Track;
  readonly takeIn: () => void;
  readonly sendOut: () => void;
}

const NOTHING = { add: false, remove: false, rename: false, send: false, setAdmin: false };
const RETRY = 500;
const RETRY_MAX = 30_000;

export function createTraffic(runtime: Runtime, hooks: TrafficHooks): Traffic {
  const { clock } = runtime.ports;
  const lanes = new Map<GroupId, Lane>();
  let online = false;

  const trackOf = (groupId: GroupId) => laneOf(groupId).track;

  function laneOf(groupId: GroupId): Lane {
    const known = lanes.get(groupId);
    if (known !== undefined) return known;
    const track = newTrack();
    const follow = (what: string, work: () => Promise<void>) => () => guarded(groupId, track, what, work);
    const lane: Lane = {
      track,
      takeIn: singleFlight(
        (work) => runtime.run("take in", work),
        follow("take in", () => bringIn(groupId, track)),
      ),
      sendOut: singleFlight(
        (work) => runtime.run("send out", work),
        follow("send out", () => bringOut(groupId, track)),
      ),
    };
    lanes.set(groupId, lane);
    return lane;
  }

  /** A bug in one group is said once and stops that group only. */
  async function guarded(
    groupId: GroupId,
    track: Track,
    what: string,
    work: () => Promise<void>,
  ): Promise<void> {
    if (!online || runtime.stopped() || track.halted) return;
    try {
      await work();
    } catch (error) {
      const problem = report(runtime.ports, what, error);
      if (problem.code === "STORE_QUOTA" || problem.code === "STORE_UNAVAILABLE") later(groupId, RETRY_MAX);
      else track.halted = true;
      if (problem.code === "STORE_UNREADABLE") showBroken(groupId, problem);
      runtime.publish({ type: "problem", error: problem });
    }
  }

  /** Shown and not stored: what can't be read now is left as it is, and tried again at the next start. */
  function showBroken(groupId: GroupId, error: ClientError): void {
    const { memory } = runtime;
    const group = memory.groups.get(groupId);
    const conversation = group && memory.conversations.get(group.row.conversationId);
    if (group === undefined || conversation === undefined) return;
    const shown = conversationView(memory, conversation);
    const broken = { ...shown, membership: { state: "broken", error } as const, may: NOTHING };
    runtime.publish({ type: "conversation", conversation: broken });
  }

  async function bringIn(groupId: GroupId, track: Track): Promise<void> {
    const group = runtime.memory.groups.get(groupId);
    if (group === undefined || !group.row.created || !isLive(group.row)) return;
    if (!track.attached && !(await attachGroups(runtime, [groupId], trackOf))) return later(groupId);
    await takeIn(runtime, groupId, track, (after) => later(groupId, after));
    const after = runtime.memory.groups.get(groupId);
    if (after === undefined || !isLive(after.row)) {
      disconnect(track);
      hooks.ended();
    }
    hooks.arrived();
    laneOf(groupId).sendOut();
  }

  async function bringOut(groupId: GroupId, track: Track): Promise<void> {
    await sendOut(runtime, groupId, track, {
      situation,
      takeIn: (id) => laneOf(id).takeIn(),
      later,
    });
    const group = runtime.memory.groups.get(groupId);
    if (group === undefined || !online) return;
    if (!isLive(group.row)) {
      disconnect(track);
      return;
    }
    wakeForRetry(group, track);
    waitForTurn(group, track);
  }

  function situation(group: Group, track: Track): Situation {
    const { commitTimer } = track;
    return {
      self: ownId(),
      behind: track.head > group.cursor.seq,
      now: clock.now(),
      commitDue: commitTimer?.due === true && commitTimer.epoch === group.row.epoch,
      acked: track.acked,
    };
  }

  function ownId() {
    const self = runtime.memory.account?.userId;
    if (self === undefined) throw new TypeError("a group without an account");
    return self;
  }

  /** Goes on after a while: what was under way is repeated with the same bytes. */
  function later(groupId: GroupId, after?: number): void {
    const { track } = laneOf(groupId);
    if (!online || track.cancelRetry !== undefined) return;
    const delay = after ?? backOff(track.failures++, RETRY, RETRY_MAX);
    track.cancelRetry = clock.after(delay, () => {
      track.cancelRetry = undefined;
      laneOf(groupId).takeIn();
    });
  }

  function wakeForRetry(group: Group, track: Track): void {
    track.cancelWake?.();
    track.cancelWake = undefined;
    const time = nextRetry(group);
    const delay = time === undefined ? undefined : time - clock.now();
    if (delay === undefined || delay <= 0) return;
    track.cancelWake = clock.after(delay, () => {
      track.cancelWake = undefined;
      laneOf(group.row.groupId).sendOut();
    });
  }

  /** Who has asked to leave is let go by whoever's turn comes first (POL-9). */
  function waitForTurn(group: Group, track: Track): void {
    const { row } = group;
    const self = ownId();
    if (
      track.commitTimer !== undefined &&
      (track.commitTimer.epoch !== row.epoch || !othersLeave(group, self))
    ) {
      track.commitTimer.cancel();
      track.commitTimer = undefined;
    }
    if (track.commitTimer !== undefined || !isConnected(track, group) || !othersLeave(group, self)) return;
    const own = row.roster.find(({ seatId }) => seatId === row.seatId);
    if (own === undefined) return;
    const members = row.roster.map(({ leaf, userId }) => ({ leaf, leaving: row.leaving.includes(userId) }));
    const delay = commitDelay(fromHex(row.epochAuthenticator), own.leaf, members);
    const timer = { epoch: row.epoch, due: false, cancel: () => {} };
    timer.cancel = clock.after(delay, () => {
      timer.due = true;
      laneOf(row.groupId).sendOut();
    });
    track.commitTimer = timer;
  }

  return {
    async connect() {
      online = true;
      const live = [...runtime.memory.groups.values()].filter(({ row }) => isLive(row));
      const groupIds = live.map(({ row }) => row.groupId);
      try {
        await attachGroups(runtime, groupIds, trackOf);
      } catch (error) {
        // What is wrong with one group keeps no other waiting: each takes its seat by itself below, or says why not.
        report(runtime.ports, "attach", error);
      }
      for (const { row } of live) {
        // What isn't at the relay yet is founded there first.
        if (row.created) laneOf(row.groupId).takeIn();
        else laneOf(row.groupId).sendOut();
      }
    },
    disconnect() {
      online = false;
      for (const { track } of lanes.values()) disconnect(track);
    },
    takeEntries({ groupId, entries }) {
      const group = runtime.memory.groups.get(groupId);
      // The relay may name any group: only ours are followed.
      if (!online || group === undefined || !isLive(group.row)) return;
      const { track, takeIn: take } = laneOf(groupId);
      if (track.halted) return;
      for (const entry of entries) {
        track.head = Math.max(track.head, entry.seq);
        // Far ahead, it would only be kept: the log has it when its turn comes.
        const ahead = entry.seq - group.cursor.seq;
        if (ahead > 0 && ahead <= WAITING_MAX) track.waiting.set(entry.seq, entry);
      }
      // A hint may overtake the answer that lets our seat in: what it says is taken in after that.
      if (track.attached) take();
    },
    takeAcked({ groupId, seq }) {
      const group = runtime.memory.groups.get(groupId);
      if (group === undefined || seq <= group.cursor.acked || !isLive(group.row)) return;
      runtime.run("acked", () => runtime.step((step) => noteAcked(step, groupId, seq)));
    },
    attach(groupId) {
      if (online) laneOf(groupId).takeIn();
    },
    kick(groupId) {
      if (online) laneOf(groupId).sendOut();
    },
    isFree(group) {
      const { track } = laneOf(group.row.groupId);
      return online && isConnected(track, group) && isFree(group, situation(group, track));
    },
    isCaughtUp: () =>
      online &&
      [...runtime.memory.groups.values()].every((group) => {
        const track = lanes.get(group.row.groupId)?.track;
        if (!isLive(group.row) || !group.row.created || track?.halted === true) return true;
        return track !== undefined && track.attached && track.head <= group.cursor.seq;
      }),
  };
}
