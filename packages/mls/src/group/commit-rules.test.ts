import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { UpdatePath } from "../commit.ts";
import { byValue, forgeCommit, type Forgery, ownLeafNode } from "../testing/forge.ts";
import { groupOf, nextOf, packageOf, person, takeCommit, testDeps } from "../testing/people.ts";
import { encryptionKeyAt } from "../tree/ratchet-tree.ts";
import { epochAuthenticator, type GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { rootPathSecretOf } from "./receive-commit.ts";
import { stageCommit } from "./stage-commit.ts";

const EVIL = 2;
const deps = testDeps("commit rules");
let group: GroupState[];

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol", "dave", "erin"], deps);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

/** What bob says of a commit that carol forged. */
async function verdict(forgery: Forgery): Promise<unknown> {
  return processMessage(member(1), await forgeCommit(member(EVIL), forgery, deps), deps);
}

async function expectRefusal(forgery: Forgery, code: string, section: string): Promise<void> {
  await expect(verdict(forgery)).rejects.toMatchObject({ code, section });
}

type PathNode = UpdatePath["nodes"][number];

/** The path with one node changed. */
const changeNode =
  (at: number, change: (node: PathNode) => Partial<PathNode>) =>
  (path: UpdatePath): UpdatePath => ({
    ...path,
    nodes: path.nodes.map((node, i) => (i === at ? { ...node, ...change(node) } : node)),
  });

test("a forged commit with nothing wrong is taken", async () => {
  expect(await verdict({})).toMatchObject({
    kind: "commit",
    sender: { kind: "member", leafIndex: EVIL },
    staged: { committer: EVIL },
  });
});

describe("a commit", () => {
  test("[RULE-1] has a path unless it only adds people (§12.4)", async () => {
    const zoe = await packageOf(await person("zoe", deps.random), deps.random);
    const add = byValue({ kind: "add", keyPackage: zoe.keyPackage });
    expect(await verdict({ path: false, proposals: add })).toMatchObject({ kind: "commit" });
    await expectRefusal({ path: false }, "COMMIT_INVALID", "§12.4");
    const remove = byValue({ kind: "remove", removed: 3 });
    await expectRefusal({ path: false, proposals: remove }, "COMMIT_INVALID", "§12.4");
    const context = byValue({ kind: "groupContextExtensions", extensions: [] });
    await expectRefusal({ path: false, proposals: context }, "COMMIT_INVALID", "§12.4");
  });

  test("[RULE-2] is of this group and this epoch (§6.1, §12.4.2)", async () => {
    const { staged } = await stageCommit(member(EVIL), {}, deps);
    const ahead = await forgeCommit(nextOf(staged), {}, deps);
    await expect(processMessage(member(1), ahead, deps)).rejects.toMatchObject({
      code: "EPOCH_MISMATCH",
      section: "§12.4.2",
    });
    const { context } = member(EVIL);
    const elsewhere = { ...member(EVIL), context: { ...context, groupId: utf8ToBytes("other") } };
    const foreign = await forgeCommit(elsewhere, {}, deps);
    await expect(processMessage(member(1), foreign, deps)).rejects.toMatchObject({ code: "GROUP_MISMATCH" });
  });

  test("[RULE-3] is signed by the key in its sender's leaf (§6.1)", async () => {
    const { privateKey } = await member(EVIL).suite.signatureKeyPair(deps.random);
    const forged = await forgeCommit({ ...member(EVIL), signatureKey: privateKey }, {}, deps);
    // The leaf inside is signed with the wrong key too, but the message's signature is what is looked at first.
    await expect(processMessage(member(1), forged, deps)).rejects.toMatchObject({
      code: "SIGNATURE_INVALID",
      section: "§6.1",
    });
  });

  test("[RULE-4] comes to the receivers' confirmation tag, and a wrong one can be proved to all (§12.4.2)", async () => {
    const flip = (tag: Uint8Array): Uint8Array => tag.map((byte) => byte ^ 1);
    const forged = await forgeCommit(member(EVIL), { confirmationTag: flip }, deps);
    const error: unknown = await processMessage(member(1), forged, deps).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CONFIRMATION_TAG_INVALID", section: "§12.4.2" });
    const rootPathSecret = rootPathSecretOf(error);
    if (rootPathSecret === undefined) throw new Error("no proof");
    await expect(processMessage(member(3), forged, deps, { rootPathSecret })).rejects.toMatchObject({
      code: "CONFIRMATION_TAG_INVALID",
    });
  });
});

describe("the path of a commit", () => {
  test("[RULE-5] has a node for each of the filtered direct path (§7.5)", async () => {
    const cut = (path: UpdatePath): UpdatePath => ({ ...path, nodes: path.nodes.slice(1) });
    await expectRefusal({ path: cut }, "UPDATE_PATH_INVALID", "§7.5");
    const longer = (path: UpdatePath): UpdatePath => ({
      ...path,
      nodes: [...path.nodes, ...path.nodes.slice(0, 1)],
    });
    await expectRefusal({ path: longer }, "UPDATE_PATH_INVALID", "§7.5");
  });

  test("[RULE-6] has a ciphertext for each node of the resolution (§7.6)", async () => {
    const none = changeNode(0, () => ({ encryptedPathSecret: [] }));
    await expectRefusal({ path: none }, "UPDATE_PATH_INVALID", "§7.6");
    const twice = changeNode(1, ({ encryptedPathSecret: sealed }) => ({
      encryptedPathSecret: [...sealed, ...sealed],
    }));
    await expectRefusal({ path: twice }, "UPDATE_PATH_INVALID", "§7.6");
  });

  test("[RULE-7] brings keys that stand nowhere in the tree, and none twice (§12.4.2)", async () => {
    const parentKey = encryptionKeyAt(member(EVIL).tree, 1);
    if (parentKey === undefined) throw new Error("node 1 is blank");
    for (const encryptionKey of [parentKey, ownLeafNode(member(3)).encryptionKey]) {
      const taken = changeNode(1, () => ({ encryptionKey }));
      await expectRefusal({ path: taken }, "UPDATE_PATH_INVALID", "§12.4.2");
    }
    const repeat = (path: UpdatePath): UpdatePath =>
      changeNode(1, (node) => ({ encryptionKey: path.nodes[0]?.encryptionKey ?? node.encryptionKey }))(path);
    await expectRefusal({ path: repeat }, "UPDATE_PATH_INVALID", "§12.4.2");
    const old = ownLeafNode(member(EVIL)).encryptionKey;
    const kept: Forgery = { leaf: (leaf) => ({ ...leaf, encryptionKey: old }) };
    await expectRefusal(kept, "UPDATE_PATH_INVALID", "§12.4.2");
  });

  test("[RULE-8] brings keys of the suite (§5.1.1)", async () => {
    const short = changeNode(0, () => ({ encryptionKey: new Uint8Array(31) }));
    await expectRefusal({ path: short }, "UPDATE_PATH_INVALID", "§5.1.1");
    const shortLeaf: Forgery = { leaf: (leaf) => ({ ...leaf, encryptionKey: new Uint8Array(31) }) };
    await expectRefusal(shortLeaf, "LEAF_NODE_INVALID", "§5.1.1");
  });

  test("[RULE-9] is bound to the leaf by the parent hash (§7.9.2)", async () => {
    const unbound: Forgery = {
      leaf: (leaf) => ({ ...leaf, source: { kind: "commit", parentHash: new Uint8Array(32) } }),
    };
    await expectRefusal(unbound, "UPDATE_PATH_INVALID", "§7.9.2");
    const { publicKey } = await member(0).suite.deriveKeyPair(deps.random.bytes(32));
    const other = changeNode(1, () => ({ encryptionKey: publicKey }));
    await expectRefusal({ path: other }, "UPDATE_PATH_INVALID", "§7.9.2");
  });

  test("[RULE-10] has a leaf of source commit, signed for its place (§7.2, §7.3)", async () => {
    const update: Forgery = { leaf: (leaf) => ({ ...leaf, source: { kind: "update" } }) };
    await expectRefusal(update, "LEAF_NODE_INVALID", "§7.3");
    const { groupId } = member(EVIL).context;
    await expectRefusal({ leafPlace: { groupId, leafIndex: 3 } }, "LEAF_NODE_INVALID", "§7.3");
    const elsewhere = { groupId: utf8ToBytes("other"), leafIndex: EVIL };
    await expectRefusal({ leafPlace: elsewhere }, "LEAF_NODE_INVALID", "§7.3");
  });

  test("[RULE-11] has a leaf whose capabilities cover itself (§7.3)", async () => {
    const extensions = [{ type: 0xf00d, data: new Uint8Array() }];
    await expectRefusal({ leaf: (leaf) => ({ ...leaf, extensions }) }, "LEAF_NODE_INVALID", "§7.3");
    const mute: Forgery = {
      leaf: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, credentials: [] } }),
    };
    await expectRefusal(mute, "LEAF_NODE_INVALID", "§7.3");
  });

  test("[RULE-12] keeps the committer's identity (§5.3.1)", async () => {
    const credential = { kind: "basic" as const, identity: utf8ToBytes("root") };
    await expectRefusal({ leaf: (leaf) => ({ ...leaf, credential }) }, "CREDENTIAL_INVALID", "§5.3.1");
  });

  test("[RULE-13] is unreadable where its secret doesn't decrypt, or gives other keys than it shows (§7.5)", async () => {
    const garbage: Forgery = {
      path: (path) => ({
        ...path,
        nodes: path.nodes.map((node) => ({
          ...node,
          encryptedPathSecret: node.encryptedPathSecret.map((sealed) => ({
            ...sealed,
            ciphertext: sealed.ciphertext.map((byte) => byte ^ 1),
          })),
        })),
      }),
    };
    await expectRefusal(garbage, "PATH_UNREADABLE", "§7.5");
    const other: Forgery = {
      pathSecrets: (secrets) => new Map([...secrets].map(([index]) => [index, deps.random.bytes(32)])),
    };
    await expectRefusal(other, "PATH_UNREADABLE", "§7.5");
    const short: Forgery = {
      pathSecrets: (secrets) => new Map([...secrets].map(([index, secret]) => [index, secret.slice(1)])),
    };
    await expectRefusal(short, "PATH_UNREADABLE", "§7.5");
    const keyless = { ...member(1), privateKeys: new Map() };
    const message = await forgeCommit(member(EVIL), {}, deps);
    await expect(processMessage(keyless, message, deps)).rejects.toMatchObject({ code: "PATH_UNREADABLE" });
  });
});

