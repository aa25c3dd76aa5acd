import type { GroupId } from "@thicket/protocol";
import { tokenHash } from "../groups/seats.ts";
import { stageOwnCommit } from "../groups/stage-own-commit.ts";
import { parseSeq } from "../identity/parse-ids.ts";
import { changedIdentity, failMessage } from "../messages/send-message.ts";
import { sealMessage } from "../messages/seal-entry.ts";
import type { Runtime } from "../runtime.ts";
import { type Group, isLiveGroup } from "../state.ts";
import { nextTask, type Task } from "./next-task.ts";
import { noteAcked } from "./note-acked.ts";
import { prepareAct } from "./prepare-act.ts";
import { judgeFailure } from "./request-outcome.ts";
import { sendCommit } from "./send-commit.ts";
import { sendEntry } from "./send-entry.ts";
import type { SendHooks } from "./send-hooks.ts";
import { isConnected, type Track } from "./track.ts";

/** Does what the group has to do at the relay, one thing after the other, until nothing is left or it has to wait. */
export async function sendOut(
  runtime: Runtime,
  groupId: GroupId,
  track: Track,
  hooks: SendHooks,
): Promise<void> {
  for (;;) {
    const group = runtime.memory.groups.get(groupId);
    if (runtime.stopped() || track.halted || track.cancelRetry !== undefined || group === undefined) return;
    if (group.row.created && !isConnected(track, group)) return;
    const task = nextTask(group, hooks.situation(group, track));
    if (!(await perform(runtime, group, track, task, hooks))) return;
  }
}

/** False where there is nothing more to do for now. */
async function perform(
  runtime: Runtime,
  group: Group,
  track: Track,
  task: Task,
  hooks: SendHooks,
): Promise<boolean> {
  const { groupId } = group.row;
  switch (task.kind) {
    case "nothing":
      return false;
    case "create":
      return createAtRelay(runtime, group, hooks);
    case "commit":
      return group.staged !== undefined && sendCommit(runtime, group, group.staged, track, hooks);
    case "send":
      return sendEntry(runtime, group, task.entry, track, hooks);
    case "act":
      return prepareAct(runtime, group, task.intent, hooks);
    case "seal":
      await runtime.step(async (step) => {
        if (!isLiveGroup(step, groupId)) return;
        const loaded = await step.withEngine(groupId);
        const self = step.account()?.userId;
        const waiting = loaded.outbox.find(({ order }) => order === task.entry.order);
        if (self === undefined || waiting === undefined || waiting.sealed !== undefined) return;
        const changed = changedIdentity(step, loaded);
        if (changed === undefined) await sealMessage(step, loaded, waiting, self);
        else await failMessage(step, loaded, waiting, changed);
      });
      return true;
    case "commitProposals": {
      const staged = await runtime.step(async (step) =>
        isLiveGroup(step, groupId)
          ? stageOwnCommit(step, await step.withEngine(groupId), {}, undefined)
          : undefined,
      );
      return staged !== undefined;
    }
    case "acknowledge":
      return acknowledge(runtime, group, track, hooks);
  }
}

/** Founds the group at the relay; asked again, the relay answers as the first time. */
async function createAtRelay(runtime: Runtime, group: Group, hooks: SendHooks): Promise<boolean> {
  const { groupId, seatId, seatToken, epochToken } = group.row;
  const reply = await runtime.wait(
    runtime.ports.relay.request("group.create", {
      groupId,
      seatId,
      seatToken,
      epochTokenHash: tokenHash(epochToken),
    }),
  );
  if (!reply.ok) {
    const failure = judgeFailure(reply.error);
    if (failure.kind === "later") {
      hooks.later(groupId, failure.after);
      return false;
    }
    await runtime.step(async (step) => {
      const error = { code: "RELAY_REFUSED", subject: reply.error.code } as const;
      const current = step.group(groupId);
      if (current === undefined) return;
      step.setGroup({ ...current, row: { ...current.row, membership: { state: "broken", error } } });
      step.problem(error);
    });
    return false;
  }
  await runtime.step(async (step) => {
    const current = step.group(groupId);
    if (current === undefined || current.row.created) return;
    const alone = current.intents.every(({ act }) => act.type !== "invite");
    step.setGroup({
      ...current,
      row: {
        ...current.row,
        created: true,
        seated: true,
        ...(alone && { membership: { state: "member" } as const }),
      },
    });
  });
  // The seat is taken next; the loop goes on once it is.
  hooks.takeIn(groupId);
  return false;
}

async function acknowledge(runtime: Runtime, group: Group, track: Track, hooks: SendHooks): Promise<boolean> {
  const { groupId, seatId, seatToken } = group.row;
  const { seq } = group.cursor;
  const reply = await runtime.wait(
    runtime.ports.relay.request("cursor.ack", { groupId, seatId, seatToken, seq: parseSeq(seq) }),
  );
  if (!reply.ok) {
    const failure = judgeFailure(reply.error);
    if (failure.kind === "later") hooks.later(groupId, failure.after);
    // A refusal changes nothing of what was taken in; the next connection asks for the seat again.
    else track.acked = seq;
    return false;
  }
  track.failures = 0;
  track.acked = Math.max(track.acked, seq);
  await runtime.step((step) => noteAcked(step, groupId, reply.ackedSeq));
  return true;
}
