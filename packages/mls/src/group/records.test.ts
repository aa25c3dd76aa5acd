import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { loadCipherSuite } from "../crypto/cipher-suite.ts";
import { errorCode } from "../testing/error-code.ts";
import { groupOf, nextOf, takeCommit, testDeps } from "../testing/people.ts";
import type { GroupState } from "./group-state.ts";
import { type PastEpoch, retireEpoch } from "./past-epoch.ts";
import { diffPastEpoch, loadPastEpoch } from "./past-epoch-records.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { createApplicationMessage, proposePsk, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("records");
let state: GroupState;
let next: GroupState;
let past: PastEpoch;

beforeAll(async () => {
  const [alice, bob] = await groupOf(["alice", "bob", "carol", "dave", "erin"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  const sent = await createApplicationMessage(alice, utf8ToBytes("hello"), {}, deps);
  const read = await processMessage(bob, sent.message, deps);
  ({ state } = await proposeUpdate(read.state, {}, {}, deps));
  const { staged } = await stageCommit(sent.state, { remove: [3, 4] }, deps);
  next = nextOf(await takeCommit(state, staged.message, deps));
  past = retireEpoch(state, next);
});

const keysOf = (of: GroupState): { signatureKey: GroupState["signatureKey"] } => ({
  signatureKey: of.signatureKey,
});

describe("the records of a group", () => {
  test("say by their keys what is secret", () => {
    const { put } = diffGroup(undefined, state);
    expect(put.every(([key]) => key.startsWith("public/") || key.startsWith("secret/"))).toBe(true);
    const publicBytes = put.filter(([key]) => key.startsWith("public/")).map(([, value]) => value.join());
    const secrets = [...Object.values(state.secrets), ...state.privateKeys.values()];
    for (const secret of secrets)
      expect(publicBytes.some((bytes) => bytes.includes(secret.join()))).toBe(false);
  });

  test("don't change where the state doesn't", () => {
    expect(diffGroup(state, state)).toEqual({ put: [], delete: [] });
  });

  test("hold no signature key", () => {
    const { signatureKey } = state;
    if (!(signatureKey instanceof Uint8Array)) throw new Error("tests have raw keys");
    const all = diffGroup(undefined, state).put.map(([, value]) => value.join());
    expect(all.some((bytes) => bytes.includes(signatureKey.join()))).toBe(false);
  });

  test("of a suite that is not loaded wait for it, and are not taken for damaged", async () => {
    const ofSuite = (suite: number): [string, Uint8Array][] =>
      diffGroup(undefined, state).put.map(([key, value]) => [
        key,
        key === "public/state" ? value.with(3, suite) : value,
      ]);
    expect(await errorCode(() => loadGroup(ofSuite(4), keysOf(state)))).toBe("SUITE_NOT_LOADED");
    expect(await errorCode(() => loadGroup(ofSuite(0), keysOf(state)))).toBe("RECORD_INVALID");
    await loadCipherSuite(4);
    expect(await errorCode(() => loadGroup(ofSuite(4), keysOf(state)))).toBe("RECORD_INVALID");
  });

  test("[GROUP-7] give no state when one of them is missing, cut short or misshapen", () => {
    const { put } = diffGroup(undefined, state);
    for (const [missing] of put) {
      const rest = put.filter(([key]) => key !== missing);
      expect(() => loadGroup(rest, keysOf(state)), missing).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID" }),
      );
    }
    const strange: [string, Uint8Array][] = [...put, ["public/node/one", new Uint8Array()]];
    expect(() => loadGroup(strange, keysOf(state))).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }),
    );
    for (const [damaged] of put.filter(([key]) => key.startsWith("public/") || key === "secret/epoch")) {
      const spoilt = put.map(([key, value]): [string, Uint8Array] => [
        key,
        key === damaged ? value.slice(1) : value,
      ]);
      expect(() => loadGroup(spoilt, keysOf(state))).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID" }),
      );
    }
  });
});

