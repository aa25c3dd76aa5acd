import type { Entry, GroupId } from "@thicket/protocol";
import { dropStaged } from "../groups/lose-commit.ts";
import { parseEpoch, parseSeq } from "../identity/parse-ids.ts";
import type { Runtime } from "../runtime.ts";
import type { Group } from "../state.ts";
import type { StagedCommitRow } from "../tables.ts";
import { headOf, judgeFailure, type RequestFailure } from "./request-outcome.ts";
import { reachPlace, type SendHooks } from "./send-hooks.ts";
import type { Track } from "./track.ts";

/** Sends the staged commit, byte for byte until the relay has decided about its epoch. False where that is to be waited for. */
export async function sendCommit(
  runtime: Runtime,
  group: Group,
  staged: StagedCommitRow,
  track: Track,
  hooks: SendHooks,
): Promise<boolean> {
  const { groupId, seatId, seatToken } = group.row;
  const { entryId, epochToken, bytes, fields, welcomes } = staged;
  const place = { epoch: parseEpoch(staged.epoch), branch: parseSeq(staged.branch) };
  const reply = await runtime.wait(
    runtime.ports.relay.request("group.commit", {
      groupId,
      seatId,
      seatToken,
      epochToken,
      entryId,
      ...place,
      bytes,
      ...fields,
      welcomes,
    }),
  );
  // Its place in the log may have been reached, or its epoch lost, while the answer was on its way.
  if (runtime.memory.groups.get(groupId)?.staged?.entryId !== entryId) return true;
  if (reply.ok) {
    const entry: Entry = { ...place, ...reply, kind: "commit", bytes, commit: fields };
    return reachPlace(track, entry, groupId, hooks);
  }
  return failCommit(runtime, groupId, staged, track, reply.error, hooks);
}

async function failCommit(
  runtime: Runtime,
  groupId: GroupId,
  staged: StagedCommitRow,
  track: Track,
  error: RequestFailure,
  hooks: SendHooks,
): Promise<boolean> {
  const failure = judgeFailure(error);
  if (failure.kind === "later") {
    hooks.later(groupId, failure.after);
    return false;
  }
  const lost = failure.kind === "stale";
  track.failures = 0;
  track.head = Math.max(track.head, headOf(error));
  runtime.ports.log("info", "commit not taken", { code: error.code });
  await runtime.step((step) => dropStaged(step, groupId, staged.entryId, lost, error.code));
  hooks.takeIn(groupId);
  return false;
}
