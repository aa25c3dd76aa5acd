import { utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import type { Credential } from "../credential.ts";
import {
  EXTENSION_EXTERNAL_SENDERS,
  EXTENSION_REQUIRED_CAPABILITIES,
  externalSendersCodec,
} from "../extension.ts";
import { byValue, forgeCommit, forgeProposal, ownLeafNode } from "../testing/forge.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  groupOf,
  nextOf,
  packageOf,
  person,
  takeCommit,
  testDeps,
  trusting,
} from "../testing/people.ts";
import type { Proposal } from "../proposal.ts";
import { signLeafNode } from "../leaf-node.ts";
import type { AuthenticationPolicy, EngineDeps } from "./authentication.ts";
import type { GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { createProposal, proposePsk } from "./send-message.ts";
import type { CommitIntent } from "./commit-intent.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("resulting tree");
let group: GroupState[];

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol", "dave"], deps);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

const named = (name: string): Credential => ({ kind: "basic", identity: utf8ToBytes(name) });
/** Lets anybody take another name. */
const lenient: AuthenticationPolicy = {
  validate: () => Promise.resolve(),
  sameClient: (a, b) => trusting.sameClient(a, b),
  isSuccessor: () => true,
};
const withPolicy = (authentication: AuthenticationPolicy): EngineDeps => ({ ...deps, authentication });

describe("a client's second leaf", () => {
  const repeated = { code: "CLIENT_REPEATED", section: "§12.2" };

  test("[RULE-82] comes with no new credential of the committer, and with none of an Update (§12.2)", async () => {
    const credential = named("dave");
    const forged = await forgeCommit(member(2), { leaf: (leaf) => ({ ...leaf, credential }) }, deps);
    await expect(processMessage(member(1), forged, withPolicy(lenient))).rejects.toMatchObject(repeated);

    const { suite, context, signatureKey } = member(0);
    const { publicKey: encryptionKey } = await suite.deriveKeyPair(deps.random.bytes(32));
    const leafNode = await signLeafNode(
      suite,
      { ...ownLeafNode(member(0)), encryptionKey, credential, source: { kind: "update" } },
      signatureKey,
      { groupId: context.groupId, leafIndex: 0 },
    );
    const update = await forgeProposal(member(0), { kind: "update", leafNode }, deps);
    const [atBob, atCarol] = await Promise.all(
      [1, 2].map((index) => processMessage(member(index), update, deps)),
    );
    if (atBob?.kind !== "proposal" || atCarol === undefined) throw new Error("not a proposal");
    const proposals = [{ kind: "reference" as const, reference: atBob.ref }];
    const commit = await forgeCommit(atCarol.state, { proposals }, deps);
    await expect(processMessage(atBob.state, commit, withPolicy(lenient))).rejects.toMatchObject(repeated);
  });

  test("is looked for where a credential is new, and nobody is asked where none is", async () => {
    let asked = 0;
    const counting = withPolicy({
      ...lenient,
      sameClient: () => {
        asked++;
        return false;
      },
    });
    const { staged } = await stageCommit(member(2), {}, deps);
    await takeCommit(member(1), staged.message, counting);
    expect(asked).toBe(0);
    const renamed = await stageCommit(
      member(2),
      { leaf: { credential: named("caroline") } },
      withPolicy(lenient),
    );
    await takeCommit(member(1), renamed.staged.message, counting);
    expect(asked).toBe(3);
  });
});

describe("GroupContextExtensions", () => {
  test("[RULE-83] bring external senders to the application when they are new or changed, and not again (§5.3.1)", async () => {
    const asked: string[] = [];
    const asking = withPolicy({
      ...trusting,
      validate({ credential }) {
        asked.push(trusting.clientId?.(credential) ?? "");
        return Promise.resolve();
      },
    });
    const naming = (name: string) => [
      {
        type: EXTENSION_EXTERNAL_SENDERS,
        data: encode(externalSendersCodec, [
          { signatureKey: ownLeafNode(member(0)).signatureKey, credential: named(name) },
        ]),
      },
    ];
    const first = await stageCommit(member(0), { contextExtensions: naming("the service") }, asking);
    expect(asked).toEqual(["the service"]);
    const again = nextOf(first.staged);
    await stageCommit(again, { contextExtensions: naming("the service") }, asking);
    expect(asked).toEqual(["the service"]);
    await stageCommit(again, { contextExtensions: naming("another") }, asking);
    expect(asked).toEqual(["the service", "another"]);
    await stageCommit(again, {}, asking);
    expect(asked.length).toBe(2);
    const refusing = withPolicy({ ...trusting, validate: () => Promise.reject(new Error("unknown")) });
    await expect(takeCommit(member(1), first.staged.message, refusing)).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
    });
  });

  test("[RULE-84] with required capabilities that can't be read are refused (§11.1)", async () => {
    const extensions = [{ type: EXTENSION_REQUIRED_CAPABILITIES, data: Uint8Array.of(1, 2) }];
    const proposals = byValue({ kind: "groupContextExtensions", extensions });
    const forged = await forgeCommit(member(2), { proposals, extensions }, deps);
    await expect(processMessage(member(1), forged, deps)).rejects.toMatchObject({
      code: expect.stringMatching(/^DECODE_/),
    });
  });
});