describe("the records of many pending proposals", () => {
  const PROPOSALS = 41;
  const stored = new Map<string, Uint8Array>();
  let proposer: GroupState;
  let sizes: number[];

  function store(before: GroupState | undefined, after: GroupState): number {
    const diff = diffGroup(before, after);
    for (const key of diff.delete) stored.delete(key);
    for (const [key, value] of diff.put) stored.set(key, value);
    return diff.put.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  }

  beforeAll(async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined) throw new Error("nobody");
    proposer = alice;
    store(undefined, proposer);
    sizes = [];
    for (let i = 0; i < PROPOSALS; i++) {
      const before = proposer;
      const psk = { kind: "external", pskId: Uint8Array.of(i) } as const;
      proposer = (await proposePsk(before, psk, {}, deps)).state;
      sizes.push(store(before, proposer));
    }
  });

  test("[TREE-SECRET-2] are at most 1 KiB for each, and load as they are", () => {
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024);
    const loaded = loadGroup(stored, keysOf(proposer));
    expect([...loaded.proposals]).toEqual([...proposer.proposals]);
    expect(new Map(diffGroup(undefined, loaded).put)).toEqual(stored);
  });

  test("[GROUP-7] give no state when one is missing or isn't full", () => {
    const chunks = [...stored.keys()].filter((key) => key.startsWith("public/proposals"));
    expect(chunks.length).toBeGreaterThan(3);
    for (const key of chunks) {
      const less = new Map(stored);
      less.delete(key);
      expect(() => loadGroup(less, keysOf(proposer)), key).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID" }),
      );
    }
    const [full, rest] = [stored.get("public/proposals/1"), stored.get("public/proposals")?.slice(5)];
    if (full === undefined || rest === undefined) throw new Error("no chunk");
    const short = new Map(stored).set("public/proposals/1", rest);
    expect(() => loadGroup(short, keysOf(proposer))).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }),
    );
  });

  test("are gone in the next epoch", async () => {
    const { staged } = await stageCommit(proposer, { proposals: [] }, deps);
    store(proposer, nextOf(staged));
    const left = [...stored.keys()].filter((key) => key.startsWith("public/proposal"));
    expect(left).toEqual(["public/proposals"]);
    expect(loadGroup(stored, keysOf(proposer)).proposals.size).toBe(0);
  });

  const withPsks = async (from: GroupState, ids: readonly number[]): Promise<GroupState> => {
    let after = from;
    for (const id of ids) {
      const psk = { kind: "external", pskId: Uint8Array.of(id) } as const;
      after = (await proposePsk(after, psk, {}, deps)).state;
    }
    return after;
  };

  test("that are a list only, as older versions wrote them, are read and gone on from", async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined) throw new Error("nobody");
    const few = await withPsks(alice, [1, 2, 3]);
    const five = await withPsks(few, [4, 5]);
    // The list of an older version: that of all of them, without mark and chunks.
    const records = new Map(diffGroup(undefined, five).put);
    const bare = (key: string): number[] => [...(records.get(key) ?? [])];
    const [chunk, rest] = [bare("public/proposals/0"), bare("public/proposals").slice(5)];
    expect([chunk.length, rest.length]).toEqual([2 + 4 * 34, 1 + 34]);
    const all = [...chunk.slice(2), ...rest.slice(1)];
    records.set("public/proposals", Uint8Array.from([0x40, all.length, ...all]));
    records.delete("public/proposals/0");

    const loaded = loadGroup(records, keysOf(five));
    expect([...loaded.proposals]).toEqual([...five.proposals]);
    const six = await withPsks(loaded, [6]);
    for (const [key, value] of diffGroup(loaded, six).put) records.set(key, value);
    expect([...loadGroup(records, keysOf(six)).proposals]).toEqual([...six.proposals]);
  });

  test("of values that went on from the same one, stored one over the other, load as the last", async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined) throw new Error("nobody");
    const three = await withPsks(alice, [1, 2, 3]);
    const records = new Map<string, Uint8Array>();
    let last: GroupState | undefined;
    for (const later of [
      three,
      await withPsks(three, [4]),
      await withPsks(three, [5]),
      await withPsks(three, [6, 7]),
    ]) {
      const diff = diffGroup(last, later);
      for (const key of diff.delete) records.delete(key);
      for (const [key, value] of diff.put) records.set(key, value);
      last = later;
      expect([...loadGroup(records, keysOf(later)).proposals]).toEqual([...later.proposals]);
    }
  });
});

describe("the records of a past epoch", () => {
  test("hold of the tree only what the next epoch changed", () => {
    const nodes = diffPastEpoch(undefined, past).put.filter(([key]) => key.startsWith("public/node/"));
    expect(nodes.length).toBeLessThan(
      diffGroup(undefined, state).put.filter(([key]) => key.startsWith("public/node/")).length,
    );
    const loaded = loadPastEpoch(diffPastEpoch(undefined, past).put, next);
    expect(diffPastEpoch(undefined, loaded)).toEqual(diffPastEpoch(undefined, past));
    expect(diffPastEpoch(past, past)).toEqual({ put: [], delete: [] });
  });

  test("stand alone where no epoch came after: this member was removed", () => {
    const alone = retireEpoch(state, undefined);
    const loaded = loadPastEpoch(diffPastEpoch(undefined, alone).put, undefined);
    expect(loaded.tree.members).toBe(5);
  });

  test("are refused beside another epoch than the one after, or with one missing", () => {
    const { put } = diffPastEpoch(undefined, past);
    expect(() => loadPastEpoch(put, state)).toThrow(expect.objectContaining({ code: "RECORD_INVALID" }));
    for (const [missing] of put) {
      const rest = put.filter(([key]) => key !== missing);
      expect(() => loadPastEpoch(rest, next)).toThrow(expect.objectContaining({ code: "RECORD_INVALID" }));
    }
  });
});
