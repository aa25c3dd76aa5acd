import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import type { ProposalOrRef } from "../commit.ts";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import { requiredCapabilitiesCodec } from "../extension.ts";
import { type KeyPackage, signKeyPackage } from "../key-package.ts";
import { type LeafNode, signLeafNode } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
import { byValue, forgeCommit, type Forgery, forgeProposal, ownLeafNode } from "../testing/forge.ts";
import {
  CAPABILITIES,
  groupOf,
  packageOf,
  person,
  testDeps,
  trusting,
  trustingPairwise,
} from "../testing/people.ts";
import { encryptionKeyAt } from "../tree/ratchet-tree.ts";
import type { AuthenticationPolicy, EngineDeps } from "./authentication.ts";
import type { GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { createProposal, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const EVIL = 2;
const deps = testDeps("proposal rules");
let group: GroupState[];
let zoe: CreatedKeyPackage;

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol", "dave"], deps);
  zoe = await packageOf(await person("zoe", deps.random), deps.random);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

/** What bob says of a commit that carol forged. */
function verdict(forgery: Forgery, reader: EngineDeps = deps): Promise<unknown> {
  return forgeCommit(member(EVIL), forgery, deps).then((message) =>
    processMessage(member(1), message, reader),
  );
}

function refusal(code: string, section?: string): object {
  return section === undefined ? { code } : { code, section };
}

/** What bob says when dave proposes this and carol commits it by reference. */
async function verdictByReference(proposal: Proposal): Promise<unknown> {
  const message = await forgeProposal(member(3), proposal, deps);
  const [atBob, atCarol] = await Promise.all([
    processMessage(member(1), message, deps),
    processMessage(member(EVIL), message, deps),
  ]);
  if (atBob.kind !== "proposal") throw new Error("not a proposal");
  const proposals: ProposalOrRef[] = [{ kind: "reference", reference: atBob.ref }];
  return processMessage(atBob.state, await forgeCommit(atCarol.state, { proposals }, deps), deps);
}

async function updateOf(index: number, change: Partial<LeafNode> = {}, leafIndex = index): Promise<Proposal> {
  const state = member(index);
  const { publicKey } = await state.suite.deriveKeyPair(deps.random.bytes(32));
  const leafNode = await signLeafNode(
    state.suite,
    { ...ownLeafNode(state), encryptionKey: publicKey, source: { kind: "update" }, ...change },
    state.signatureKey,
    { groupId: state.context.groupId, leafIndex },
  );
  return { kind: "update", leafNode };
}

test("the forged commits of this file are good where nothing is wrong with them", async () => {
  const good = await verdict({ proposals: byValue({ kind: "add", keyPackage: zoe.keyPackage }) });
  expect(good).toMatchObject({ kind: "commit", staged: { effects: { added: [{ leaf: 4 }] } } });
  expect(await verdictByReference(await updateOf(3))).toMatchObject({ kind: "commit" });
});

describe("a list of proposals", () => {
  test("[RULE-14] holds no Update by the committer (§12.2)", async () => {
    const own = await proposeUpdate(member(EVIL), {}, {}, deps);
    const atBob = await processMessage(member(1), own.message, deps);
    const proposals: ProposalOrRef[] = [{ kind: "reference", reference: own.ref }];
    const commit = await forgeCommit(own.state, { proposals }, deps);
    await expect(processMessage(atBob.state, commit, deps)).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID", "§12.2"),
    );
  });

  test("[RULE-15] holds no Remove of the committer (§12.2)", async () => {
    const proposals = byValue({ kind: "remove", removed: EVIL });
    await expect(verdict({ proposals })).rejects.toMatchObject(refusal("PROPOSAL_LIST_INVALID", "§12.2"));
    await expect(stageCommit(member(EVIL), { remove: [EVIL] }, deps)).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID"),
    );
  });

  test("[RULE-16] holds one Remove for a leaf (§12.2)", async () => {
    const proposals = byValue({ kind: "remove", removed: 3 }, { kind: "remove", removed: 3 });
    await expect(verdict({ proposals })).rejects.toMatchObject(refusal("PROPOSAL_LIST_INVALID", "§12.2"));
  });

  test("[RULE-17] removes only members (§12.1.3)", async () => {
    for (const removed of [5, 1_000_000]) {
      const proposals = byValue({ kind: "remove", removed });
      await expect(verdict({ proposals })).rejects.toMatchObject(refusal("PROPOSAL_INVALID", "§12.1.3"));
    }
  });

  test("[RULE-18] holds one GroupContextExtensions (§12.2)", async () => {
    const one: Proposal = { kind: "groupContextExtensions", extensions: [] };
    await expect(verdict({ proposals: byValue(one, one) })).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID", "§12.2"),
    );
  });

  test("[RULE-19] holds no ReInit beside others, and no ExternalInit (§12.2)", async () => {
    const groupId = utf8ToBytes("next");
    const reinit: Proposal = { kind: "reinit", groupId, version: 1, cipherSuite: 1, extensions: [] };
    const older = byValue({ ...reinit, version: 0 });
    await expect(verdict({ proposals: older })).rejects.toMatchObject(refusal("PROPOSAL_INVALID", "§12.1.5"));
    const beside = byValue(reinit, { kind: "add", keyPackage: zoe.keyPackage });
    await expect(verdict({ proposals: beside })).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID", "§12.2"),
    );
    const external = byValue({ kind: "externalInit", kemOutput: new Uint8Array(32) });
    await expect(verdict({ proposals: external })).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID", "§12.2"),
    );
  });

  test("[RULE-20] holds a pre-shared key once, with a nonce of Nh bytes and a usage of running groups (§12.1.4, §12.2)", async () => {
    const pskId = utf8ToBytes("key");
    const psk: Proposal = { kind: "psk", psk: { kind: "external", pskId, nonce: new Uint8Array(32) } };
    await expect(verdict({ proposals: byValue(psk, psk) })).rejects.toMatchObject(
      refusal("PROPOSAL_LIST_INVALID", "§12.2"),
    );
    const short: Proposal = { kind: "psk", psk: { kind: "external", pskId, nonce: new Uint8Array(31) } };
    await expect(verdict({ proposals: byValue(short) })).rejects.toMatchObject(
      refusal("PROPOSAL_INVALID", "§12.1.4"),
    );
    for (const usage of ["reinit", "branch"] as const) {
      const nonce = new Uint8Array(32);
      const other: Proposal = {
        kind: "psk",
        psk: { kind: "resumption", usage, groupId: utf8ToBytes("g"), epoch: 0n, nonce },
      };
      await expect(verdict({ proposals: byValue(other) })).rejects.toMatchObject(
        refusal("PROPOSAL_INVALID", "§12.1.4"),
      );
    }
    await expect(verdict({ proposals: byValue(psk) })).rejects.toMatchObject(refusal("PSK_UNAVAILABLE"));
  });

  test("[RULE-21] refers only to proposals of the epoch (§12.4.2)", async () => {
    const proposals: ProposalOrRef[] = [{ kind: "reference", reference: new Uint8Array(32) }];
    await expect(verdict({ proposals })).rejects.toMatchObject(refusal("PROPOSAL_UNKNOWN"));
    const staging = stageCommit(member(1), { proposals: [new Uint8Array(32)] }, deps);
    await expect(staging).rejects.toMatchObject(refusal("PROPOSAL_UNKNOWN"));
  });
});

