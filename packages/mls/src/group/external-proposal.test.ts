import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import { EXTENSION_EXTERNAL_SENDERS, type Extension, externalSendersCodec } from "../extension.ts";
import { signContent } from "../framing/authenticate.ts";
import { type FramedContent, mlsMessageCodec, type Sender } from "../framing/message.ts";
import type { Proposal } from "../proposal.ts";
import { ownLeafNode } from "../testing/forge.ts";
import {
  CAPABILITIES,
  found,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  takeCommit,
  testDeps,
  trusting,
} from "../testing/people.ts";
import { advanceMember, storeMember } from "../testing/stored-member.ts";
import type { EngineDeps } from "./authentication.ts";
import { exportGroupInfo } from "./export-group-info.ts";
import type { ExternalProposalQuestion } from "./external-policy.ts";
import { outsiderKey } from "./external-sender.ts";
import { createExternalProposal, type OutsideProposal, proposeSelf } from "./external-proposal.ts";
import { epochAuthenticator, type GroupState, pendingProposals } from "./group-state.ts";
import { joinByExternalCommit } from "./join-by-external-commit.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("external proposals");
/** Takes whatever keeps the rules. */
const open: EngineDeps = {
  ...deps,
  external: { allowProposal: () => Promise.resolve(true), allowCommit: () => Promise.resolve(true) },
};
let group: GroupState[];
let hr: Person;
let bot: Person;
let zoe: Person;
let zoes: CreatedKeyPackage;

beforeAll(async () => {
  [hr, bot, zoe] = [
    await person("hr", deps.random),
    await person("bot", deps.random),
    await person("zoe", deps.random),
  ];
  zoes = await packageOf(zoe, deps.random);
  group = await groupWith([senders(hr, bot)]);
});

function senders(...people: Person[]): Extension {
  const list = people.map(({ credential, signatureKey }) => ({
    signatureKey: signatureKey.publicKey,
    credential,
  }));
  return { type: EXTENSION_EXTERNAL_SENDERS, data: encode(externalSendersCodec, list) };
}

async function groupWith(contextExtensions: readonly Extension[]): Promise<GroupState[]> {
  const alice = await found(await person("alice", deps.random), deps, { contextExtensions });
  const people = [await person("bob", deps.random), await person("carol", deps.random)];
  const made = [];
  for (const who of people) made.push({ who, own: await packageOf(who, deps.random) });
  const { staged } = await stageCommit(alice, { add: made.map(({ own }) => own.keyPackage) }, deps);
  const states = [nextOf(staged)];
  for (const { who, own } of made) {
    states.push(await join(who, own, staged.welcome ?? new Uint8Array(), deps));
  }
  return states;
}

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

/** What a person outside the group proposes to it. */
function proposed(proposal: Proposal, by = hr, senderIndex = 0): Promise<OutsideProposal> {
  const { groupId, epoch } = member(0).context;
  const signatureKey = by.signatureKey.privateKey;
  return createExternalProposal({ suite: 1, groupId, epoch, senderIndex, signatureKey, proposal });
}

function asking(who: Person, { keyPackage }: CreatedKeyPackage, at = member(0)): Promise<OutsideProposal> {
  const { groupId, epoch } = at.context;
  return proposeSelf({ groupId, epoch, keyPackage, signatureKey: who.signatureKey });
}

async function hear(
  state: GroupState,
  { message, ref }: OutsideProposal,
  reader = open,
): Promise<GroupState> {
  const processed = await processMessage(state, message, reader);
  if (processed.kind !== "proposal") throw new Error("not a proposal");
  expect(processed.ref).toEqual(ref);
  return processed.state;
}

const refused = (state: GroupState, { message }: OutsideProposal, code: string, section: string) =>
  expect(processMessage(state, message, open)).rejects.toMatchObject({ code, section });

const add = (): Proposal => ({ kind: "add", keyPackage: zoes.keyPackage });
const remove = (removed: number): Proposal => ({ kind: "remove", removed });

