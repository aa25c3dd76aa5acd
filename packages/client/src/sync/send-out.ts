import type { DeliveryReply, Entry, GroupId } from "@thicket/protocol";
import { SUITE } from "../devices/own-leaf.ts";
import { carryOutIntent, readClaimed } from "../groups/carry-out-intent.ts";
import { dropStaged, failIntent, replaceIntent } from "../groups/lose-commit.ts";
import { missingDevices } from "../groups/missing-devices.ts";
import { tokenHash } from "../groups/seats.ts";
import { stageOwnCommit } from "../groups/stage-own-commit.ts";
import { parseEpoch, parseSeq } from "../identity/parse-ids.ts";
import { sealMessage } from "../messages/seal-entry.ts";
import type { Runtime } from "../runtime.ts";
import type { Group } from "../state.ts";
import type { Step } from "../step.ts";
import type { IntentRow, Invitee, OutboxRow, StagedCommitRow } from "../tables.ts";
import { nextTask, type Situation, type Task } from "./next-task.ts";
import { noteAcked } from "./note-acked.ts";
import { headOf, judgeFailure, type RequestFailure } from "./request-outcome.ts";
import { isConnected, type Track } from "./track.ts";

/** What sending has to ask of those around it. */
export interface SendOut {
  situation(group: Group, track: Track): Situation;
  /** The log reaches further than was known. */
  takeIn(groupId: GroupId): void;
  /** Goes on after a while: `after` ms, or longer with every failure. */
  later(groupId: GroupId, after?: number): void;
}

/** Devices that one request may name (protocol, LIMITS.claimDevices). */
const CLAIM_BATCH = 256;
/** What the relay will say of a claim that brought nothing changes slowly: ms before the next, doubling. */
const CLAIM_REST = 5_000;
const CLAIM_REST_MAX = 15 * 60_000;

/** Does what the group has to do at the relay, one thing after the other, until nothing is left or it has to wait. */
export async function sendOut(
  runtime: Runtime,
  groupId: GroupId,
  track: Track,
  hooks: SendOut,
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
  hooks: SendOut,
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
        const loaded = await step.withEngine(groupId);
        const self = step.account()?.userId;
        const waiting = loaded.outbox.find(({ order }) => order === task.entry.order);
        if (self === undefined || waiting === undefined || waiting.sealed !== undefined) return;
        await sealMessage(step, loaded, waiting, self);
      });
      return true;
    case "commitProposals": {
      const staged = await runtime.step(async (step) =>
        stageOwnCommit(step, await step.withEngine(groupId), {}, undefined),
      );
      return staged !== undefined;
    }
    case "acknowledge":
      return acknowledge(runtime, group, track, hooks);
  }
}

/** Founds the group at the relay; asked again, the relay answers as the first time. */
async function createAtRelay(runtime: Runtime, group: Group, hooks: SendOut): Promise<boolean> {
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

async function sendCommit(
  runtime: Runtime,
  group: Group,
  staged: StagedCommitRow,
  track: Track,
  hooks: SendOut,
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

/** Our own entry has a place in the log: it is taken there, after all that stands before it. */
function reachPlace(track: Track, entry: Entry, groupId: GroupId, hooks: SendOut): boolean {
  track.failures = 0;
  track.waiting.set(entry.seq, entry);
  track.head = Math.max(track.head, entry.seq);
  hooks.takeIn(groupId);
  return false;
}

async function failCommit(
  runtime: Runtime,
  groupId: GroupId,
  staged: StagedCommitRow,
  track: Track,
  error: RequestFailure,
  hooks: SendOut,
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

async function sendEntry(
  runtime: Runtime,
  group: Group,
  row: OutboxRow,
  track: Track,
  hooks: SendOut,
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
  hooks: SendOut,
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
    step.setGroup(withEntry(group, { ...waiting, failed }));
    const { conversationId } = group.row;
    const item = row.itemId === undefined ? undefined : await step.item(conversationId, row.itemId);
    if (item?.content.kind !== "message") return;
    const delivery = { state: "failed", error: failed } as const;
    await step.putItem(conversationId, { ...item, content: { ...item.content, delivery } });
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

async function prepareAct(
  runtime: Runtime,
  group: Group,
  intent: IntentRow,
  hooks: SendOut,
): Promise<boolean> {
  const { groupId } = group.row;
  if (intent.act.type === "invite" && !(await claimFor(runtime, group, intent, intent.act, hooks)))
    return false;
  await runtime.step(async (step) => {
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
  hooks: SendOut,
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

async function acknowledge(runtime: Runtime, group: Group, track: Track, hooks: SendOut): Promise<boolean> {
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
