import { expect, test } from "vitest";
import {
  parseAccountId,
  parseDeviceId,
  parseEntryId,
  parseGroupId,
  parseHandle,
  parseSeatId,
} from "../identity/parse-ids.ts";
import type { Group } from "../state.ts";
import type { IntentRow, OutboxRow, SealedEntry, StagedCommitRow } from "../tables.ts";
import { isFree, nextTask, type Situation } from "./next-task.ts";

const self = parseAccountId("aa".repeat(16));
const other = parseAccountId("bb".repeat(16));
const groupId = parseGroupId("11".repeat(32));

const situation: Situation = { self, behind: false, now: 1_000, commitDue: false, acked: 5 };

function group(changes: Partial<Group> = {}, row: Partial<Group["row"]> = {}): Group {
  return {
    row: {
      groupId,
      conversationId: groupId,
      kind: "group",
      membership: { state: "member" },
      created: true,
      seated: true,
      seatId: parseSeatId("01".repeat(16)),
      seatToken: new Uint8Array(32),
      epoch: 3,
      branch: 4,
      epochAuthenticator: "",
      epochToken: new Uint8Array(32),
      ended: [],
      host: "h",
      title: undefined,
      admins: [self],
      leaving: [],
      mayAdd: "admins",
      roster: [self, other].map((userId, leaf) => ({
        leaf,
        userId,
        deviceId: parseDeviceId("02".repeat(16)),
        handle: parseHandle("somebody"),
        seatId: parseSeatId("03".repeat(16)),
        since: 0,
        invited: false,
      })),
      ...row,
    },
    cursor: { seq: 5, acked: 0 },
    staged: undefined,
    intents: [],
    outbox: [],
    engine: undefined,
    ...changes,
  };
}

const intent = (order: number, changes: Partial<IntentRow> = {}): IntentRow => ({
  commandId: String(order),
  at: 0,
  groupId,
  order,
  act: { type: "rename", title: "x" },
  tries: 0,
  ...changes,
});
const sealed: SealedEntry = {
  bytes: new Uint8Array(),
  hash: "",
  epoch: 3,
  branch: 4,
  epochToken: new Uint8Array(32),
};
const message = (order: number, changes: Partial<OutboxRow> = {}): OutboxRow => ({
  groupId,
  order,
  at: 0,
  entryId: parseEntryId("04".repeat(16)),
  kind: "application",
  itemId: String(order),
  content: new Uint8Array(),
  ...changes,
});
const staged: StagedCommitRow = {
  entryId: parseEntryId("05".repeat(16)),
  epoch: 3,
  branch: 4,
  epochToken: new Uint8Array(32),
  bytes: new Uint8Array(),
  hash: "",
  fields: { nextTokenHash: new Uint8Array(32), seatsAdded: [], seatsRemoved: [] },
  welcomes: [],
  next: { put: [], gone: [] },
  lines: [],
};

test("a group is founded at the relay before anything else", () => {
  expect(nextTask(group({ outbox: [message(1)] }, { created: false }), situation).kind).toBe("create");
});

test("whoever is behind sends nothing: the epoch may be over", () => {
  const busy = group({ staged, outbox: [message(1)] });
  expect(nextTask(busy, { ...situation, behind: true }).kind).toBe("nothing");
  expect(nextTask(busy, situation).kind).toBe("commit");
});

test("[ORDER-4] acts and messages go in the order in which they were asked for", () => {
  expect(nextTask(group({ intents: [intent(1)], outbox: [message(2)] }), situation)).toMatchObject({
    kind: "act",
  });
  expect(nextTask(group({ intents: [intent(2)], outbox: [message(1)] }), situation)).toMatchObject({
    kind: "seal",
    entry: { order: 1 },
  });
});

test("[EPOCH-4] nothing is encrypted while an own commit is under way", () => {
  expect(nextTask(group({ staged, outbox: [message(1)] }), situation).kind).toBe("commit");
  expect(isFree(group({ staged }), situation)).toBe(false);
  expect(isFree(group(), situation)).toBe(true);
});

test("an act that lost its epoch keeps what follows waiting; one that waits for a person doesn't", () => {
  const lost = intent(1, { retryAt: 2_000, error: { code: "EPOCH_LOST" } });
  const waits = intent(1, { retryAt: 2_000, error: { code: "NO_KEY_PACKAGE" } });
  expect(nextTask(group({ intents: [lost], outbox: [message(2)] }), situation).kind).toBe("nothing");
  expect(nextTask(group({ intents: [waits], outbox: [message(2)] }), situation).kind).toBe("seal");
  expect(nextTask(group({ intents: [waits] }), { ...situation, now: 2_000 }).kind).toBe("act");
  expect(isFree(group({ intents: [lost] }), situation)).toBe(false);
  expect(isFree(group({ intents: [waits] }), situation)).toBe(true);
});

test("[POL-9] others' departures are committed before an own message, and else when the turn comes", () => {
  const leaving = { leaving: [other] };
  expect(nextTask(group({ outbox: [message(1)] }, leaving), situation).kind).toBe("commitProposals");
  expect(nextTask(group({}, leaving), situation).kind).toBe("nothing");
  expect(nextTask(group({}, leaving), { ...situation, commitDue: true }).kind).toBe("commitProposals");
  expect(isFree(group({}, leaving), situation)).toBe(false);
});

test("an own departure that is proposed waits for somebody else, and is proposed again in the next epoch", () => {
  const leave = intent(1, { act: { type: "leave" } });
  const state = { membership: { state: "leaving" } } as const;
  expect(nextTask(group({ intents: [leave] }, { ...state, leaving: [self] }), situation).kind).toBe(
    "nothing",
  );
  expect(nextTask(group({ intents: [leave] }, state), situation).kind).toBe("act");
});

test("what the relay has taken is not sent again; what failed waits for its person", () => {
  expect(nextTask(group({ outbox: [message(1, { sealed })] }), situation).kind).toBe("send");
  expect(nextTask(group({ outbox: [message(1, { sealed: { ...sealed, seq: 6 } })] }), situation).kind).toBe(
    "nothing",
  );
  expect(
    nextTask(group({ outbox: [message(1, { failed: { code: "MESSAGE_TOO_LARGE" } })] }), situation).kind,
  ).toBe("nothing");
});

test("what was taken in is acknowledged when nothing else is to be done", () => {
  expect(nextTask(group(), { ...situation, acked: 4 }).kind).toBe("acknowledge");
  expect(nextTask(group(), situation).kind).toBe("nothing");
});
