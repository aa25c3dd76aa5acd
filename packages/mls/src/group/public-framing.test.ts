import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { decode, encode } from "../codec/codec.ts";
import { signContent } from "../framing/authenticate.ts";
import { protectPublic } from "../framing/public-message.ts";
import { type GroupWireFormat, mlsMessageCodec, type PublicMessage } from "../framing/message.ts";
import { commitAndFollow, groupOf, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import { epochAuthenticator, type GroupState } from "./group-state.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup, loadGroup } from "./records.ts";
import { createApplicationMessage, createProposal, proposeRemove, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import type { StagedCommit } from "./staged-commit.ts";

const deps = testDeps("public framing");
const inPublic = { wireFormat: "publicMessage" as const };
const allowPublic = { allowPublic: true };

async function three(): Promise<[GroupState, GroupState, GroupState]> {
  const [alice, bob, carol] = await groupOf(["alice", "bob", "carol"], deps);
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error("three people");
  return [alice, bob, carol];
}

async function take(state: GroupState, message: Uint8Array): Promise<StagedCommit> {
  const processed = await processMessage(state, message, deps, allowPublic);
  if (processed.kind !== "commit") throw new Error("not a commit");
  return processed.staged;
}

async function hear(state: GroupState, message: Uint8Array): Promise<GroupState> {
  const processed = await processMessage(state, message, deps, allowPublic);
  if (processed.kind !== "proposal") throw new Error("not a proposal");
  return processed.state;
}

function change(message: Uint8Array, how: (message: PublicMessage) => PublicMessage): Uint8Array {
  const decoded = decode(mlsMessageCodec, message);
  if (decoded.kind !== "publicMessage") throw new Error("not a public message");
  return encode(mlsMessageCodec, { ...decoded, publicMessage: how(decoded.publicMessage) });
}

const agreed = (...states: GroupState[]): number =>
  new Set(states.map((state) => bytesToHex(epochAuthenticator(state)))).size;

describe("[FRAME-12] public handshake messages", () => {
  test("carry proposals and the commit that refers to them, and all agree (§6.2)", async () => {
    const [alice, bob, carol] = await three();
    const update = await proposeUpdate(bob, {}, inPublic, deps);
    const leave = await proposeRemove(carol, 2, {}, deps);
    const ready = await hear(await hear(alice, update.message), leave.message);
    const dave = await packageOf(await person("dave", deps.random), deps.random);
    const { staged } = await stageCommit(ready, { add: [dave.keyPackage], ...inPublic }, deps);
    expect(staged.effects.proposals.map(({ proposal, sender }) => [proposal.kind, sender])).toEqual([
      ["update", { kind: "member", leafIndex: 1 }],
      ["remove", { kind: "member", leafIndex: 2 }],
      ["add", { kind: "member", leafIndex: 0 }],
    ]);
    const atBob = await take(await hear(update.state, leave.message), staged.message);
    expect(agreed(nextOf(staged), nextOf(atBob))).toBe(1);
    // The private key of an Update that went out in public is kept as well: the next path is sealed to it.
    const second = await stageCommit(nextOf(staged), inPublic, deps);
    expect(agreed(nextOf(second.staged), nextOf(await take(nextOf(atBob), second.staged.message)))).toBe(1);
  });

  test("are taken only where that is asked for (§6)", async () => {
    const [alice, bob] = await three();
    const update = await proposeUpdate(bob, {}, inPublic, deps);
    const { staged } = await stageCommit(bob, inPublic, deps);
    for (const message of [update.message, staged.message]) {
      await expect(processMessage(alice, message, deps)).rejects.toMatchObject({
        code: "WIRE_FORMAT_UNEXPECTED",
      });
    }
  });

  test("use up no generation, and are stored like others", async () => {
    const [alice, bob] = await three();
    const update = await proposeUpdate(bob, {}, inPublic, deps);
    expect(update.state.secretTree).toBe(bob.secretTree);
    const commit = await stageCommit(bob, inPublic, deps);
    expect(commit.state).toBe(bob);
    const heard = await hear(alice, update.message);
    expect(heard.secretTree).toBe(alice.secretTree);
    const loaded = loadGroup(diffGroup(undefined, heard).put, { signatureKey: alice.signatureKey });
    expect([...loaded.proposals.values()]).toMatchObject([{ sender: { kind: "member", leafIndex: 1 } }]);
  });

  test("[FRAME-13] change nothing when they come a second time", async () => {
    const [alice, bob] = await three();
    const leave = await proposeRemove(bob, 1, inPublic, deps);
    const heard = await hear(alice, leave.message);
    expect(await hear(heard, leave.message)).toBe(heard);
    const { staged } = await stageCommit(bob, inPublic, deps);
    const processed = await processMessage(heard, staged.message, deps, allowPublic);
    expect(processed.state).toBe(heard);
  });

  test("carry the membership tag over content, signature and confirmation tag (§6.2)", async () => {
    const [alice, bob] = await three();
    const { staged } = await stageCommit(bob, inPublic, deps);
    const flip = (bytes: Uint8Array | undefined): Uint8Array => (bytes ?? new Uint8Array()).map((b) => b ^ 1);
    const changes: ((message: PublicMessage) => PublicMessage)[] = [
      (message) => ({ ...message, membershipTag: flip(message.membershipTag) }),
      (message) => ({ ...message, auth: { ...message.auth, signature: flip(message.auth.signature) } }),
      (message) => ({
        ...message,
        auth: { ...message.auth, confirmationTag: flip(message.auth.confirmationTag) },
      }),
      (message) => ({ ...message, content: { ...message.content, authenticatedData: utf8ToBytes("x") } }),
    ];
    for (const how of changes) {
      await expect(take(alice, change(staged.message, how))).rejects.toMatchObject({
        code: "MEMBERSHIP_TAG_INVALID",
        section: "§6.2",
      });
    }
    expect(await take(alice, staged.message)).toMatchObject({ committer: 1 });
  });

  test("of another group or epoch are refused (§6.1)", async () => {
    const [alice, bob] = await three();
    const { staged } = await stageCommit(alice, inPublic, deps);
    const early = await createProposal(bob, { kind: "remove", removed: 2 }, inPublic, deps);
    await expect(hear(nextOf(staged), early.message)).rejects.toMatchObject({ code: "EPOCH_MISMATCH" });
    await expect(take(nextOf(await take(bob, staged.message)), staged.message)).rejects.toMatchObject({
      code: "EPOCH_MISMATCH",
    });
    const elsewhere = { ...alice, context: { ...alice.context, groupId: utf8ToBytes("other") } };
    await expect(hear(elsewhere, early.message)).rejects.toMatchObject({ code: "GROUP_MISMATCH" });
  });

  test("hold no application data (§6)", async () => {
    const [alice] = await three();
    const sending = createApplicationMessage(alice, utf8ToBytes("hi"), inPublic, deps);
    await expect(sending).rejects.toMatchObject({ code: "CONTENT_UNEXPECTED", section: "§6" });
  });
});

describe("an Update from leaf 0", () => {
  test.each<GroupWireFormat>(["privateMessage", "publicMessage"])(
    "in a %s is the first member's, and a commit of another takes it (§12.1.2)",
    async (wireFormat) => {
      const [alice, bob, carol] = await three();
      const update = await proposeUpdate(alice, {}, { wireFormat }, deps);
      const atBob = await hear(bob, update.message);
      const { staged } = await stageCommit(atBob, { wireFormat }, deps);
      expect(staged.effects.updated.map(({ leaf }) => leaf)).toEqual([0, 1]);
      const states = [
        nextOf(staged),
        nextOf(await take(update.state, staged.message)),
        nextOf(await take(await hear(carol, update.message), staged.message)),
      ];
      expect(agreed(...states)).toBe(1);
      // Leaf 0 reads with its new key, and commits.
      const { states: after } = await commitAndFollow(states, 1, {}, deps);
      expect(agreed(...after.filter((state) => state !== undefined))).toBe(1);
    },
  );

  test("is not committed by leaf 0 itself (§12.2)", async () => {
    const [alice] = await three();
    const update = await proposeUpdate(alice, {}, inPublic, deps);
    const committing = stageCommit(update.state, { proposals: [update.ref] }, deps);
    await expect(committing).rejects.toMatchObject({ code: "PROPOSAL_LIST_INVALID", section: "§12.2" });
    const { staged } = await stageCommit(update.state, {}, deps);
    expect(staged.effects.proposals).toEqual([]);
  });
});

describe("who is removed by a commit that gives the leaf to another", () => {
  test.each<GroupWireFormat>(["privateMessage", "publicMessage"])(
    "in a %s is told so, and nothing else (§12.4.2)",
    async (wireFormat) => {
      const [alice, bob, carol] = await three();
      const dave = await packageOf(await person("dave", deps.random), deps.random);
      const psk = { kind: "external" as const, pskId: utf8ToBytes("new"), nonce: deps.random.bytes(32) };
      const knowing = { ...deps, preSharedKey: () => Promise.resolve(utf8ToBytes("secret")) };
      const withPsk = await createProposal(alice, { kind: "psk", psk }, { wireFormat }, deps);
      const intent = { remove: [1], add: [dave.keyPackage], wireFormat };
      const { staged } = await stageCommit(withPsk.state, intent, knowing);
      expect(staged.effects).toMatchObject({ removed: [{ leaf: 1 }], added: [{ leaf: 1 }] });
      // Bob hasn't even the pre-shared key of the epoch that goes on without him.
      const atBob = await take(await hear(bob, withPsk.message), staged.message);
      expect(atBob).toMatchObject({ next: undefined, effects: { selfRemoved: true } });
      const heard = await hear(carol, withPsk.message);
      const processed = await processMessage(heard, staged.message, knowing, allowPublic);
      if (processed.kind !== "commit") throw new Error("not a commit");
      expect(agreed(nextOf(staged), nextOf(processed.staged))).toBe(1);
    },
  );
});

describe("[FRAME-13] a public message", () => {
  test("under the group's membership tag, but not signed by who it says, changes nothing", async () => {
    const [alice, bob, carol] = await three();
    const { message } = await proposeRemove(bob, 2, inPublic, deps);
    const decoded = decode(mlsMessageCodec, message);
    if (decoded.kind !== "publicMessage") throw new Error("not public");
    const { content } = decoded.publicMessage;
    // Carol has the membership key, and signs as herself what she says is Bob's.
    const signed = { wireFormat: "publicMessage" as const, content, groupContext: carol.encodedContext };
    const signature = await signContent(carol.suite, signed, carol.signatureKey);
    const forged = encode(mlsMessageCodec, {
      kind: "publicMessage",
      publicMessage: protectPublic(
        carol.suite,
        { wireFormat: "publicMessage", content, auth: { signature, confirmationTag: undefined } },
        { ...carol.context, groupContext: carol.encodedContext, membershipKey: carol.secrets.membershipKey },
      ),
    });
    const before = diffGroup(undefined, alice);
    await expect(processMessage(alice, forged, deps, allowPublic)).rejects.toMatchObject({
      code: "SIGNATURE_INVALID",
    });
    expect(diffGroup(undefined, alice)).toEqual(before);
    expect(await processMessage(alice, message, deps, allowPublic)).toMatchObject({ kind: "proposal" });
  });
});