describe("[EXTERNAL-9] an external sender", () => {
  test("proposes, and members commit it under its name (§12.1.8)", async () => {
    const proposals = [await proposed(add()), await proposed(remove(2), bot, 1)];
    let [alice, bob, carol] = [member(0), member(1), member(2)];
    for (const sent of proposals) {
      [alice, bob, carol] = [await hear(alice, sent), await hear(bob, sent), await hear(carol, sent)];
    }
    expect(pendingProposals(alice).map(({ sender }) => sender)).toEqual([
      { kind: "external", senderIndex: 0 },
      { kind: "external", senderIndex: 1 },
    ]);
    const { staged } = await stageCommit(bob, {}, deps);
    expect(staged.effects).toMatchObject({ added: [{ leaf: 2 }], removed: [{ leaf: 2 }] });
    expect(staged.effects.proposals).toMatchObject([
      { sender: { kind: "external", senderIndex: 0 }, byReference: true },
      { sender: { kind: "external", senderIndex: 1 }, byReference: true },
    ]);
    const atAlice = nextOf(await takeCommit(alice, staged.message, deps));
    const atZoe = await join(zoe, zoes, staged.welcome ?? new Uint8Array(), deps);
    expect(new Set([atAlice, nextOf(staged), atZoe].map((s) => bytesToHex(epochAuthenticator(s)))).size).toBe(
      1,
    );
    // Who is removed is told so, and doesn't commit it: only others can.
    expect(await takeCommit(carol, staged.message, deps)).toMatchObject({ next: undefined });
    const byCarol = await stageCommit(carol, {}, deps);
    expect(byCarol.staged.effects.removed).toEqual([]);
  });

  test("may propose pre-shared keys, a ReInit and GroupContext extensions too (§12.1.8)", async () => {
    const nonce = deps.random.bytes(32);
    const extensions = [senders(bot)];
    for (const proposal of [
      { kind: "psk", psk: { kind: "external", pskId: utf8ToBytes("key"), nonce } },
      { kind: "reinit", groupId: utf8ToBytes("new"), version: 1, cipherSuite: 1, extensions: [] },
      { kind: "groupContextExtensions", extensions },
    ] satisfies Proposal[]) {
      const sent = await proposed(proposal);
      expect(pendingProposals(await hear(member(0), sent))).toMatchObject([{ proposal }]);
    }
  });

  test("proposes neither an Update nor an ExternalInit (§12.1.8)", async () => {
    for (const proposal of [
      { kind: "update", leafNode: ownLeafNode(member(1)) },
      { kind: "externalInit", kemOutput: new Uint8Array(32) },
    ] satisfies Proposal[]) {
      await expect(proposed(proposal)).rejects.toMatchObject({ code: "CONTENT_UNEXPECTED" });
      const forged = await forge({ kind: "external", senderIndex: 0 }, proposal, hr);
      await refused(member(0), forged, "CONTENT_UNEXPECTED", "§6.1");
    }
  });

  test("is named in the GroupContext, and signs with the key that stands there (§12.1.8.1, §6.1)", async () => {
    await refused(member(0), await proposed(add(), hr, 2), "SENDER_INVALID", "§12.1.8.1");
    await refused(member(0), await proposed(add(), hr, 1), "SIGNATURE_INVALID", "§6.1");
    await refused(member(0), await proposed(add(), zoe), "SIGNATURE_INVALID", "§6.1");
    const [closed] = await groupWith([]);
    if (closed === undefined) throw new Error("a group has a founder");
    await refused(closed, await proposed(add()), "SENDER_INVALID", "§12.1.8.1");
  });

  test("proposes for this group and epoch (§6.1)", async () => {
    const { staged } = await stageCommit(member(1), {}, deps);
    const { context } = member(0);
    await refused(nextOf(staged), await proposed(add()), "EPOCH_MISMATCH", "§12.1");
    const elsewhere = { ...member(0), context: { ...context, groupId: utf8ToBytes("other") } };
    await refused(elsewhere, await proposed(add()), "GROUP_MISMATCH", "§6.1");
  });

  test("proposes what is valid by itself, or nothing is kept (§12.1)", async () => {
    await refused(member(0), await proposed(remove(3)), "PROPOSAL_INVALID", "§12.1.3");
    const { keyPackage } = zoes;
    const signature = keyPackage.signature.map((byte) => byte ^ 1);
    const broken: Proposal = { kind: "add", keyPackage: { ...keyPackage, signature } };
    await refused(member(0), await proposed(broken), "SIGNATURE_INVALID", "§10.1");
    const { message } = await proposed(add());
    const authentication = { ...trusting, validate: () => Promise.reject(new Error("unknown")) };
    await expect(processMessage(member(0), message, { ...open, authentication })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
    });
  });
});

