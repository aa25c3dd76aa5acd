import type { Group } from "../state.ts";
import type { ClaimedKeyPackage, IntentAct } from "../tables.ts";

/** Devices of an invitation that are not in the group yet. */
export function missingDevices(
  group: Group,
  act: Extract<IntentAct, { type: "invite" }>,
): Omit<ClaimedKeyPackage, "keyPackage">[] {
  const present = new Set(group.row.roster.map(({ userId, deviceId }) => `${userId}/${deviceId}`));
  return act.invitees.flatMap(({ userId, devices }) =>
    devices
      .filter((deviceId) => !present.has(`${userId}/${deviceId}`))
      .map((deviceId) => ({ userId, deviceId })),
  );
}
