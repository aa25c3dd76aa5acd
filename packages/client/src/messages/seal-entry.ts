import { createApplicationMessage, type GroupState, ownLeaf, proposeRemove } from "@thicket/mls";
import { type AccountId, fromHex } from "@thicket/protocol";
import { leavingUsers } from "../groups/epoch-fields.ts";
import { entryHash } from "../groups/seats.ts";
import type { LoadedGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { OutboxRow, SealedEntry } from "../tables.ts";
import { encodeMessageHeader } from "./message-header.ts";
import { mimiIdOf } from "./message-content.ts";

/**
 * Encrypts a waiting message in the group's epoch. The ciphertext and the advanced ratchet are stored in one commit,
 * before anything is sent: so no generation serves twice, and a resend is byte-identical.
 */
export async function sealMessage(
  step: Step,
  group: LoadedGroup,
  waiting: OutboxRow,
  self: AccountId,
): Promise<LoadedGroup> {
  const { row, engine } = group;
  const { content, itemId } = waiting;
  if (content === undefined || itemId === undefined) throw new TypeError("nothing to encrypt");
  const saying = { host: row.host, groupId: row.groupId, author: self };
  const header = encodeMessageHeader({
    version: 1,
    at: BigInt(waiting.at),
    messageId: mimiIdOf(saying, content, fromHex(itemId)),
  });
  const { state, message } = await createApplicationMessage(
    engine.state,
    content,
    { authenticatedData: header },
    step.deps.engine,
  );
  return withSealed(step, group, state, waiting, message);
}

/** Proposes the own departure, which somebody else has to commit. */
export async function sealDeparture(
  step: Step,
  group: LoadedGroup,
  waiting: OutboxRow,
): Promise<LoadedGroup> {
  const { state: before } = group.engine;
  const { state, message } = await proposeRemove(before, ownLeaf(before), {}, step.deps.engine);
  const sealed = withSealed(step, group, state, waiting, message);
  const after = { ...sealed, row: { ...sealed.row, leaving: leavingUsers(state) } };
  step.setGroup(after);
  return after;
}

function withSealed(
  step: Step,
  group: LoadedGroup,
  state: GroupState,
  waiting: OutboxRow,
  bytes: Uint8Array,
): LoadedGroup {
  const { epoch, branch, epochToken } = group.row;
  const sealed: SealedEntry = { bytes, hash: entryHash(bytes), epoch, branch, epochToken };
  const outbox = [...group.outbox.filter(({ order }) => order !== waiting.order), { ...waiting, sealed }];
  const after = {
    ...group,
    engine: { ...group.engine, state },
    outbox: outbox.sort((a, b) => a.order - b.order),
  };
  step.setGroup(after);
  return after;
}