describe("[EXTERNAL-10] a client that asks to be added", () => {
  test("is added by whoever commits it, and joins by the Welcome (§12.1.8)", async () => {
    const sent = await asking(zoe, zoes);
    const [alice, bob] = [await hear(member(0), sent), await hear(member(1), sent)];
    const { staged } = await stageCommit(bob, { proposals: [sent.ref] }, deps);
    expect(staged.effects.proposals).toMatchObject([{ sender: { kind: "newMemberProposal" } }]);
    const atZoe = await join(zoe, zoes, staged.welcome ?? new Uint8Array(), deps);
    const atAlice = nextOf(await takeCommit(alice, staged.message, deps));
    expect(epochAuthenticator(atZoe)).toEqual(epochAuthenticator(atAlice));
  });

  test("signs with the key in its key package (§6.1)", async () => {
    const { groupId, epoch } = member(0).context;
    const { keyPackage } = zoes;
    await expect(
      proposeSelf({ groupId, epoch, keyPackage, signatureKey: hr.signatureKey }),
    ).rejects.toMatchObject({ code: "KEY_INVALID" });
    const forged = await forge({ kind: "newMemberProposal" }, add(), hr);
    await refused(member(0), forged, "SIGNATURE_INVALID", "§6.1");
  });

  test("asks for nothing else (§6.1)", async () => {
    const forged = await forge({ kind: "newMemberProposal" }, remove(1), zoe);
    await refused(member(0), forged, "CONTENT_UNEXPECTED", "§6.1");
  });

  test("has a key package of the group's suite, and is no member yet (§10.1, §12.2)", async () => {
    const who = await person("yan", deps.random, 3);
    const other = await packageOf(who, deps.random, { suite: 3 });
    // Both suites sign alike, so that it is the key package that is refused.
    await refused(member(0), await asking(who, other), "KEY_PACKAGE_INVALID", "§10.1");
    const again = await person("bob", deps.random);
    const sent = await asking(again, await packageOf(again, deps.random));
    const alice = await hear(member(0), sent);
    await expect(stageCommit(alice, { proposals: [sent.ref] }, deps)).rejects.toMatchObject({
      code: "CLIENT_REPEATED",
    });
    expect((await stageCommit(alice, {}, deps)).staged.effects.proposals).toEqual([]);
  });
});

describe("[EXTERNAL-11] proposals from outside", () => {
  test("are taken only where the application says so (§12.1.8)", async () => {
    const no: EngineDeps = { ...deps, external: { allowProposal: () => Promise.resolve(false) } };
    const silent: EngineDeps = { ...deps, external: { allowCommit: () => Promise.resolve(true) } };
    const mute: EngineDeps = {
      ...deps,
      external: { allowProposal: () => Promise.resolve(JSON.parse("null")) },
    };
    for (const { message } of [await proposed(add()), await asking(zoe, zoes)]) {
      for (const reader of [deps, no, silent, mute]) {
        await expect(processMessage(member(0), message, reader, { allowPublic: true })).rejects.toMatchObject(
          {
            code: "EXTERNAL_PROPOSAL_REFUSED",
            section: "§12.1.8",
          },
        );
      }
    }
  });

  test("are refused unread where no answer could be yes", async () => {
    const { message } = await proposed(add(), zoe);
    await expect(processMessage(member(0), message, deps)).rejects.toMatchObject({
      code: "EXTERNAL_PROPOSAL_REFUSED",
    });
  });

  test("are shown to the application with who sent them", async () => {
    const asked: ExternalProposalQuestion[] = [];
    const policy = {
      seen: asked,
      allowProposal(question: ExternalProposalQuestion): Promise<boolean> {
        this.seen.push(question);
        return Promise.resolve(true);
      },
    };
    const reader: EngineDeps = { ...deps, external: policy };
    await hear(member(0), await proposed(remove(1), bot, 1), reader);
    await hear(member(0), await asking(zoe, zoes), reader);
    const { credential, signatureKey } = bot;
    const { context } = member(0);
    expect(asked).toEqual([
      {
        externalSender: { credential, signatureKey: signatureKey.publicKey },
        proposal: remove(1),
        context,
        authenticatedData: new Uint8Array(),
      },
      { externalSender: undefined, proposal: add(), context, authenticatedData: new Uint8Array() },
    ]);
  });

  test("that a member refused are unknown to it when they are committed (§12.4.2)", async () => {
    const sent = await proposed(remove(2));
    const { staged } = await stageCommit(await hear(member(1), sent), {}, deps);
    await expect(takeCommit(member(0), staged.message, deps)).rejects.toMatchObject({
      code: "PROPOSAL_UNKNOWN",
    });
  });

  test("are stored with who sent them, and gone with their epoch", async () => {
    const alice = storeMember(member(0));
    for (const sent of [await proposed(remove(2)), await asking(zoe, zoes)]) {
      advanceMember(alice, await hear(alice.state, sent));
    }
    expect(pendingProposals(alice.state).map(({ sender }) => sender)).toEqual([
      { kind: "external", senderIndex: 0 },
      { kind: "newMemberProposal" },
    ]);
    const { staged } = await stageCommit(alice.state, {}, deps);
    expect(staged.effects).toMatchObject({ removed: [{ leaf: 2 }], added: [{ leaf: 2 }] });
    advanceMember(alice, nextOf(staged));
    expect([...alice.records.keys()].some((key) => key.startsWith("public/proposal/"))).toBe(false);
  });

  test("[GROUP-7] whose stored sender is damaged make no state", async () => {
    const records = diffGroup(undefined, await hear(member(0), await asking(zoe, zoes))).put;
    const { signatureKey } = member(0);
    // 4 would be the sender of an external commit, who proposes nothing by reference; 5 is nobody.
    for (const kind of [0, 4, 5]) {
      const damaged = records.map(([key, value]): [string, Uint8Array] =>
        key.startsWith("public/proposal/") ? [key, Uint8Array.of(kind, ...value.slice(1))] : [key, value],
      );
      expect(() => loadGroup(damaged, { signatureKey })).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID" }),
      );
    }
  });

  test("update no leaf, whatever a store gives back (§12.1.8)", async () => {
    const leafNode = ownLeafNode(member(1));
    const ref = new Uint8Array(32);
    const sender = { kind: "external", senderIndex: 0 } as const;
    const pending = { ref, proposal: { kind: "update", leafNode }, sender } as const;
    const state = { ...member(0), proposals: new Map([[bytesToHex(ref), pending]]) };
    await expect(stageCommit(state, { proposals: [ref] }, deps)).rejects.toMatchObject({
      code: "PROPOSAL_INVALID",
      section: "§12.1.8",
    });
  });

  test("have no say in an external commit, which drops them (§12.4.3.2)", async () => {
    const alice = await hear(member(0), await proposed(remove(2)));
    const { credential, signatureKey } = zoe;
    const { message } = await joinByExternalCommit({
      groupInfo: await exportGroupInfo(alice),
      credential,
      signatureKey,
      capabilities: CAPABILITIES,
      deps,
    });
    const processed = await processMessage(alice, message, open);
    if (processed.kind !== "commit") throw new Error("not a commit");
    expect(processed.staged.effects.removed).toEqual([]);
    expect(pendingProposals(nextOf(processed.staged))).toEqual([]);
  });
});