describe("an Add", () => {
  const adding = (...packages: KeyPackage[]): Forgery => ({
    proposals: byValue(...packages.map((keyPackage): Proposal => ({ kind: "add", keyPackage }))),
  });

  test("[RULE-22] is refused with a broken signature of key package or leaf (§10.1, §7.3)", async () => {
    const { keyPackage } = zoe;
    const { leafNode } = keyPackage;
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    const badPackage = { ...keyPackage, signature: flip(keyPackage.signature) };
    await expect(verdict(adding(badPackage))).rejects.toMatchObject(refusal("SIGNATURE_INVALID", "§10.1"));
    const badLeaf = { ...keyPackage, leafNode: { ...leafNode, signature: flip(leafNode.signature) } };
    await expect(verdict(adding(badLeaf))).rejects.toMatchObject(refusal("SIGNATURE_INVALID", "§7.3"));
  });

  test("[RULE-23] is refused for a client that is in the group, unless it is removed as well (§12.2)", async () => {
    const { suite } = member(3);
    const { credential } = ownLeafNode(member(3));
    const who = { name: "dave", credential, signatureKey: await suite.signatureKeyPair(deps.random) };
    const again = adding((await packageOf(who, deps.random)).keyPackage);
    await expect(verdict(again)).rejects.toMatchObject(refusal("CLIENT_REPEATED", "§12.2"));
    await expect(verdict(again, { ...deps, authentication: trustingPairwise })).rejects.toMatchObject(
      refusal("CLIENT_REPEATED", "§12.2"),
    );
    const replacing = [...byValue({ kind: "remove", removed: 3 }), ...(again.proposals ?? [])];
    expect(await verdict({ proposals: replacing })).toMatchObject({ kind: "commit" });
  });

  test("[RULE-24] is refused with a signature or encryption key that the tree has (§7.3)", async () => {
    const { suite, signatureKey: privateKey, tree } = member(EVIL);
    const { signatureKey: publicKey } = ownLeafNode(member(EVIL));
    const named = (name: string): { name: string; credential: LeafNode["credential"] } => ({
      name,
      credential: { kind: "basic", identity: utf8ToBytes(name) },
    });
    const twin = await packageOf(
      { ...named("mallory"), signatureKey: { publicKey, privateKey } },
      deps.random,
    );
    await expect(verdict(adding(twin.keyPackage))).rejects.toMatchObject(refusal("KEY_REPEATED", "§7.3"));

    const fresh = await suite.signatureKeyPair(deps.random);
    const { keyPackage } = await packageOf({ ...named("eve"), signatureKey: fresh }, deps.random);
    // The path brings new keys to the nodes above carol: alice's and bob's parent keeps its own.
    const parentKey = encryptionKeyAt(tree, 1);
    if (parentKey === undefined) throw new Error("node 1 is blank");
    for (const encryptionKey of [ownLeafNode(member(3)).encryptionKey, parentKey]) {
      const unsigned = { ...keyPackage.leafNode, encryptionKey };
      const leafNode = await signLeafNode(suite, unsigned, fresh.privateKey);
      const copied = await signKeyPackage(suite, { ...keyPackage, leafNode }, fresh.privateKey);
      await expect(verdict(adding(copied))).rejects.toMatchObject(refusal("KEY_REPEATED", "§7.3"));
    }
  });

  test("[RULE-25] is refused twice for one client (§12.2)", async () => {
    const second = await packageOf(await person("zoe", deps.random), deps.random);
    await expect(verdict(adding(zoe.keyPackage, second.keyPackage))).rejects.toMatchObject(
      refusal("CLIENT_REPEATED", "§12.2"),
    );
  });

  test("[RULE-26] is refused for another cipher suite (§10.1)", async () => {
    const other = await packageOf(await person("yan", deps.random, 3), deps.random, { suite: 3 });
    await expect(verdict(adding(other.keyPackage))).rejects.toMatchObject(
      refusal("KEY_PACKAGE_INVALID", "§10.1"),
    );
  });

  test("[RULE-27] is refused for a credential that the application refuses (§5.3.1)", async () => {
    const reason = new Error("unknown person");
    const authentication: AuthenticationPolicy = { ...trusting, validate: () => Promise.reject(reason) };
    await expect(verdict(adding(zoe.keyPackage), { ...deps, authentication })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      cause: reason,
    });
  });

  test("[RULE-28] is refused where a member doesn't support its credential type, or it not theirs (§7.3)", async () => {
    const credential = { kind: "other" as const, type: 0xf0c1, body: utf8ToBytes("xu") };
    const xu = { ...(await person("xu", deps.random)), credential };
    const clientId = (of: LeafNode["credential"]): string => JSON.stringify(of);
    const reader: EngineDeps = { ...deps, authentication: { ...trusting, clientId } };
    for (const credentials of [[1, 0xf0c1], [0xf0c1]]) {
      const capabilities = { ...CAPABILITIES, credentials };
      const { keyPackage } = await packageOf(xu, deps.random, { capabilities });
      await expect(verdict(adding(keyPackage), reader)).rejects.toMatchObject(
        refusal("CAPABILITY_MISSING", "§7.3"),
      );
    }
  });
});

