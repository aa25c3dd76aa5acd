import type { GroupId } from "@thicket/protocol";
import type { Step } from "../step.ts";

/** Own messages that are looked at for a change of what the relay says of them: the newest. */
const WINDOW = 100;

/**
 * All current seats have acknowledged the log up to `seq`: own messages up to there are delivered, and whoever was
 * added before it has come in, since a seat that was just added counts from its own beginning.
 */
export async function noteAcked(step: Step, groupId: GroupId, seq: number): Promise<void> {
  const group = step.group(groupId);
  if (group === undefined || seq <= group.cursor.acked) return;
  const before = group.cursor.acked;
  const arrived = group.row.roster.some(({ invited, since }) => invited && since < seq);
  const row = arrived
    ? {
        ...group.row,
        roster: group.row.roster.map((entry) =>
          entry.invited && entry.since < seq ? { ...entry, invited: false } : entry,
        ),
      }
    : group.row;
  step.setGroup({ ...group, row, cursor: { ...group.cursor, acked: seq } });
  await showDelivered(step, group.row.conversationId, groupId, before, seq);
}

async function showDelivered(
  step: Step,
  conversationId: string,
  groupId: GroupId,
  before: number,
  seq: number,
): Promise<void> {
  const newest = await step.deps.ports.store.list("timeline", {
    prefix: [conversationId],
    limit: WINDOW,
    reverse: true,
  });
  for (const { value } of newest) {
    const { content } = value;
    const own = content.kind === "message" && content.own && content.delivery?.state === "sent";
    if (own && value.groupId === groupId && value.seq > before && value.seq <= seq) {
      step.showItem(conversationId, value);
    }
  }
}
