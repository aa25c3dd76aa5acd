import { type GroupState, keepPastEpochs, retireEpoch } from "@thicket/mls";
import type { AccountId, DeviceId } from "@thicket/protocol";
import type { LoadedGroup } from "../state.ts";
import type { IntentRow, RosterEntry } from "../tables.ts";
import { epochFields } from "./epoch-fields.ts";

/** The group in the epoch that the commit at `seq` began. What belonged to the old epoch only is gone. */
export function enterEpoch(group: LoadedGroup, next: GroupState, seq: number): LoadedGroup {
  const { row, engine } = group;
  const fields = epochFields(next, row.roster, seq);
  const retired = { epoch: row.epoch, past: retireEpoch(engine.state, next) };
  return {
    ...group,
    row: {
      ...row,
      ...fields,
      branch: seq,
      // The relay takes an application entry for two epochs before a tip; the engine keeps one more as margin.
      ended: keepPastEpochs({ epoch: row.epoch, endedBy: seq }, row.ended),
    },
    staged: undefined,
    intents: group.intents.map((intent) => withoutSettled(intent, row.roster, fields.roster)),
    // A proposal ends with its epoch; whoever still wants it makes it anew.
    outbox: group.outbox.filter(({ kind }) => kind !== "proposal"),
    engine: {
      ...engine,
      state: next,
      past: keepPastEpochs(retired, engine.past),
      next: undefined,
    },
  };
}

/**
 * An invitation is settled for whoever is in now, also if somebody else let them in, and for whoever was removed: it
 * must not bring anybody back.
 */
function withoutSettled(
  intent: IntentRow,
  before: readonly RosterEntry[],
  after: readonly RosterEntry[],
): IntentRow {
  const { act } = intent;
  if (act.type !== "invite") return intent;
  const present = new Set(after.map(({ userId, deviceId }) => `${userId}/${deviceId}`));
  const staying = new Set(after.map(({ userId }) => userId));
  const removed = new Set(before.map(({ userId }) => userId).filter((userId) => !staying.has(userId)));
  const open = (userId: AccountId, deviceId: DeviceId) =>
    !removed.has(userId) && !present.has(`${userId}/${deviceId}`);
  const invitees = act.invitees
    .map((invitee) => ({
      ...invitee,
      devices: invitee.devices.filter((deviceId) => open(invitee.userId, deviceId)),
    }))
    .filter(({ devices }) => devices.length > 0);
  const claimed = act.claimed.filter(({ userId, deviceId }) => open(userId, deviceId));
  return { ...intent, act: { ...act, invitees, claimed } };
}
