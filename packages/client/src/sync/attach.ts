import { type DeliveryReply, type GroupId, LIMITS } from "@thicket/protocol";
import type { ClientError } from "../api.ts";
import { endMembership } from "../groups/end-membership.ts";
import { JOINED_LINE } from "../messages/position.ts";
import { showEvents } from "../messages/show-events.ts";
import type { Runtime } from "../runtime.ts";
import { isLive } from "../state.ts";
import type { Step } from "../step.ts";
import { noteAcked } from "./note-acked.ts";
import { parseSeq } from "../identity/parse-ids.ts";
import type { Tracks } from "./track.ts";

type Result = Extract<DeliveryReply<"group.attach">, { ok: true }>["results"][number];

/**
 * Takes our seats in these groups, in batches. False where the connection failed on the way: what was answered
 * counts, the rest is to be asked again.
 */
export async function attachGroups(
  runtime: Runtime,
  groupIds: readonly GroupId[],
  tracks: Tracks,
): Promise<boolean> {
  const wanted = groupIds.filter((groupId) => {
    const row = runtime.memory.groups.get(groupId)?.row;
    return row !== undefined && row.created && isLive(row) && !tracks(groupId).attached;
  });
  for (let from = 0; from < wanted.length; from += LIMITS.attachBatch) {
    const seats = wanted.slice(from, from + LIMITS.attachBatch).flatMap((groupId) => {
      const group = runtime.memory.groups.get(groupId);
      if (group === undefined) return [];
      const { seatId, seatToken, epochToken } = group.row;
      return [{ groupId, seatId, seatToken, epochToken, cursor: parseSeq(group.cursor.seq) }];
    });
    const reply = await runtime.wait(runtime.ports.relay.request("group.attach", { seats }));
    if (!reply.ok) return false;
    for (const result of reply.results) await takeSeat(runtime, result, tracks);
  }
  return true;
}

async function takeSeat(runtime: Runtime, result: Result, tracks: Tracks): Promise<void> {
  const { groupId } = result;
  const track = tracks(groupId);
  if (!result.attached) return refuseSeat(runtime, result);
  const taken = await runtime.step((step) => settle(step, result));
  if (!taken) return;
  track.attached = true;
  track.head = Math.max(track.head, result.headSeq);
}

/** Notes what the relay said of the group. A joiner learns its place in the log from it. */
async function settle(step: Step, result: Extract<Result, { attached: true }>): Promise<boolean> {
  const group = step.group(result.groupId);
  if (group === undefined || !isLive(group.row)) return false;
  if (group.row.membership.state === "joining") {
    if (result.place?.epoch !== group.row.epoch) {
      await giveUpJoining(step, result.groupId, "PLACE_DIFFERS");
      return false;
    }
    const { branch } = result.place;
    const { replaced: _over, ...joined } = group.row;
    const row = { ...joined, membership: { state: "member" } as const, seated: true, branch };
    step.setGroup({ ...group, row, cursor: { ...group.cursor, seq: branch } });
    const self = step.account()?.userId;
    if (self === undefined) throw new TypeError("a member without an account");
    await showEvents(
      step,
      row,
      { seq: branch, receivedAt: 0, at: step.now() },
      [{ author: self, event: { type: "joined" } }],
      JOINED_LINE,
    );
  } else {
    if (result.lowestSeq > group.cursor.seq + 1) {
      // Only after 35 days, or with rows from an old copy: what was there isn't to be had any more.
      step.deps.ports.log("warn", "log erased beyond the cursor");
    }
    if (!group.row.seated) step.setGroup({ ...group, row: { ...group.row, seated: true } });
  }
  await noteAcked(step, result.groupId, result.ackedSeq);
  return true;
}

async function refuseSeat(runtime: Runtime, result: Extract<Result, { attached: false }>): Promise<void> {
  const { groupId, error } = result;
  const state = runtime.memory.groups.get(groupId)?.row.membership.state;
  runtime.ports.log("warn", "seat refused", { code: error.code, state: state ?? "unknown" });
  await runtime.step(async (step) => {
    // The Welcome was for a group, or a branch of one, that the relay doesn't have.
    if (state === "joining") await giveUpJoining(step, groupId, error.code);
    else step.problem({ code: "RELAY_REFUSED", subject: error.code });
  });
}

/** What was there before the Welcome, history and unsent words, is there after it. */
async function giveUpJoining(step: Step, groupId: GroupId, reason: string): Promise<void> {
  const group = step.group(groupId);
  if (group === undefined) return;
  const error: ClientError = { code: "WELCOME_BAD", subject: reason };
  step.problem(error);
  const { conversationId, replaced } = group.row;
  if (replaced !== undefined || group.outbox.length > 0) {
    const membership = replaced?.row.membership ?? { state: "broken", error };
    await endMembership(step, await step.withEngine(groupId), membership);
    const ended = step.group(groupId);
    if (replaced !== undefined && ended !== undefined) step.setGroup({ ...ended, ...replaced });
    return;
  }
  await step.dropGroup(groupId);
  const conversation = step.conversation(conversationId);
  const groupIds = conversation?.groupIds.filter((id) => id !== groupId) ?? [];
  if (conversation !== undefined && groupIds.length > 0) step.setConversation({ ...conversation, groupIds });
  else step.dropConversation(conversationId);
}
