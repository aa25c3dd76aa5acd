import type { DeliveryReply, GroupId } from "@thicket/protocol";
import { SUITE } from "../devices/own-leaf.ts";
import { carryOutIntent, readClaimed } from "../groups/carry-out-intent.ts";
import { failIntent, replaceIntent } from "../groups/lose-commit.ts";
import { missingDevices } from "../groups/missing-devices.ts";
import type { Runtime } from "../runtime.ts";
import { type Group, isLiveGroup } from "../state.ts";
import type { Step } from "../step.ts";
import type { IntentRow, Invitee } from "../tables.ts";
import { judgeFailure } from "./request-outcome.ts";
import type { SendHooks } from "./send-hooks.ts";

/** Devices that one request may name (protocol, LIMITS.claimDevices). */
const CLAIM_BATCH = 256;
/** What the relay will say of a claim that brought nothing changes slowly: ms before the next, doubling. */
const CLAIM_REST = 5_000;
const CLAIM_REST_MAX = 15 * 60_000;

/** Fetches what an act needs, then stages the commit or makes the proposal that does it. False where it has to wait. */
export async function prepareAct(
  runtime: Runtime,
  group: Group,
  intent: IntentRow,
  hooks: SendHooks,
): Promise<boolean> {
  const { groupId } = group.row;
  if (intent.act.type === "invite" && !(await claimFor(runtime, group, intent, intent.act, hooks)))
    return false;
  await runtime.step(async (step) => {
    // The membership may have ended while the relay was asked.
    if (!isLiveGroup(step, groupId)) return;
    const loaded = await step.withEngine(groupId);
    const current = loaded.intents.find(({ order }) => order === intent.order);
    // What came in meanwhile may have put it off.
    if (current === undefined || loaded.staged !== undefined || !loaded.row.created) return;
    if (current.act.type === "invite" && !canInvite(loaded, current.act)) return;
    await carryOutIntent(step, loaded, current);
  });
  return true;
}

/** Whether there is somebody to add, or nobody left to wait for. */
function canInvite(group: Group, act: Extract<IntentRow["act"], { type: "invite" }>): boolean {
  const missing = new Set(missingDevices(group, act).map(({ userId, deviceId }) => `${userId}/${deviceId}`));
  return (
    missing.size === 0 || act.claimed.some(({ userId, deviceId }) => missing.has(`${userId}/${deviceId}`))
  );
}

/** Claims key packages for devices that have none claimed. False where there is nothing to go on with. */
async function claimFor(
  runtime: Runtime,
  group: Group,
  intent: IntentRow,
  act: Extract<IntentRow["act"], { type: "invite" }>,
  hooks: SendHooks,
): Promise<boolean> {
  const { groupId } = group.row;
  const has = new Set(act.claimed.map(({ userId, deviceId }) => `${userId}/${deviceId}`));
  const missing = missingDevices(group, act);
  const devices = missing.filter(({ userId, deviceId }) => !has.has(`${userId}/${deviceId}`));
  if (devices.length === 0) return true;
  const reply = await runtime.wait(
    runtime.ports.relay.request("keyPackages.claim", {
      suite: SUITE,
      devices: devices.slice(0, CLAIM_BATCH),
    }),
  );
  if (!reply.ok) {
    const failure = judgeFailure(reply.error);
    if (reply.error.code === "RATE_LIMITED") {
      const after = failure.kind === "later" ? (failure.after ?? CLAIM_REST) : CLAIM_REST;
      const error = { code: "RATE_LIMITED" } as const;
      await runtime.step(async (step) => failIntent(step, groupId, intent.order, error, after));
      return true;
    }
    if (failure.kind === "later") {
      hooks.later(groupId, failure.after);
      return false;
    }
    const error = { code: "RELAY_REFUSED", subject: reply.error.code } as const;
    await runtime.step(async (step) => failIntent(step, groupId, intent.order, error, CLAIM_REST_MAX));
    return true;
  }
  await runtime.step(async (step) => keepClaimed(step, groupId, intent.order, reply));
  return true;
}

type Claimed = Extract<DeliveryReply<"keyPackages.claim">, { ok: true }>;

/** Keeps what was claimed with its act. Who has no key package now is asked for again later; who gave a bad one, not. */
async function keepClaimed(step: Step, groupId: GroupId, order: number, reply: Claimed): Promise<void> {
  if (!isLiveGroup(step, groupId)) return;
  const loaded = await step.withEngine(groupId);
  const intent = loaded.intents.find((other) => other.order === order);
  if (intent?.act.type !== "invite") return;
  const { act } = intent;
  const claimed = [...act.claimed];
  const refused = new Set<string>();
  for (const { userId, deviceId, keyPackage } of reply.keyPackages) {
    const { keyPackage: usable } = await readClaimed(step, loaded, { userId, deviceId, keyPackage });
    if (usable !== undefined) claimed.push({ userId, deviceId, keyPackage });
    else refused.add(userId);
  }
  for (const invitee of act.invitees) {
    if (refused.has(invitee.userId)) step.problem({ code: "KEY_PACKAGE_REFUSED", subject: invitee.handle });
  }
  const invitees = act.invitees.filter(({ userId }) => !refused.has(userId));
  const without = new Set(reply.missing.map(({ userId }) => userId));
  const lacking = invitees.find(({ userId }) => without.has(userId));
  const { error: _error, retryAt: _retryAt, ...rest } = intent;
  const next: IntentRow = { ...rest, act: { ...act, invitees, claimed } };
  // A group needn't wait for somebody who can't be added yet.
  const opens =
    lacking !== undefined && loaded.row.membership.state === "founding" && loaded.row.kind === "group";
  const row = opens ? { ...loaded.row, membership: { state: "member" } as const } : loaded.row;
  step.setGroup({
    ...replaceIntent(loaded, lacking === undefined ? next : withoutPackage(step, next, lacking)),
    row,
  });
}

/** The act waits for somebody's key package, longer each time; who has one is added meanwhile. */
function withoutPackage(step: Step, intent: IntentRow, { handle }: Invitee): IntentRow {
  const after = Math.min(CLAIM_REST_MAX, CLAIM_REST * 2 ** Math.min(intent.tries, 12));
  const error = { code: "NO_KEY_PACKAGE", subject: handle } as const;
  return { ...intent, tries: intent.tries + 1, error, retryAt: step.now() + after };
}
