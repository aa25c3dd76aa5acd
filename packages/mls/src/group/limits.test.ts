import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { groupOf, nextOf, takeCommit, testDeps } from "../testing/people.ts";
import type { GroupState } from "./group-state.ts";
import { DEFAULT_LIMITS, dropExpiredKeys, keepPastEpochs } from "./limits.ts";
import { openLate, retireEpoch } from "./past-epoch.ts";
import { diffPastEpoch } from "./past-epoch-records.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { createApplicationMessage, proposeRemove, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("limits");
const NOON = 1_700_000_000_000;
const DAY = 24 * 60 * 60 * 1000;

/** Bob, who at noon read the third of alice's messages and not the two before it. */
async function waiting(): Promise<{ alice: GroupState; bob: GroupState; messages: Uint8Array[] }> {
  const [first, bob] = await groupOf(["alice", "bob", "carol"], deps);
  if (first === undefined || bob === undefined) throw new Error("somebody is missing");
  let alice = first;
  const messages: Uint8Array[] = [];
  for (const text of ["one", "two", "three", "four"]) {
    const sent = await createApplicationMessage(alice, utf8ToBytes(text), {}, deps);
    alice = sent.state;
    messages.push(sent.message);
  }
  const read = await processMessage(bob, messageAt(messages, 2), deps, { now: NOON });
  return { alice, bob: read.state, messages };
}

function messageAt(messages: readonly Uint8Array[], index: number): Uint8Array {
  const message = messages[index];
  if (message === undefined) throw new Error("no such message");
  return message;
}

const skippedIn = (keys: Iterable<string>): string[] =>
  [...keys].filter((key) => key.startsWith("secret/skipped/")).sort();

describe("[RATCHET-6] a skipped key of application data", () => {
  test("opens its message for a day, and not a millisecond longer", async () => {
    const { bob, messages } = await waiting();
    const early = await processMessage(bob, messageAt(messages, 0), deps, { now: NOON + DAY });
    expect(early).toMatchObject({ kind: "application", data: utf8ToBytes("one") });
    const late = () => processMessage(bob, messageAt(messages, 0), deps, { now: NOON + DAY + 1 });
    expect(await errorCode(late)).toBe("GENERATION_USED");
  });

  test("is kept for as long as the caller's limits say", async () => {
    const { bob, messages } = await waiting();
    const limits = { ...DEFAULT_LIMITS, maxSkippedAge: 5000 };
    const at = (now: number) =>
      errorCode(() => processMessage(bob, messageAt(messages, 1), deps, { now, limits }));
    expect(await at(NOON + 5000)).toBeUndefined();
    expect(await at(NOON + 5001)).toBe("GENERATION_USED");
  });

  test("is gone a day later from the state and its records, whatever message comes next", async () => {
    const { bob, messages } = await waiting();
    const before = new Map(diffGroup(undefined, bob).put);
    const keys = skippedIn(before.keys());
    expect(keys).toEqual(["secret/skipped/0/application/0", "secret/skipped/0/application/1"]);
    const opened = await processMessage(bob, messageAt(messages, 3), deps, { now: NOON + DAY + 1 });
    const diff = diffGroup(bob, opened.state);
    expect(skippedIn(diff.delete)).toEqual(keys);
    const after = new Map(diffGroup(undefined, opened.state).put);
    expect(skippedIn(after.keys())).toEqual([]);
    const held = [...after.values()].map(bytesToHex).join(" ");
    for (const name of keys) {
      const record = before.get(name);
      if (record === undefined) throw new Error("no such record");
      expect(held).not.toContain(bytesToHex(record.subarray(9, 9 + 16))); // the key, after the time and its length
    }
  });

  test("survives storing with its time", async () => {
    const { bob, messages } = await waiting();
    const loaded = loadGroup(diffGroup(undefined, bob).put, { signatureKey: bob.signatureKey });
    expect(loaded.secretTree).toEqual(bob.secretTree);
    const late = () => processMessage(loaded, messageAt(messages, 0), deps, { now: NOON + DAY + 1 });
    expect(await errorCode(late)).toBe("GENERATION_USED");
  });

  test("is dropped by the caller where nothing arrives, and nothing else with it", async () => {
    const { bob, messages } = await waiting();
    expect(dropExpiredKeys(bob, NOON + DAY)).toBe(bob);
    const dropped = dropExpiredKeys(bob, NOON + DAY + 1);
    const diff = diffGroup(bob, dropped);
    expect(diff.delete.length).toBe(2);
    expect(diff.put.map(([key]) => key)).toEqual(["secret/ratchet/0/application"]);
    expect(await processMessage(dropped, messageAt(messages, 3), deps)).toMatchObject({ generation: 3 });
    expect(() => dropExpiredKeys(bob, 0.5)).toThrow(RangeError);
  });

  test("without a time stays until there is one", async () => {
    const { bob, message } = await waitingWithoutTime();
    expect(await errorCode(() => processMessage(bob, message, deps))).toBeUndefined();
    expect(await errorCode(() => processMessage(bob, message, deps, { now: NOON }))).toBe("GENERATION_USED");
  });

  test("of a past epoch expires likewise", async () => {
    const { alice, bob, messages } = await waiting();
    const { staged } = await stageCommit(alice, {}, deps);
    const past = retireEpoch(bob, nextOf(await takeCommit(bob, staged.message, deps)));
    const open = (now: number) => openLate(past, messageAt(messages, 0), { now });
    expect(await open(NOON + DAY)).toMatchObject({ data: utf8ToBytes("one") });
    expect(await errorCode(() => open(NOON + DAY + 1))).toBe("GENERATION_USED");
    const other = await openLate(past, messageAt(messages, 3), { now: NOON + DAY + 1 });
    expect(skippedIn(diffPastEpoch(past, other.past).delete).length).toBe(2);
    expect(dropExpiredKeys(past, NOON + DAY)).toBe(past);
    expect(skippedIn(diffPastEpoch(past, dropExpiredKeys(past, NOON + DAY + 1)).delete).length).toBe(2);
  });
});

