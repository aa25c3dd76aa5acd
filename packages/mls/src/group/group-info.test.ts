import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { decode, encode, opaque } from "../codec/codec.ts";
import { EXTENSION_EXTERNAL_PUB, EXTENSION_RATCHET_TREE, findExtension } from "../extension.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  groupOf,
  nextOf,
  packageOf,
  person,
  testDeps,
  trusting,
} from "../testing/people.ts";
import { type GroupInfo, signGroupInfo, type UnsignedGroupInfo } from "../welcome.ts";
import { readGroupInfo } from "./check-group-info.ts";
import { exportGroupInfo, exportRatchetTree, type GroupInfoOptions } from "./export-group-info.ts";
import { type GroupState, memberAt, members } from "./group-state.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { processMessage } from "./process-message.ts";
import { proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("group info");
let group: GroupState[];

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol"], deps);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

const read = (groupInfo: Uint8Array, ratchetTree?: Uint8Array): ReturnType<typeof readGroupInfo> =>
  readGroupInfo({ groupInfo, ...(ratchetTree && { ratchetTree }), deps });

function decoded(message: Uint8Array): GroupInfo {
  const found = decode(mlsMessageCodec, message);
  if (found.kind !== "groupInfo") throw new Error("not a GroupInfo");
  return found.groupInfo;
}

/** Bob's GroupInfo with a change that he signed. */
async function forged(
  change: (info: UnsignedGroupInfo) => Partial<UnsignedGroupInfo>,
  options: GroupInfoOptions = {},
): Promise<Uint8Array> {
  const { signature: _old, ...info } = decoded(await exportGroupInfo(member(1), options));
  const { suite, signatureKey } = member(1);
  const groupInfo = await signGroupInfo(suite, { ...info, ...change(info) }, signatureKey);
  return encode(mlsMessageCodec, { kind: "groupInfo", groupInfo });
}

const replacing =
  (type: number, data: Uint8Array) =>
  ({ extensions }: UnsignedGroupInfo): Partial<UnsignedGroupInfo> => ({
    extensions: [...extensions.filter((extension) => extension.type !== type), { type, data }],
  });

describe("[EXTERNAL-8] a GroupInfo for those outside", () => {
  test("shows the group and who vouches for it (§12.4.3)", async () => {
    const state = member(1);
    const grease = { type: 0x1a1a, data: utf8ToBytes("?") };
    const seen = await read(await exportGroupInfo(state, { extensions: [grease] }));
    const { publicKey } = await state.suite.deriveKeyPair(state.secrets.externalSecret);
    expect(seen).toMatchObject({ context: state.context, signer: 1, externalPub: publicKey });
    expect(seen.members).toEqual(members(state));
    expect(findExtension(seen.extensions, grease.type)).toEqual(grease.data);
  });

  test("has the confirmation tag of the commit that began the epoch (§12.4.3)", async () => {
    const { staged } = await stageCommit(member(0), { wireFormat: "publicMessage" }, deps);
    const commit = decode(mlsMessageCodec, staged.message);
    if (commit.kind !== "publicMessage") throw new Error("a public commit");
    expect(decoded(await exportGroupInfo(nextOf(staged))).confirmationTag).toEqual(
      commit.publicMessage.auth.confirmationTag,
    );
  });

  test("leaves out the tree and the external key where that is asked for", async () => {
    const bare = await exportGroupInfo(member(1), { ratchetTree: false, externalPub: false });
    expect(decoded(bare).extensions).toEqual([]);
    await expect(read(bare)).rejects.toMatchObject({ code: "GROUP_INFO_INVALID", section: "§12.4.3.1" });
    const seen = await read(bare, exportRatchetTree(member(1)));
    expect(seen.externalPub).toBeUndefined();
    const { credential, signatureKey } = await person("zoe", deps.random);
    const joining = joinByExternalCommit({
      groupInfo: bare,
      ratchetTree: exportRatchetTree(member(1)),
      credential,
      signatureKey,
      capabilities: CAPABILITIES,
      deps,
    });
    await expect(joining).rejects.toMatchObject({ code: "GROUP_INFO_INVALID", section: "§12.4.3.2" });
  });

  test("isn't made of a group that was reinitialized (§12.4.2)", async () => {
    const reinit = { groupId: utf8ToBytes("new"), version: 1, cipherSuite: 1, extensions: [] };
    await expect(exportGroupInfo({ ...member(1), reinit })).rejects.toMatchObject({ code: "GROUP_CLOSED" });
  });

  test("has no two extensions of one type (§13.4)", async () => {
    const extensions = [{ type: EXTENSION_RATCHET_TREE, data: new Uint8Array() }];
    await expect(exportGroupInfo(member(1), { extensions })).rejects.toMatchObject({
      code: "EXTENSION_DUPLICATE",
    });
  });

  test("[RULE-89] is a GroupInfo message, of a suite that is known here (§5.1, §6)", async () => {
    const { message } = await packageOf(await person("zoe", deps.random), deps.random);
    await expect(read(message)).rejects.toMatchObject({ code: "WIRE_FORMAT_UNEXPECTED" });
    const foreign = await forged(({ groupContext }) => ({
      groupContext: { ...groupContext, cipherSuite: 0x0a0a },
    }));
    await expect(read(foreign)).rejects.toMatchObject({ code: "SUITE_UNSUPPORTED" });
  });

  test("is signed by the member whom it names (§12.4.3)", async () => {
    const info = decoded(await exportGroupInfo(member(1)));
    const flipped = { ...info, signature: info.signature.map((byte) => byte ^ 1) };
    for (const groupInfo of [flipped, { ...info, signer: 0 }, { ...info, signer: 3 }]) {
      const message = encode(mlsMessageCodec, { kind: "groupInfo", groupInfo });
      await expect(read(message)).rejects.toMatchObject({
        code: "GROUP_INFO_INVALID",
        section: "§12.4.3.1",
      });
    }
  });

  test("comes with the tree of its tree hash, and a valid one (§12.4.3.1)", async () => {
    const other = await groupOf(["alice", "bob", "carol"], deps);
    const stranger = other[0];
    if (stranger === undefined) throw new Error("a group has a founder");
    const tree = exportRatchetTree(stranger);
    await expect(read(await forged(replacing(EXTENSION_RATCHET_TREE, tree)))).rejects.toMatchObject({
      code: "TREE_INVALID",
    });
    const context = (info: UnsignedGroupInfo): Partial<UnsignedGroupInfo> => ({
      groupContext: { ...info.groupContext, extensions: [{ type: 0xf0ff, data: new Uint8Array() }] },
    });
    await expect(read(await forged(context))).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      section: "§13.4",
    });
  });

  test("brings an external key of its suite (§12.4.3.2)", async () => {
    for (const length of [0, 31, 32]) {
      const data = encode(opaque, new Uint8Array(length));
      await expect(read(await forged(replacing(EXTENSION_EXTERNAL_PUB, data)))).rejects.toMatchObject({
        code: "GROUP_INFO_INVALID",
        section: "§12.4.3.2",
      });
    }
    const trailing = Uint8Array.of(...encode(opaque, new Uint8Array(32).fill(9)), 0);
    await expect(read(await forged(replacing(EXTENSION_EXTERNAL_PUB, trailing)))).rejects.toMatchObject({
      code: "DECODE_TRAILING",
    });
  });

  test("shows members whose credentials the application takes (§5.3.1)", async () => {
    const authentication = { ...trusting, validate: () => Promise.reject(new Error("unknown")) };
    const groupInfo = await exportGroupInfo(member(1));
    await expect(readGroupInfo({ groupInfo, deps: { ...deps, authentication } })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
    });
  });

  test("is of use for its own epoch alone", async () => {
    const groupInfo = await exportGroupInfo(member(1));
    const { states } = await commitAndFollow(group, 0, {}, deps);
    const { credential, signatureKey } = await person("zoe", deps.random);
    const late = await joinByExternalCommit({
      groupInfo,
      credential,
      signatureKey,
      capabilities: CAPABILITIES,
      deps,
    });
    const open = { ...deps, external: { allowCommit: () => Promise.resolve(true) } };
    const next = states[0];
    if (next === undefined) throw new Error("alice is a member");
    await expect(processMessage(next, late.message, open)).rejects.toMatchObject({ code: "EPOCH_MISMATCH" });
  });

  test("is the same group for all members, whatever each has pending", async () => {
    const { state } = await proposeUpdate(member(2), {}, {}, deps);
    const [one, other] = [await exportGroupInfo(member(1)), await exportGroupInfo(state)].map(decoded);
    expect(other?.extensions).toEqual(one?.extensions);
    expect(other?.groupContext).toEqual(one?.groupContext);
    expect(memberAt(state, 2)).toEqual(memberAt(member(1), 2));
  });
});