describe("[GROUP-6] a member that can't open a path", () => {
  test("follows with the root path secret, commits, and is in step with all", async () => {
    // Only what is sealed to alice's and bob's half is spoilt.
    const spoil = changeNode(1, ({ encryptedPathSecret }) => ({
      encryptedPathSecret: encryptedPathSecret.map((sealed) => ({
        ...sealed,
        ciphertext: new Uint8Array(48),
      })),
    }));
    const message = await forgeCommit(member(EVIL), { path: spoil }, deps);
    await expect(processMessage(member(1), message, deps)).rejects.toMatchObject({ code: "PATH_UNREADABLE" });
    const dave = await takeCommit(member(3), message, deps);
    const { rootPathSecret } = dave;
    if (rootPathSecret === undefined) throw new Error("a commit with a path has a root path secret");
    const wrong = { rootPathSecret: deps.random.bytes(32) };
    await expect(processMessage(member(1), message, deps, wrong)).rejects.toMatchObject({
      code: "PATH_UNREADABLE",
    });

    const bob = await processMessage(member(1), message, deps, { rootPathSecret });
    if (bob.kind !== "commit") throw new Error("not a commit");
    const healed = await stageCommit(nextOf(bob.staged), {}, deps);
    const followed = await takeCommit(nextOf(dave), healed.staged.message, deps);
    expect(bytesToHex(epochAuthenticator(nextOf(healed.staged)))).toBe(
      bytesToHex(epochAuthenticator(nextOf(followed))),
    );
  });
});