describe("an Update", () => {
  test("[RULE-29] is refused with the old encryption key (§7.3)", async () => {
    const update = await updateOf(3, { encryptionKey: ownLeafNode(member(3)).encryptionKey });
    await expect(verdictByReference(update)).rejects.toMatchObject(refusal("PROPOSAL_INVALID", "§7.3"));
  });

  test("[RULE-30] is refused with another source than update (§7.3)", async () => {
    const update = await updateOf(3, { source: { kind: "commit", parentHash: new Uint8Array() } });
    await expect(verdictByReference(update)).rejects.toMatchObject(refusal("LEAF_NODE_INVALID", "§7.3"));
  });

  test("[RULE-31] is refused when it is signed for another leaf (§7.2, §7.3)", async () => {
    await expect(verdictByReference(await updateOf(3, {}, 0))).rejects.toMatchObject(
      refusal("LEAF_NODE_INVALID", "§7.3"),
    );
  });

  test("[RULE-32] is refused with a credential that is no successor of the old one (§5.3.1)", async () => {
    const update = await updateOf(3, { credential: { kind: "basic", identity: utf8ToBytes("bob's boss") } });
    await expect(verdictByReference(update)).rejects.toMatchObject(refusal("CREDENTIAL_INVALID", "§5.3.1"));
  });
});