test("[RATCHET-7] no clock decides whether a proposal or a commit opens: their skipped keys stay for the epoch", async () => {
  const [alice, bob] = await groupOf(["alice", "bob", "carol"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  const lost = await proposeUpdate(alice, {}, {}, deps);
  const later = await proposeRemove(lost.state, 2, {}, deps);
  const read = (state: GroupState, message: Uint8Array, now: number) =>
    processMessage(state, message, deps, { now });
  // Who was there a day ago, and who catches up now: a leap at noon, and what it leapt over a day later.
  const online = (await read(bob, later.message, NOON)).state;
  const offline = (await read(bob, later.message, NOON + DAY + 1)).state;
  for (const state of [online, dropExpiredKeys(online, NOON + DAY + 1), offline]) {
    expect(await read(state, lost.message, NOON + DAY + 1)).toMatchObject({ kind: "proposal" });
  }
  const commit = await stageCommit(alice, {}, deps); // of generation 0
  expect(await read(online, commit.staged.message, NOON + DAY + 1)).toMatchObject({ kind: "commit" });
});

test("of past epochs three are kept, or as many as the caller says", () => {
  expect(keepPastEpochs(5, [4, 3, 2])).toEqual([5, 4, 3]);
  expect(keepPastEpochs(5, [4, 3, 2], { maxPastEpochs: 1 })).toEqual([5]);
  expect(keepPastEpochs(5, [4], { maxPastEpochs: 0 })).toEqual([]);
});

/** Bob, who read alice's second message before the first and has no clock. */
async function waitingWithoutTime(): Promise<{ bob: GroupState; message: Uint8Array }> {
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  const one = await createApplicationMessage(alice, utf8ToBytes("one"), {}, deps);
  const two = await createApplicationMessage(one.state, utf8ToBytes("two"), {}, deps);
  return { bob: (await processMessage(bob, two.message, deps)).state, message: one.message };
}

test("a message leaps over as many generations as the caller's limits say", async () => {
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  let sender = alice;
  const messages: Uint8Array[] = [];
  for (const text of ["one", "two", "three"]) {
    const sent = await createApplicationMessage(sender, utf8ToBytes(text), {}, deps);
    sender = sent.state;
    messages.push(sent.message);
  }
  const leap = (maxForward: number) =>
    errorCode(() =>
      processMessage(bob, messageAt(messages, 2), deps, { limits: { ...DEFAULT_LIMITS, maxForward } }),
    );
  expect(await leap(1)).toBe("GENERATION_TOO_FAR");
  expect(await leap(2)).toBeUndefined();
});