describe("the key of who is outside", () => {
  const framed = (sender: Sender, content: FramedContent["content"]): FramedContent => ({
    groupId: utf8ToBytes("group"),
    epoch: 1n,
    sender,
    authenticatedData: new Uint8Array(),
    content,
  });

  test("is only for the sender and the content that it goes with", () => {
    const { context } = member(0);
    const removal: FramedContent["content"] = { kind: "proposal", proposal: { kind: "remove", removed: 1 } };
    const joining: FramedContent["content"] = {
      kind: "proposal",
      proposal: { kind: "add", keyPackage: zoes.keyPackage },
    };
    const application: FramedContent["content"] = { kind: "application", data: new Uint8Array() };
    const commit: FramedContent["content"] = { kind: "commit", commit: { proposals: [], path: undefined } };
    const key = (sender: Sender, content: FramedContent["content"]) => () =>
      outsiderKey(context, framed(sender, content));
    expect(key({ kind: "newMemberProposal" }, joining)()).toEqual(zoe.signatureKey.publicKey);
    expect(key({ kind: "external", senderIndex: 1 }, removal)()).toEqual(bot.signatureKey.publicKey);
    const unnamed = { code: "SENDER_INVALID", section: "§12.1.8.1" };
    expect(key({ kind: "external", senderIndex: 2 }, removal)).toThrow(expect.objectContaining(unnamed));
    expect(() =>
      outsiderKey({ ...context, extensions: [] }, framed({ kind: "external", senderIndex: 0 }, removal)),
    ).toThrow(expect.objectContaining(unnamed));
    for (const content of [removal, application, commit]) {
      expect(key({ kind: "newMemberProposal" }, content)).toThrow(RangeError);
    }
    for (const content of [joining, application]) {
      expect(key({ kind: "newMemberCommit" }, content)).toThrow(RangeError);
    }
    expect(key({ kind: "newMemberCommit" }, commit)).toThrow(
      expect.objectContaining({ code: "COMMIT_INVALID" }),
    );
    for (const content of [joining, removal, commit]) {
      expect(key({ kind: "member", leafIndex: 0 }, content)).toThrow(RangeError);
    }
  });
});

/** A proposal from outside, signed by `by` and checked by nobody. */
async function forge(sender: Sender, proposal: Proposal, by: Person): Promise<OutsideProposal> {
  const { suite, context } = member(0);
  const content: FramedContent = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender,
    authenticatedData: new Uint8Array(),
    content: { kind: "proposal", proposal },
  };
  const signed = { wireFormat: "publicMessage", content, groupContext: new Uint8Array() } as const;
  const signature = await signContent(suite, signed, by.signatureKey.privateKey);
  const publicMessage = {
    content,
    auth: { signature, confirmationTag: undefined },
    membershipTag: undefined,
  };
  return {
    message: encode(mlsMessageCodec, { kind: "publicMessage", publicMessage }),
    ref: new Uint8Array(),
  };
}
