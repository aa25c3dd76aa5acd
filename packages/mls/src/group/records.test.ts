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
import { createApplicationMessage, proposeUpdate } from "./send-message.ts";
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
