import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import {
  createExporterTree,
  type ExporterTree,
  loadExports,
  type StoredExport,
  storedExports,
  storedExportsCodec,
  takeExport,
} from "../schedule/exporter-tree.ts";
import { secretsOfEpoch } from "../schedule/key-schedule.ts";
import { groupOf, nextOf, takeCommit, testDeps } from "../testing/people.ts";
import { advanceMember, storeMember } from "../testing/stored-member.ts";
import type { GroupState } from "./group-state.ts";
import { retireEpoch } from "./past-epoch.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { safeExportSecret } from "./safe-exporter.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("safe exporter");

async function two(): Promise<[GroupState, GroupState]> {
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  return [alice, bob];
}

/** The draft's definition, step by step: the leaf of the component in a tree of 2^16 leaves. */
function byDefinition(suite: CipherSuite, root: Uint8Array, componentId: number): Uint8Array {
  let secret = root;
  for (const bit of componentId.toString(2).padStart(16, "0")) {
    secret = suite.expandWithLabel(secret, "tree", utf8ToBytes(bit === "0" ? "left" : "right"), 32);
  }
  return secret;
}

/** The secrets that a tree still holds. */
function secretsIn(tree: ExporterTree): string[] {
  return storedExports(tree).map(({ secret }) => bytesToHex(secret));
}

const recordOf = (state: GroupState): Uint8Array =>
  encode(storedExportsCodec, storedExports(state.exporterTree));

describe("the safe exporter of draft-ietf-mls-extensions", () => {
  test("[EXPORT-1] gives each component the leaf of its id, below DeriveSecret(epoch_secret, application_export)", async () => {
    const [{ suite }] = await two();
    const epochSecret = deps.random.bytes(32);
    const root = suite.deriveSecret(epochSecret, "application_export");
    let tree = createExporterTree(secretsOfEpoch(suite, epochSecret).applicationExportSecret);
    for (const id of [0x8000, 0, 0xffff, 0x8001, 3, 2]) {
      const taken = takeExport(suite, tree, id);
      expect(bytesToHex(taken.secret)).toBe(bytesToHex(byDefinition(suite, root, id)));
      ({ tree } = taken);
    }
    for (const id of [-1, 0x1_0000, 0.5]) expect(() => takeExport(suite, tree, id)).toThrow(RangeError);
  });

  test("gives all members the same secret, joiners too, and another in each epoch", async () => {
    const [alice, bob] = await two();
    const first = safeExportSecret(alice, 0x8001).secret;
    expect(safeExportSecret(bob, 0x8001).secret).toEqual(first);
    expect(safeExportSecret(alice, 0x8002).secret).not.toEqual(first);
    const { staged } = await stageCommit(alice, {}, deps);
    const [after, atBob] = [nextOf(staged), nextOf(await takeCommit(bob, staged.message, deps))];
    expect(safeExportSecret(after, 0x8001).secret).not.toEqual(first);
    expect(safeExportSecret(atBob, 0x8001).secret).toEqual(safeExportSecret(after, 0x8001).secret);
  });

  test("[EXPORT-2] gives a secret once: it and all above it are gone from the state and its records", async () => {
    const [alice] = await two();
    const { exporterTree: before } = alice;
    const { state, secret } = safeExportSecret(alice, 0x8001);
    expect(() => safeExportSecret(state, 0x8001)).toThrow(expect.objectContaining({ code: "EXPORT_USED" }));
    if (before.kind !== "secret") throw new Error("the tree is expanded already");
    const gone: string[] = [];
    let above = before.secret;
    for (const bit of (0x8001).toString(2)) {
      gone.push(bytesToHex(above));
      above = alice.suite.expandWithLabel(above, "tree", utf8ToBytes(bit === "0" ? "left" : "right"), 32);
    }
    expect(bytesToHex(above)).toBe(bytesToHex(secret));
    const left = secretsIn(state.exporterTree);
    expect(left.length).toBe(16);
    const held = [...left, ...Object.values(state.secrets).map((kept) => bytesToHex(kept))];
    for (const used of [...gone, bytesToHex(secret)]) expect(held).not.toContain(used);
    const records = diffGroup(undefined, state).put.map(([, value]) => bytesToHex(value));
    for (const used of [...gone, bytesToHex(secret)]) {
      expect(records.some((value) => value.includes(used))).toBe(false);
    }
    expect(diffGroup(alice, state)).toEqual({ put: [["secret/exporter-tree", recordOf(state)]], delete: [] });
  });

  test("leaves nothing of an epoch to the next one, nor to what is kept of a past one", async () => {
    const [alice] = await two();
    const { state } = safeExportSecret(alice, 5);
    const next = nextOf((await stageCommit(state, {}, deps)).staged);
    for (const secret of secretsIn(state.exporterTree)) {
      expect(secretsIn(next.exporterTree)).not.toContain(secret);
    }
    expect(JSON.stringify(Object.keys(retireEpoch(state, next)))).not.toContain("exporter");
    expect(diffGroup(state, next).put.map(([key]) => key)).toContain("secret/exporter-tree");
  });

  test("[EXPORT-3] goes on from its records, which never give a secret again", async () => {
    const [alice] = await two();
    const member = storeMember(alice);
    const expected = new Map(
      [7, 6, 0, 0xffff].map((id) => [id, bytesToHex(safeExportSecret(alice, id).secret)]),
    );
    for (const [id, secret] of expected) {
      const taken = safeExportSecret(member.state, id);
      expect(bytesToHex(taken.secret)).toBe(secret);
      advanceMember(member, taken.state);
    }
    for (const id of expected.keys()) {
      expect(() => safeExportSecret(member.state, id)).toThrow(
        expect.objectContaining({ code: "EXPORT_USED" }),
      );
    }
  });

  test("is used up, leaf by leaf, down to nothing", async () => {
    const [{ suite }] = await two();
    let tree = createExporterTree(deps.random.bytes(32));
    // Only the neighbour of the last leaf: the rest of the tree as if it had been used.
    const last = storedExports(takeExport(suite, tree, 0xffff).tree).filter(({ level }) => level === 0);
    tree = loadExports(suite, last);
    ({ tree } = takeExport(suite, tree, 0xfffe));
    expect(tree).toEqual({ kind: "used" });
    expect(storedExports(tree)).toEqual([]);
  });

  test("refuses records that are no part of a tree", async () => {
    const [alice] = await two();
    const whole = storedExports(safeExportSecret(alice, 0x4000).state.exporterTree);
    const spoilt = (change: (nodes: StoredExport[]) => StoredExport[]): StoredExport[] => change([...whole]);
    for (const nodes of [
      spoilt((list) => list.toReversed()),
      spoilt((list) => [...list, { first: 0xffff, level: 0, secret: new Uint8Array(32) }]),
      spoilt(([, ...rest]) => [{ first: 1, level: 3, secret: new Uint8Array(32) }, ...rest]),
      spoilt((list) => list.map((node) => ({ ...node, secret: node.secret.slice(1) }))),
      [{ first: 0, level: 17, secret: new Uint8Array(32) }],
    ]) {
      const put = diffGroup(undefined, alice).put.map(([key, value]): [string, Uint8Array] => [
        key,
        key === "secret/exporter-tree" ? encode(storedExportsCodec, nodes) : value,
      ]);
      expect(() => loadGroup(put, { signatureKey: alice.signatureKey })).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID" }),
      );
    }
  });
});
