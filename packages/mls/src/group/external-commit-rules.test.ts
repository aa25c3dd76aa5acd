import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import { EXTENSION_REQUIRED_CAPABILITIES, requiredCapabilitiesCodec } from "../extension.ts";
import type { UnsignedLeafNode } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
import { byValue, ownLeafNode } from "../testing/forge.ts";
import { type ExternalForgery, forgeExternalCommit } from "../testing/forge-external.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  groupOf,
  nextOf,
  packageOf,
  type Person,
  person,
  testDeps,
  trusting,
} from "../testing/people.ts";
import { encryptionKeyAt } from "../tree/ratchet-tree.ts";
import type { EngineDeps } from "./authentication.ts";
import { createExternalInit, openExternalInit } from "./external-init.ts";
import type { GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { rootPathSecretOf } from "./receive-commit.ts";
import { createProposal } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("external commit rules");
const open: EngineDeps = { ...deps, external: { allowCommit: () => Promise.resolve(true) } };
let group: GroupState[];
let zoe: Person;
/** Bob on a new device. */
let bobAgain: Person;

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol", "dave"], deps);
  zoe = await person("zoe", deps.random);
  bobAgain = await person("bob", deps.random);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

/** What alice says of an external commit. */
async function verdict(forgery: ExternalForgery, who = zoe, reader = open, at = member(0)): Promise<unknown> {
  return processMessage(at, await forgeExternalCommit(at, who, forgery, deps), reader);
}

async function expectRefusal(
  forgery: ExternalForgery,
  code: string,
  section: string,
  who = zoe,
): Promise<void> {
  await expect(verdict(forgery, who)).rejects.toMatchObject({ code, section });
}

const beside = (...others: Proposal[]): ExternalForgery => ({
  proposals: (init) => byValue(init, ...others),
});
const removing = (...leaves: number[]): ExternalForgery =>
  beside(...leaves.map((removed): Proposal => ({ kind: "remove", removed })));
const withLeaf = (change: Partial<UnsignedLeafNode>): ExternalForgery => ({
  leaf: (leaf) => ({ ...leaf, ...change }),
});

test("a forged external commit with nothing wrong is taken", async () => {
  expect(await verdict({})).toMatchObject({ kind: "commit", staged: { committer: 4 } });
  expect(await verdict(removing(1), bobAgain)).toMatchObject({ staged: { committer: 1 } });
});

describe("[EXTERNAL-5] the proposals of an external commit", () => {
  test("hold exactly one ExternalInit (§12.2)", async () => {
    await expectRefusal({ proposals: () => [] }, "PROPOSAL_LIST_INVALID", "§12.2");
    await expectRefusal({ proposals: (init) => byValue(init, init) }, "PROPOSAL_LIST_INVALID", "§12.2");
  });

  test("hold at most one Remove, of a member (§12.2, §12.1.3)", async () => {
    await expectRefusal(removing(1, 2), "PROPOSAL_LIST_INVALID", "§12.2", bobAgain);
    await expectRefusal(removing(1, 1), "PROPOSAL_LIST_INVALID", "§12.2", bobAgain);
    await expectRefusal(removing(4), "PROPOSAL_INVALID", "§12.1.3");
  });

  test("hold no Add, Update, ReInit or GroupContextExtensions (§12.2)", async () => {
    const { keyPackage } = await packageOf(await person("yan", deps.random), deps.random);
    const groupId = utf8ToBytes("new");
    for (const other of [
      { kind: "add", keyPackage },
      { kind: "update", leafNode: ownLeafNode(member(1)) },
      { kind: "reinit", groupId, version: 1, cipherSuite: 1, extensions: [] },
      { kind: "groupContextExtensions", extensions: [] },
    ] satisfies Proposal[]) {
      await expectRefusal(beside(other), "PROPOSAL_LIST_INVALID", "§12.2");
    }
  });

  test("are there by value only (§12.4.3.2)", async () => {
    const proposed = await createProposal(member(1), { kind: "remove", removed: 1 }, {}, deps);
    const heard = await processMessage(member(0), proposed.message, deps);
    const forgery: ExternalForgery = {
      proposals: (init) => [...byValue(init), { kind: "reference", reference: proposed.ref }],
    };
    await expect(verdict(forgery, bobAgain, open, heard.state)).rejects.toMatchObject({
      code: "PROPOSAL_LIST_INVALID",
      section: "§12.4.3.2",
    });
  });

  test("hold a pre-shared key once, with a nonce of Nh bytes (§12.1.4, §12.2)", async () => {
    const psk = (length: number): Proposal => ({
      kind: "psk",
      psk: { kind: "external", pskId: utf8ToBytes("key"), nonce: new Uint8Array(length) },
    });
    await expectRefusal(beside(psk(31)), "PROPOSAL_INVALID", "§12.1.4");
    await expectRefusal(beside(psk(32), psk(32)), "PROPOSAL_LIST_INVALID", "§12.2");
  });

  test("bring a KEM output of the suite, and the one that the init secret came from (§8.3, §12.1.6)", async () => {
    for (const length of [0, 31, 32, 33]) {
      const kemOutput = (): Uint8Array => new Uint8Array(length);
      await expectRefusal({ kemOutput }, "PROPOSAL_INVALID", "§12.1.6");
    }
    const { publicKey } = await member(0).suite.deriveKeyPair(deps.random.bytes(32));
    await expectRefusal({ kemOutput: () => publicKey }, "CONFIRMATION_TAG_INVALID", "§12.4.2");
  });

  test("are judged by who is removed like by the others, the KEM output included (§12.1.6)", async () => {
    const kemOutput = (): Uint8Array => new Uint8Array(32);
    const message = await forgeExternalCommit(member(0), bobAgain, { ...removing(1), kemOutput }, deps);
    for (const state of [member(0), member(1)]) {
      await expect(processMessage(state, message, open)).rejects.toMatchObject({ code: "PROPOSAL_INVALID" });
    }
  });
});

describe("[EXTERNAL-6] an external commit", () => {
  test("has a path (§12.4.3.2)", async () => {
    await expectRefusal({ path: false }, "COMMIT_INVALID", "§12.4.3.2");
  });

  test("is signed by the key in its own leaf (§6.1), which is looked at only where a policy could say yes", async () => {
    const { privateKey: messageKey } = await member(0).suite.signatureKeyPair(deps.random);
    await expectRefusal({ messageKey }, "SIGNATURE_INVALID", "§6.1");
    await expect(verdict({ messageKey }, zoe, deps)).rejects.toMatchObject({
      code: "EXTERNAL_COMMIT_REFUSED",
    });
    await expectRefusal({ messageKey: member(1).signatureKey }, "SIGNATURE_INVALID", "§6.1");
  });

  test("is of this group and epoch, and of this group's context (§6.1)", async () => {
    const { staged } = await stageCommit(member(1), {}, deps);
    const ahead = await forgeExternalCommit(nextOf(staged), zoe, {}, deps);
    await expect(processMessage(member(0), ahead, open)).rejects.toMatchObject({ code: "EPOCH_MISMATCH" });
    const { context } = member(0);
    const elsewhere = { ...member(0), context: { ...context, groupId: utf8ToBytes("other") } };
    const foreign = await forgeExternalCommit(elsewhere, zoe, {}, deps);
    await expect(processMessage(member(0), foreign, open)).rejects.toMatchObject({ code: "GROUP_MISMATCH" });
    // The signature covers the GroupContext of the epoch, and not its number alone.
    const fork = { ...member(0), encodedContext: nextOf(staged).encodedContext };
    const forked = await forgeExternalCommit(fork, zoe, {}, deps);
    await expect(processMessage(member(0), forked, open)).rejects.toMatchObject({
      code: "SIGNATURE_INVALID",
    });
  });

  test("sends an init secret by the HPKE export of that name (§8.3)", async () => {
    const { suite, secrets } = member(0);
    const { publicKey, privateKey } = await suite.deriveKeyPair(secrets.externalSecret);
    const { kemOutput, initSecret } = await createExternalInit(suite, publicKey, deps.random);
    const label = utf8ToBytes("MLS 1.0 external init secret");
    const info = new Uint8Array();
    expect(initSecret).toEqual(
      await suite.receiveExport(kemOutput, privateKey, publicKey, info, label, suite.hashLength),
    );
    expect(await openExternalInit(suite, secrets.externalSecret, kemOutput)).toEqual(initSecret);
  });

  test("goes on from the init secret that it sent, not from the group's (§8.3, §12.4.3.2)", async () => {
    const { initSecret } = member(0).secrets;
    await expectRefusal({ initSecret }, "CONFIRMATION_TAG_INVALID", "§12.4.2");
  });

  test("comes to the members' confirmation tag, and a wrong one can be proved to all (§12.4.2)", async () => {
    const confirmationTag = (tag: Uint8Array): Uint8Array => tag.map((byte) => byte ^ 1);
    const message = await forgeExternalCommit(member(0), zoe, { confirmationTag }, deps);
    const error: unknown = await processMessage(member(0), message, open).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CONFIRMATION_TAG_INVALID", section: "§12.4.2" });
    const rootPathSecret = rootPathSecretOf(error);
    if (rootPathSecret === undefined) throw new Error("no proof");
    const helped = processMessage(member(1), message, open, { rootPathSecret });
    await expect(helped).rejects.toMatchObject({ code: "CONFIRMATION_TAG_INVALID" });
  });

  test("can be followed with the root path secret by a member that can't open it", async () => {
    const spoil: ExternalForgery = {
      path: (path) => ({
        ...path,
        nodes: path.nodes.map((node) => ({
          ...node,
          encryptedPathSecret: node.encryptedPathSecret.map((sealed) => ({
            ...sealed,
            ciphertext: new Uint8Array(48),
          })),
        })),
      }),
    };
    await expectRefusal(spoil, "PATH_UNREADABLE", "§7.5");
    const message = await forgeExternalCommit(member(0), zoe, {}, deps);
    const read = await processMessage(member(0), message, open);
    if (read.kind !== "commit" || read.staged.rootPathSecret === undefined) throw new Error("no root secret");
    const keyless = { ...member(1), privateKeys: new Map() };
    const helped = processMessage(keyless, message, open, { rootPathSecret: read.staged.rootPathSecret });
    expect(await helped).toMatchObject({ staged: { committer: 4 } });
  });
});

describe("[EXTERNAL-7] the leaf of who joins by itself", () => {
  test("is the leftmost blank one (§12.4.2)", async () => {
    const { states } = await commitAndFollow(group, 0, { remove: [1] }, deps);
    const { states: after } = await commitAndFollow(states, 0, { remove: [2] }, deps);
    const alice = after[0];
    if (alice === undefined) throw new Error("alice is a member");
    expect(await verdict({}, zoe, open, alice)).toMatchObject({ staged: { committer: 1 } });
    await expect(verdict({ place: 2 }, zoe, open, alice)).rejects.toMatchObject({
      code: "LEAF_NODE_INVALID",
      section: "§7.3",
    });
  });

  test("is of source commit, and signed for its place (§7.2, §7.3)", async () => {
    await expectRefusal(withLeaf({ source: { kind: "update" } }), "LEAF_NODE_INVALID", "§7.3");
    const lifetime = { notBefore: 0n, notAfter: 9n };
    await expectRefusal(withLeaf({ source: { kind: "keyPackage", lifetime } }), "LEAF_NODE_INVALID", "§7.3");
    const { groupId } = member(0).context;
    await expectRefusal({ signedFor: { groupId, leafIndex: 0 } }, "LEAF_NODE_INVALID", "§7.3");
    const elsewhere = { groupId: utf8ToBytes("other"), leafIndex: 4 };
    await expectRefusal({ signedFor: elsewhere }, "LEAF_NODE_INVALID", "§7.3");
  });

  test("has capabilities that cover itself and all that is in use (§7.3)", async () => {
    const without = (what: "credentials" | "cipherSuites"): ExternalForgery =>
      withLeaf({ capabilities: { ...CAPABILITIES, [what]: [] } });
    await expectRefusal(without("credentials"), "LEAF_NODE_INVALID", "§7.3");
    await expectRefusal(without("cipherSuites"), "LEAF_NODE_INVALID", "§7.3");
    const data = encode(requiredCapabilitiesCodec, { extensions: [0xf001], proposals: [], credentials: [] });
    const contextExtensions = [{ type: EXTENSION_REQUIRED_CAPABILITIES, data }];
    const { staged } = await stageCommit(member(0), { contextExtensions }, deps);
    const poor = withLeaf({ capabilities: { ...CAPABILITIES, extensions: [] } });
    expect(await verdict(poor)).toMatchObject({ kind: "commit" });
    await expect(verdict(poor, zoe, open, nextOf(staged))).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      section: "§11.1",
    });
  });

  test("brings keys that stand nowhere in the tree (§7.3, §12.4.2)", async () => {
    const { encryptionKey, signatureKey: publicKey } = ownLeafNode(member(2));
    await expectRefusal(withLeaf({ encryptionKey }), "UPDATE_PATH_INVALID", "§12.4.2");
    const twin: Person = { ...zoe, signatureKey: { publicKey, privateKey: member(2).signatureKey } };
    await expectRefusal({}, "KEY_REPEATED", "§7.3", twin);
    const parentKey = encryptionKeyAt(member(0).tree, 1);
    if (parentKey === undefined) throw new Error("node 1 is blank");
    await expectRefusal(withLeaf({ encryptionKey: parentKey }), "UPDATE_PATH_INVALID", "§12.4.2");
  });

  test("is bound to its path by the parent hash, and the path has the tree's shape (§7.5, §7.6, §7.9.2)", async () => {
    const source = { kind: "commit" as const, parentHash: new Uint8Array(32) };
    await expectRefusal(withLeaf({ source }), "UPDATE_PATH_INVALID", "§7.9.2");
    const cut: ExternalForgery = { path: (path) => ({ ...path, nodes: path.nodes.slice(1) }) };
    await expectRefusal(cut, "UPDATE_PATH_INVALID", "§7.5");
    const empty: ExternalForgery = {
      path: (path) => ({
        ...path,
        nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: [] })),
      }),
    };
    await expectRefusal(empty, "UPDATE_PATH_INVALID", "§7.6");
  });

  test("is of no client that stays in the group (§12.2)", async () => {
    await expectRefusal({}, "CLIENT_REPEATED", "§12.2", bobAgain);
  });

  test("has a credential that the application takes, even where it is an old one (§5.3.1)", async () => {
    const reason = new Error("revoked");
    const authentication = { ...trusting, validate: () => Promise.reject(reason) };
    const bob = member(1);
    const { credential, signatureKey: publicKey } = ownLeafNode(bob);
    const same: Person = {
      name: "bob",
      credential,
      signatureKey: { publicKey, privateKey: bob.signatureKey },
    };
    await expect(verdict(removing(1), same, { ...open, authentication })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
      cause: reason,
    });
  });

  test("would do as an Update of the leaf that is removed (§12.2, §7.3)", async () => {
    await expectRefusal(removing(2), "CREDENTIAL_INVALID", "§12.2", bobAgain);
    await expectRefusal(removing(1), "CREDENTIAL_INVALID", "§12.2");
    const { encryptionKey } = ownLeafNode(member(1));
    const kept: ExternalForgery = { ...removing(1), ...withLeaf({ encryptionKey }) };
    await expectRefusal(kept, "PROPOSAL_INVALID", "§7.3", bobAgain);
  });
});
