import type { ClientError, Membership } from "../api.ts";
import type { Group } from "../state.ts";
import type { Step } from "../step.ts";
import type { OutboxRow } from "../tables.ts";

/**
 * The group has ended here: its secrets are deleted, what was still to be sent can't be, what was said stays.
 * The group must have been loaded, so that its records are known and erased.
 */
export async function endMembership(step: Step, group: Group, membership: Membership): Promise<void> {
  const outbox = await failOutbox(step, group, { code: "NOT_MEMBER" });
  step.setGroup({
    ...group,
    row: { ...group.row, membership, seatToken: new Uint8Array(), epochToken: new Uint8Array(), leaving: [] },
    staged: undefined,
    intents: [],
    outbox,
    engine: undefined,
  });
}

/** The outbox of a group that doesn't go on here: its messages wait for their person's word, to be sent elsewhere or discarded. */
export async function failOutbox(step: Step, group: Group, error: ClientError): Promise<OutboxRow[]> {
  const { conversationId } = group.row;
  const messages = group.outbox.filter(({ kind }) => kind === "application");
  for (const { itemId } of messages) {
    const item = itemId === undefined ? undefined : await step.item(conversationId, itemId);
    if (item?.content.kind !== "message") continue;
    const delivery = { state: "failed", error } as const;
    await step.putItem(conversationId, { ...item, content: { ...item.content, delivery } });
  }
  return messages.map(({ sealed: _sealed, ...row }) => ({ ...row, failed: error }));
}
