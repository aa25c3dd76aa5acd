import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import {
  loadCipherSuite,
  SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519,
  SUITE_P384_AES256GCM_SHA384_P384,
} from "../crypto/cipher-suite.ts";
import type { ReInit } from "../proposal.ts";
import { forgeWelcome, type WelcomeForgery } from "../testing/forge.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  found,
  groupOf,
  packageOf,
  type Person,
  person,
  testDeps,
  trusting,
  trustingPairwise,
} from "../testing/people.ts";
import { addLeaf } from "../tree/ratchet-tree.ts";
import type { EngineDeps } from "./authentication.ts";
import { epochAuthenticator, type GroupState, members } from "./group-state.ts";
import { joinGroup } from "./join-group.ts";
import { decodePredecessor, encodePredecessor, type Predecessor, predecessorOf } from "./predecessor.ts";
import type { PskReference } from "./pre-shared-keys.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { checkReinit, pendingReinit, refuseClosed } from "./reinit.ts";
import { createApplicationMessage, createProposal, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import { branchGroup, type FoundedSuccessor, reinitGroup, type SuccessorOptions } from "./successor-group.ts";

const deps = testDeps("successor groups");
const LIFETIME = { notBefore: 1_000n, notAfter: 2_000n };
const NEXT: Omit<ReInit, "version"> = {
  groupId: utf8ToBytes("the next group"),
  cipherSuite: 3,
  extensions: [{ type: 0xf001, data: utf8ToBytes("policy") }],
};

interface Newcomer {
  readonly who: Person;
  readonly made: CreatedKeyPackage;
}

/** Somebody with fresh keys for a successor group. */
async function newcomer(name: string, suite: number): Promise<Newcomer> {
  const who = await person(name, deps.random, suite);
  return { who, made: await packageOf(who, deps.random, { suite }) };
}

function foundedBy(who: Person, joiners: readonly Newcomer[], from: EngineDeps = deps): SuccessorOptions {
  return {
    keyPackages: joiners.map(({ made }) => made.keyPackage),
    credential: who.credential,
    signatureKey: who.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: LIFETIME,
    deps: from,
  };
}

function joinAs(
  { who, made }: Newcomer,
  welcome: Uint8Array | undefined,
  old: Predecessor | undefined,
  by: EngineDeps = deps,
): Promise<GroupState> {
  return joinGroup({
    welcome: welcome ?? new Uint8Array(),
    keyPackage: made.keyPackage,
    initPrivateKey: made.initPrivateKey,
    encryptionPrivateKey: made.encryptionPrivateKey,
    signatureKey: who.signatureKey,
    predecessor: () => Promise.resolve(old),
    deps: by,
  });
}

function at(states: readonly (GroupState | undefined)[], index: number): GroupState {
  const state = states[index];
  if (state === undefined) throw new Error("no such member");
  return state;
}

async function expectConversation(from: GroupState, to: GroupState): Promise<void> {
  const { message } = await createApplicationMessage(from, utf8ToBytes("hello"), {}, deps);
  expect(await processMessage(to, message, deps)).toMatchObject({ data: utf8ToBytes("hello") });
  expect(bytesToHex(epochAuthenticator(from))).toBe(bytesToHex(epochAuthenticator(to)));
}

const stored = (state: GroupState): GroupState =>
  loadGroup(diffGroup(undefined, state).put, { signatureKey: state.signatureKey });

/** alice, bob and carol; `closed` after a commit by alice with a ReInit. */
let running: GroupState[];
let closed: (GroupState | undefined)[];
let bob: Person;
let alice: Newcomer;
let carol: Newcomer;
let founded: FoundedSuccessor;

beforeAll(async () => {
  running = await groupOf(["alice", "bob", "carol"], deps);
  ({ states: closed } = await commitAndFollow(running, 0, { reinit: NEXT }, deps));
  bob = await person("bob", deps.random, 3);
  [alice, carol] = [await newcomer("alice", 3), await newcomer("carol", 3)];
  founded = await reinitGroup(at(closed, 1), foundedBy(bob, [alice, carol]));
});

describe("a group that was reinitialized", () => {
  test("[REINIT-1] carries nothing any more, not even after a restart (§12.4.2)", async () => {
    const refusal = { code: "GROUP_CLOSED", section: "§12.4.2" };
    const open = { ...at(closed, 0), reinit: undefined };
    const { message } = await createApplicationMessage(open, utf8ToBytes("still there?"), {}, deps);
    for (const state of [at(closed, 1), stored(at(closed, 1))]) {
      expect(pendingReinit(state)).toMatchObject({ ...NEXT, version: 1 });
      const data = utf8ToBytes("bye");
      await expect(createApplicationMessage(state, data, {}, deps)).rejects.toMatchObject(refusal);
      await expect(createProposal(state, { kind: "remove", removed: 0 }, {}, deps)).rejects.toMatchObject(
        refusal,
      );
      await expect(proposeUpdate(state, {}, {}, deps)).rejects.toMatchObject(refusal);
      await expect(stageCommit(state, {}, deps)).rejects.toMatchObject(refusal);
      await expect(processMessage(state, message, deps)).rejects.toMatchObject(refusal);
      await expect(
        branchGroup(state, { ...foundedBy(bob, []), groupId: utf8ToBytes("aside") }),
      ).rejects.toMatchObject(refusal);
    }
  });

  test("names no version before the group's (§12.1.5)", () => {
    const refused = { code: "PROPOSAL_INVALID", section: "§12.1.5" };
    const { reinit } = at(closed, 0);
    if (reinit === undefined) throw new Error("the group is open");
    expect(() => checkReinit({ ...reinit, version: 0 })).toThrow(expect.objectContaining(refused));
    expect(() => checkReinit({ ...reinit, version: 1 })).not.toThrow();
    expect(() => checkReinit({ ...reinit, version: 2 })).not.toThrow();
    expect(pendingReinit(at(running, 0))).toBeUndefined();
    expect(() => refuseClosed(at(running, 0))).not.toThrow();
    expect(() => refuseClosed(at(closed, 0))).toThrow(
      expect.objectContaining({ code: "GROUP_CLOSED", section: "§12.4.2" }),
    );
  });

  test("was closed by a ReInit that any member may propose, and that stands back behind others (§12.2)", async () => {
    const reinit = { kind: "reinit" as const, version: 1, ...NEXT };
    const proposed = await createProposal(at(running, 2), reinit, {}, deps);
    const first = await processMessage(at(running, 0), proposed.message, deps);
    const alone = await stageCommit(first.state, {}, deps);
    expect(alone.staged.next?.reinit).toMatchObject(NEXT);
    const leaving = await createProposal(proposed.state, { kind: "remove", removed: 2 }, {}, deps);
    const second = await processMessage(first.state, leaving.message, deps);
    const beside = await stageCommit(second.state, {}, deps);
    expect(beside.staged.effects.proposals).toMatchObject([{ proposal: { kind: "remove" } }]);
    await expect(stageCommit(at(running, 0), { reinit: NEXT, remove: [1] }, deps)).rejects.toMatchObject({
      code: "PROPOSAL_LIST_INVALID",
    });
  });

  test("[REINIT-2] goes on as a new group with the same members, under another cipher suite (§11.2)", async () => {
    const [atAlice, atCarol] = [
      await joinAs(alice, founded.welcome, predecessorOf(at(closed, 0))),
      await joinAs(carol, founded.welcome, predecessorOf(stored(at(closed, 2)))),
    ];
    expect(atAlice.context).toMatchObject({ epoch: 1n, ...NEXT });
    expect(members(atAlice).length).toBe(3);
    await expectConversation(founded.state, atAlice);
    await expectConversation(atAlice, atCarol);
    const { states } = await commitAndFollow([founded.state, atAlice, atCarol], 2, {}, deps);
    await expectConversation(at(states, 2), at(states, 0));
  });

  test("moves on from suite to suite, to other hashes and to a post-quantum one", async () => {
    let states: (GroupState | undefined)[] = await groupOf(["alice", "bob"], deps);
    for (const cipherSuite of [
      SUITE_P384_AES256GCM_SHA384_P384,
      SUITE_MLKEM768X25519_AES128GCM_SHA256_ED25519,
    ]) {
      const reinit = { groupId: utf8ToBytes(`under ${cipherSuite}`), cipherSuite, extensions: [] };
      ({ states } = await commitAndFollow(states, 0, { reinit }, deps));
      await loadCipherSuite(cipherSuite);
      const capabilities = { ...CAPABILITIES, cipherSuites: [cipherSuite] };
      const who = await person("bob", deps.random, cipherSuite);
      const guest = { who, made: await packageOf(who, deps.random, { suite: cipherSuite, capabilities }) };
      const founder = {
        ...foundedBy(await person("alice", deps.random, cipherSuite), [guest]),
        capabilities,
      };
      const { state, welcome } = await reinitGroup(at(states, 0), founder);
      const atBob = await joinAs(guest, welcome, predecessorOf(at(states, 1)));
      expect(state.suite.id).toBe(cipherSuite);
      await expectConversation(state, atBob);
      states = [state, atBob];
    }
  });

  test("of one member is founded anew without a Welcome", async () => {
    const [lonely] = await groupOf(["bob"], deps);
    const { staged } = await stageCommit(at([lonely], 0), { reinit: NEXT }, deps);
    const { state, welcome } = await reinitGroup(at([staged.next], 0), foundedBy(bob, []));
    expect(welcome).toBeUndefined();
    expect(state.context).toMatchObject({ epoch: 1n, ...NEXT });
  });

  test("[REINIT-3] is founded anew with all of its members and nobody else (§11.2)", async () => {
    const dave = await newcomer("dave", 3);
    const old = at(closed, 1);
    for (const policy of [trusting, trustingPairwise]) {
      const by = { ...deps, authentication: policy };
      await expect(reinitGroup(old, foundedBy(bob, [alice], by))).rejects.toMatchObject({
        code: "SUCCESSOR_INVALID",
        section: "§12.4.3.1",
      });
      await expect(reinitGroup(old, foundedBy(bob, [alice, carol, dave], by))).rejects.toMatchObject({
        code: "SUCCESSOR_INVALID",
        section: "§11.2",
      });
    }
  });

  test("[RULE-85] is founded anew only once it is closed, and only by who knows the version (§11.2)", async () => {
    await expect(async () =>
      reinitGroup(at(running, 1), foundedBy(bob, [alice, carol])),
    ).rejects.toMatchObject({
      code: "SUCCESSOR_INVALID",
    });
    const later = { ...at(closed, 1), reinit: { version: 2, ...NEXT } };
    await expect(reinitGroup(later, foundedBy(bob, [alice, carol]))).rejects.toMatchObject({
      code: "VERSION_UNSUPPORTED",
      section: "§11.2",
    });
  });
});

describe("a Welcome to a reinitialized group", () => {
  const change =
    (reinit: Partial<ReInit>) =>
    (old: Predecessor): Predecessor => ({ ...old, reinit: { version: 1, ...NEXT, ...reinit } });

  test.each<[string, string, (old: Predecessor) => Predecessor]>([
    ["the old group was closed by a ReInit", "§12.4.3.1", (old) => ({ ...old, reinit: undefined })],
    ["the version is the ReInit's", "§11.2", change({ version: 2 })],
    ["the cipher suite is the ReInit's", "§11.2", change({ cipherSuite: 1 })],
    ["the group id is the ReInit's", "§11.2", change({ groupId: utf8ToBytes("another") })],
    ["the extensions are the ReInit's", "§11.2", change({ extensions: [] })],
    [
      "everybody of the old group is in the new one",
      "§12.4.3.1",
      (old) => ({
        ...old,
        credentials: [...old.credentials, { kind: "basic", identity: utf8ToBytes("dave") }],
      }),
    ],
    ["nobody is new", "§11.2", (old) => ({ ...old, credentials: old.credentials.slice(0, 2) })],
  ])("[REINIT-4] is taken only if %s (%s)", async (_name, section, wrong) => {
    const old = predecessorOf(at(closed, 2));
    for (const policy of [trusting, trustingPairwise]) {
      await expect(
        joinAs(carol, founded.welcome, wrong(old), { ...deps, authentication: policy }),
      ).rejects.toMatchObject({ code: "SUCCESSOR_INVALID", section });
    }
  });

  test("[REINIT-5] is taken only by a member of the old group, which never asks the application for its PSK (§12.4.3.1)", async () => {
    const old = predecessorOf(at(closed, 2));
    const asking = { ...deps, preSharedKey: () => Promise.resolve(old.resumptionPsk) };
    const refusal = { code: "PSK_UNAVAILABLE", section: "§12.4.3.1" };
    await expect(joinAs(carol, founded.welcome, undefined, asking)).rejects.toMatchObject(refusal);
    for (const other of [{ epoch: 0n }, { groupId: utf8ToBytes("elsewhere") }]) {
      await expect(joinAs(carol, founded.welcome, { ...old, ...other }, asking)).rejects.toMatchObject(
        refusal,
      );
    }
    const stolen = { ...old, resumptionPsk: deps.random.bytes(32) };
    await expect(joinAs(carol, founded.welcome, stolen)).rejects.toMatchObject({ code: "WELCOME_INVALID" });
  });
});

describe("a branch of a group", () => {
  const groupId = utf8ToBytes("a branch");
  let branch: FoundedSuccessor;
  let zoe: Newcomer;

  beforeAll(async () => {
    zoe = await newcomer("carol", 1);
    const founder = await person("alice", deps.random);
    branch = await branchGroup(at(running, 0), { ...foundedBy(founder, [zoe]), groupId });
  });

  test("[BRANCH-1] is a group of some of the members, with the same suite and extensions (§11.3)", async () => {
    const atCarol = await joinAs(zoe, branch.welcome, predecessorOf(at(running, 2)));
    expect(atCarol.context).toMatchObject({ epoch: 1n, groupId, cipherSuite: 1 });
    expect(members(atCarol).length).toBe(2);
    await expectConversation(branch.state, atCarol);
    await expectConversation(at(running, 0), at(running, 1));
    const founder = await person("alice", deps.random);
    const contextExtensions = [{ type: 0xf001, data: utf8ToBytes("other") }];
    const other = await branchGroup(at(running, 0), {
      ...foundedBy(founder, []),
      groupId,
      contextExtensions,
    });
    expect(other.state.context.extensions).toEqual(contextExtensions);
    expect(other.welcome).toBeUndefined();
  });

  test("is joined from a past epoch too, if its predecessor was kept", async () => {
    const kept = encodePredecessor(predecessorOf(at(running, 2)));
    expect((await joinAs(zoe, branch.welcome, decodePredecessor(kept))).context.epoch).toBe(1n);
    const { states } = await commitAndFollow(running, 1, {}, deps);
    await expect(joinAs(zoe, branch.welcome, predecessorOf(at(states, 2)))).rejects.toMatchObject({
      code: "PSK_UNAVAILABLE",
    });
  });

  test("[BRANCH-2] has no other cipher suite than the old group, and none but its members (§11.3)", async () => {
    const old = predecessorOf(at(running, 2));
    const refusal = { code: "SUCCESSOR_INVALID", section: "§11.3" };
    await expect(joinAs(zoe, branch.welcome, { ...old, cipherSuite: 3 })).rejects.toMatchObject(refusal);
    const without = { ...old, credentials: old.credentials.slice(1) };
    for (const policy of [trusting, trustingPairwise]) {
      await expect(
        joinAs(zoe, branch.welcome, without, { ...deps, authentication: policy }),
      ).rejects.toMatchObject(refusal);
    }
    const founder = await person("alice", deps.random);
    const stranger = await newcomer("dave", 1);
    await expect(
      branchGroup(at(running, 0), { ...foundedBy(founder, [stranger]), groupId }),
    ).rejects.toMatchObject(refusal);
    const outsider = await person("mallory", deps.random);
    await expect(
      branchGroup(at(running, 0), { ...foundedBy(outsider, [zoe]), groupId }),
    ).rejects.toMatchObject(refusal);
  });

  test("[BRANCH-3] begins with epoch 1, and comes from one group (§12.4.3.1)", async () => {
    const old = predecessorOf(at(running, 2));
    const mallory = await found(await person("bob", deps.random), deps);
    const { tree } = addLeaf(mallory.tree, zoe.made.keyPackage.leafNode);
    const link = (): NonNullable<WelcomeForgery["psks"]>[number] => ({
      id: {
        kind: "resumption",
        usage: "branch",
        groupId: old.groupId,
        epoch: old.epoch,
        nonce: deps.random.bytes(32),
      },
      psk: old.resumptionPsk,
    });
    const verdict = async (forgery: Partial<WelcomeForgery>): Promise<GroupState> => {
      const welcome = await forgeWelcome(
        zoe.made.keyPackage,
        { tree, signer: mallory, psks: [link()], ...forgery },
        deps,
      );
      return joinAs(zoe, welcome, old);
    };
    expect((await verdict({})).context.epoch).toBe(1n);
    await expect(verdict({ context: (context) => ({ ...context, epoch: 2n }) })).rejects.toMatchObject({
      code: "SUCCESSOR_INVALID",
      section: "§12.4.3.1",
    });
    await expect(verdict({ psks: [link(), link()] })).rejects.toMatchObject({
      code: "WELCOME_INVALID",
      section: "§12.4.3.1",
    });
  });
});

test("the application's own use of a resumption PSK is no succession", async () => {
  const { groupId, epoch } = at(running, 0).context;
  const psk: PskReference = { kind: "resumption", groupId, epoch };
  const { who, made } = await newcomer("zoe", 1);
  const { staged } = await stageCommit(at(running, 0), { add: [made.keyPackage], psks: [psk] }, deps);
  const { resumptionPsk } = predecessorOf(at(running, 0));
  const knowing = { ...deps, preSharedKey: () => Promise.resolve(resumptionPsk) };
  const state = await joinAs({ who, made }, staged.welcome, undefined, knowing);
  expect(state.context.epoch).toBe(epoch + 1n);
});