describe("a committer that takes all pending proposals", () => {
  test("leaves out an Add that the tree would be invalid with (§12.2, §12.4)", async () => {
    const twin = await packageOf(await person("dave", deps.random), deps.random);
    const add = await createProposal(member(0), { kind: "add", keyPackage: twin.keyPackage }, {}, deps);
    const remove = await createProposal(add.state, { kind: "remove", removed: 2 }, {}, deps);
    let bob = member(1);
    for (const { message } of [add, remove]) ({ state: bob } = await processMessage(bob, message, deps));
    const { staged } = await stageCommit(bob, {}, deps);
    expect(staged.effects.proposals.map(({ proposal }) => proposal.kind)).toEqual(["remove"]);
    // With dave gone his other device may come: both are taken.
    const both = await stageCommit(bob, { remove: [3] }, deps);
    expect(both.staged.effects.proposals.map(({ proposal }) => proposal.kind)).toEqual([
      "add",
      "remove",
      "remove",
    ]);
  });

  test("[RULE-96] judges them with the new leaf that it brings, which may do less or more than its old one (§12.4)", async () => {
    const taken = async (state: GroupState, intent: CommitIntent, using = deps): Promise<string[]> => {
      const { staged } = await stageCommit(state, intent, using);
      return staged.effects.proposals.map(({ proposal }) => proposal.kind);
    };
    const keyOnly = { leaf: { signatureKey: await member(1).suite.signatureKeyPair(deps.random) } };
    const narrow = { leaf: { capabilities: { ...CAPABILITIES, extensions: [] } } };
    const proposing = async (proposal: Proposal, from = member(0), to = member(1)): Promise<GroupState> => {
      const { message } = await createProposal(from, proposal, {}, deps);
      return (await processMessage(to, message, deps)).state;
    };
    const extensions = [{ type: 0xf001, data: new Uint8Array() }];
    const changing = await proposing({ kind: "groupContextExtensions", extensions });
    expect(await taken(changing, keyOnly)).toEqual(["groupContextExtensions"]);
    expect(await taken(changing, narrow)).toEqual([]);

    // Who could do less until now stands in nobody's way any more.
    const { states } = await commitAndFollow(group, 1, narrow, deps);
    const [alice, bob] = states;
    if (alice === undefined || bob === undefined) throw new Error("somebody left");
    const again = await proposing({ kind: "groupContextExtensions", extensions }, alice, bob);
    expect(await taken(again, {})).toEqual([]);
    expect(await taken(again, { leaf: { capabilities: CAPABILITIES } })).toEqual(["groupContextExtensions"]);

    // The name that the committer takes is somebody else's no more, and the one that it gives up is free.
    const joining = async (name: string): Promise<GroupState> => {
      const { keyPackage } = await packageOf(await person(name, deps.random), deps.random);
      return proposing({ kind: "add", keyPackage });
    };
    const renaming = { leaf: { credential: named("robert") } };
    expect(await taken(await joining("robert"), renaming, withPolicy(lenient))).toEqual([]);
    expect(await taken(await joining("bob"), renaming, withPolicy(lenient))).toEqual(["add"]);

    // It isn't a key package's any more: that the old leaf's lifetime is over is nothing against the new one.
    const late: EngineDeps = { ...deps, lifetimes: { now: 5_000_000 } };
    const leaving = await proposing({ kind: "remove", removed: 2 });
    expect(await taken(leaving, keyOnly, late)).toEqual(["remove"]);

    // And its own new credential has to do under the extensions that are proposed.
    const strict = withPolicy({
      ...lenient,
      validate: ({ contextExtensions }) =>
        contextExtensions.length > 0 ? Promise.reject(new Error("not in such a group")) : Promise.resolve(),
    });
    expect(await taken(changing, renaming, strict)).toEqual([]);
  });

  test("doesn't take a failure of its own storage for an invalid proposal", async () => {
    const psk = { kind: "external" as const, pskId: utf8ToBytes("key") };
    const { message } = await proposePsk(member(0), psk, {}, deps);
    const { state } = await processMessage(member(1), message, deps);
    const broken: EngineDeps = { ...deps, preSharedKey: () => Promise.reject(new Error("the disk is gone")) };
    await expect(stageCommit(state, {}, broken)).rejects.toThrow("the disk is gone");
    const without: EngineDeps = { ...deps, preSharedKey: () => Promise.resolve(undefined) };
    expect((await stageCommit(state, {}, without)).staged.effects.proposals).toEqual([]);
  });
});
