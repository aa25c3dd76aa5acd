import type { Membership } from "../api.ts";
import type { Group } from "../state.ts";
import type { Step } from "../step.ts";

/**
 * The group has ended here: its secrets are deleted, what was still to be sent can't be, what was said stays.
 * The group must have been loaded, so that its records are known and erased.
 */
export async function endMembership(step: Step, group: Group, membership: Membership): Promise<void> {
  const { conversationId } = group.row;
  for (const { itemId } of group.outbox) {
    const item = itemId === undefined ? undefined : await step.item(conversationId, itemId);
    if (item?.content.kind !== "message") continue;
    const delivery = { state: "failed", error: { code: "NOT_MEMBER" } } as const;
    await step.putItem(conversationId, { ...item, content: { ...item.content, delivery } });
  }
  step.setGroup({
    ...group,
    row: { ...group.row, membership, seatToken: new Uint8Array(), epochToken: new Uint8Array(), leaving: [] },
    staged: undefined,
    intents: [],
    outbox: group.outbox
      .filter(({ kind }) => kind === "application")
      .map(({ sealed: _sealed, ...row }) => ({ ...row, failed: { code: "NOT_MEMBER" } as const })),
    engine: undefined,
  });
}