describe("GroupContextExtensions", () => {
  const changing = (extensions: Forgery["extensions"] & {}): Forgery => ({
    proposals: byValue({ kind: "groupContextExtensions", extensions }),
    extensions,
  });

  test("[RULE-33] are refused where a member doesn't support one of them (§13.4)", async () => {
    const known = changing([{ type: 0xf001, data: Uint8Array.of(1) }]);
    expect(await verdict(known)).toMatchObject({ kind: "commit" });
    await expect(verdict(changing([{ type: 0xf0ff, data: new Uint8Array() }]))).rejects.toMatchObject(
      refusal("CAPABILITY_MISSING", "§13.4"),
    );
  });

  test("[RULE-34] are refused where a member lacks a required capability (§12.1.7, §11.1)", async () => {
    const none = { extensions: [], proposals: [], credentials: [] };
    for (const lacking of [
      { ...none, extensions: [0xf002] },
      { ...none, proposals: [0xf003] },
      { ...none, credentials: [2] },
    ]) {
      const data = encode(requiredCapabilitiesCodec, lacking);
      await expect(verdict(changing([{ type: 3, data }]))).rejects.toMatchObject(
        refusal("CAPABILITY_MISSING", "§11.1"),
      );
    }
    const met = encode(requiredCapabilitiesCodec, {
      extensions: [0xf001, 1],
      proposals: [3],
      credentials: [1],
    });
    expect(await verdict(changing([{ type: 3, data: met }]))).toMatchObject({ kind: "commit" });
  });

  test("[RULE-35] govern the other proposals of their commit (§12.3)", async () => {
    const capabilities = { ...CAPABILITIES, extensions: [] };
    const weak = await packageOf(await person("weak", deps.random), deps.random, { capabilities });
    const add = byValue({ kind: "add", keyPackage: weak.keyPackage });
    expect(await verdict({ proposals: add })).toMatchObject({ kind: "commit" });
    const both = changing([{ type: 0xf001, data: new Uint8Array() }]);
    const proposals = [...(both.proposals ?? []), ...add];
    await expect(verdict({ ...both, proposals })).rejects.toMatchObject(
      refusal("CAPABILITY_MISSING", "§13.4"),
    );
  });
});

describe("a committer that takes all pending proposals", () => {
  test("leaves out what is not valid", async () => {
    const bad = await forgeProposal(member(3), { kind: "remove", removed: 77 }, deps);
    const good = await createProposal(member(0), { kind: "remove", removed: 3 }, {}, deps);
    let bob = member(1);
    for (const message of [bad, good.message]) ({ state: bob } = await processMessage(bob, message, deps));
    const { staged } = await stageCommit(bob, {}, deps);
    expect(staged.effects.proposals.map(({ proposal }) => proposal)).toEqual([
      { kind: "remove", removed: 3 },
    ]);
  });

  test("takes no Update beside a Remove of the same leaf, and of two Updates the later", async () => {
    const daves = await forgeProposal(member(3), await updateOf(3), deps);
    const first = await proposeUpdate(member(0), {}, {}, deps);
    const second = await proposeUpdate(first.state, {}, {}, deps);
    let bob = member(1);
    for (const message of [daves, first.message, second.message]) {
      ({ state: bob } = await processMessage(bob, message, deps));
    }
    const { staged } = await stageCommit(bob, { remove: [3] }, deps);
    const latest = second.state.proposals.get([...second.state.proposals.keys()].at(-1) ?? "");
    expect(staged.effects.proposals.map(({ proposal }) => proposal)).toEqual([
      latest?.proposal,
      { kind: "remove", removed: 3 },
    ]);
  });

  test("leaves out its own Update and its own leaving, which only others can commit (§12.2)", async () => {
    const update = await proposeUpdate(member(1), {}, {}, deps);
    const leave = await createProposal(update.state, { kind: "remove", removed: 1 }, {}, deps);
    const { staged } = await stageCommit(leave.state, {}, deps);
    expect(staged.effects.proposals).toEqual([]);
  });
});
