import type { GroupId } from "@thicket/protocol";
import { parseEpoch, parseSeq } from "../identity/parse-ids.ts";
import { failMessage } from "../messages/send-message.ts";
import type { Runtime } from "../runtime.ts";
import type { Group } from "../state.ts";
import type { OutboxRow } from "../tables.ts";
import { headOf, judgeFailure, type RequestFailure } from "./request-outcome.ts";
import { reachPlace, type SendHooks } from "./send-hooks.ts";
import type { Track } from "./track.ts";

/** Sends an encrypted message or proposal, byte for byte until the relay has taken or refused it. False where that is to be waited for. */
export async function sendEntry(
  runtime: Runtime,
  group: Group,
  row: OutboxRow,
  track: Track,
  hooks: SendHooks,
): Promise<boolean> {
  const { groupId, seatId, seatToken } = group.row;
  const { sealed, kind, entryId } = row;
  if (sealed === undefined) throw new TypeError("nothing to send");
  const place = { epoch: parseEpoch(sealed.epoch), branch: parseSeq(sealed.branch) };
  const { bytes, epochToken } = sealed;
  const reply = await runtime.wait(
    runtime.ports.relay.request("group.append", {
      groupId,
      seatId,
      seatToken,
      epochToken,
      entryId,
      ...place,
      kind,
      bytes,
    }),
  );
  const current = findEntry(runtime.memory.groups.get(groupId), row);
  if (current === undefined) return true;
  if (!reply.ok) return failEntry(runtime, groupId, row, track, reply.error, hooks);
  await runtime.step(async (step) => {
    const found = step.group(groupId);
    if (findEntry(found, row) === undefined || found === undefined) return;
    step.setGroup(withEntry(found, { ...row, sealed: { ...sealed, seq: reply.seq } }));
  });
  return reachPlace(track, { ...place, ...reply, kind, bytes }, groupId, hooks);
}

async function failEntry(
  runtime: Runtime,
  groupId: GroupId,
  row: OutboxRow,
  track: Track,
  error: RequestFailure,
  hooks: SendHooks,
): Promise<boolean> {
  const failure = judgeFailure(error);
  if (failure.kind === "later") {
    hooks.later(groupId, failure.after);
    return false;
  }
  track.failures = 0;
  track.head = Math.max(track.head, headOf(error));
  runtime.ports.log("info", "entry not taken", { code: error.code });
  await runtime.step(async (step) => {
    const group = step.group(groupId);
    if (group === undefined || findEntry(group, row) === undefined) return;
    const { sealed: _refused, ...waiting } = row;
    if (row.kind === "proposal") {
      // It belongs to an epoch that is over; whoever still wants to leave proposes it in the next one.
      step.setGroup({ ...group, outbox: group.outbox.filter(({ order }) => order !== row.order) });
      return;
    }
    if (failure.kind === "stale") {
      // Definitely not in the log: only now is it encrypted anew, as the same message with the same entry id.
      step.setGroup(withEntry(group, waiting));
      return;
    }
    const failed =
      error.code === "PAYLOAD_TOO_LARGE"
        ? ({ code: "MESSAGE_TOO_LARGE" } as const)
        : ({ code: "RELAY_REFUSED", subject: error.code } as const);
    await failMessage(step, group, row, failed);
  });
  hooks.takeIn(groupId);
  return false;
}

/** The row as it is now, if it is still the one that was sent. */
function findEntry(group: Group | undefined, { order, sealed }: OutboxRow): OutboxRow | undefined {
  return group?.outbox.find((row) => row.order === order && row.sealed?.hash === sealed?.hash);
}

function withEntry(group: Group, row: OutboxRow): Group {
  return { ...group, outbox: group.outbox.map((other) => (other.order === row.order ? row : other)) };
}
