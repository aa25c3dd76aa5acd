import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test, vi } from "vitest";
import { decode, encode } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import { subtle } from "../crypto/web-crypto.ts";
import { signContent } from "../framing/authenticate.ts";
import { mlsMessageCodec, type PublicMessage, type Sender } from "../framing/message.ts";
import { openPrivate, protectPrivate } from "../framing/private-message.ts";
import { protectPublic } from "../framing/public-message.ts";
import type { Proposal } from "../proposal.ts";
import { contentOf, ownLeafNode } from "../testing/forge.ts";
import { groupOf, nextOf, takeCommit, testDeps } from "../testing/people.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import { exportSecret, type GroupState, pendingProposals } from "./group-state.ts";
import { openLate, retireEpoch } from "./past-epoch.ts";
import { processMessage } from "./process-message.ts";
import { diffGroup } from "./records.ts";
import { createApplicationMessage, createProposal, proposeRemove, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("messages");

async function three(): Promise<[GroupState, GroupState, GroupState]> {
  const [alice, bob, carol] = await groupOf(["alice", "bob", "carol"], deps);
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error("somebody is missing");
  return [alice, bob, carol];
}

const isZero = (bytes: unknown) => bytes instanceof Uint8Array && bytes.every((byte) => byte === 0);

async function sendTexts(
  from: GroupState,
  ...texts: string[]
): Promise<{ state: GroupState; messages: Uint8Array[] }> {
  let state = from;
  const messages: Uint8Array[] = [];
  for (const text of texts) {
    const sent = await createApplicationMessage(state, utf8ToBytes(text), {}, deps);
    ({ state } = sent);
    messages.push(sent.message);
  }
  return { state, messages };
}

async function read(
  state: GroupState,
  message: Uint8Array | undefined,
): Promise<{ state: GroupState; text: string }> {
  const opened = await processMessage(state, message ?? new Uint8Array(), deps);
  if (opened.kind !== "application") throw new Error(`a ${opened.kind} where text belongs`);
  return { state: opened.state, text: String.fromCharCode(...opened.data) };
}

describe("application messages", () => {
  test("are read in any order, each once", async () => {
    const [alice, bob] = await three();
    const { messages } = await sendTexts(alice, "one", "two", "three");
    let reader = bob;
    for (const [index, text] of [
      [2, "three"],
      [0, "one"],
      [1, "two"],
    ] as const) {
      const opened = await read(reader, messages[index]);
      expect(opened.text).toBe(text);
      reader = opened.state;
    }
    for (const message of messages) {
      await expect(processMessage(reader, message, deps)).rejects.toMatchObject({ code: "GENERATION_USED" });
    }
  });

  test("leave no byte of what was signed or sealed behind, whether it goes well or not", async () => {
    const [alice, bob, carol] = await three();
    const lend = vi.spyOn(Writer.prototype, "lend");
    const isWiped = () => lend.mock.results.every(({ value }) => isZero(value));
    const { messages } = await sendTexts(alice, "one");
    await read(bob, messages[0]);
    expect(lend.mock.results.length).toBeGreaterThanOrEqual(3);
    expect(isWiped()).toBe(true);

    const before = lend.mock.results.length;
    const sign = vi.spyOn(subtle(), "sign").mockRejectedValueOnce(new Error("no key"));
    await expect(sendTexts(alice, "two")).rejects.toThrow("no key");
    const encrypt = vi.spyOn(subtle(), "encrypt").mockRejectedValueOnce(new Error("no memory"));
    await expect(sendTexts(alice, "three")).rejects.toThrow("no memory");
    const verify = vi.spyOn(subtle(), "verify").mockResolvedValueOnce(false);
    await expect(read(carol, messages[0])).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
    expect([sign, encrypt, verify].map(({ mock }) => mock.calls.length > 0)).toEqual([true, true, true]);
    expect(lend.mock.results.length).toBeGreaterThanOrEqual(before + 4);
    expect(isWiped()).toBe(true);
    vi.restoreAllMocks();
  });

  test("carry authenticated data that can't be changed on the way", async () => {
    const [alice, bob] = await three();
    const authenticatedData = utf8ToBytes("kind=text");
    const { message } = await createApplicationMessage(alice, utf8ToBytes("hi"), { authenticatedData }, deps);
    expect(await processMessage(bob, message, deps)).toMatchObject({ authenticatedData });
    const decoded = decode(mlsMessageCodec, message);
    if (decoded.kind !== "privateMessage") throw new Error("not private");
    const changed = { ...decoded.privateMessage, authenticatedData: utf8ToBytes("kind=call") };
    const forged = encode(mlsMessageCodec, { kind: "privateMessage", privateMessage: changed });
    await expect(processMessage(bob, forged, deps)).rejects.toMatchObject({ code: "AEAD_OPEN_FAILED" });
    expect(await processMessage(bob, message, deps)).toMatchObject({ kind: "application" });
  });

  test("[GROUP-5] signed by one member and encrypted again by another are refused", async () => {
    const [alice, bob, carol] = await three();
    const { messages } = await sendTexts(alice, "pay carol 10");
    const decoded = decode(mlsMessageCodec, messages[0] ?? new Uint8Array());
    if (decoded.kind !== "privateMessage") throw new Error("not private");
    const keys = {
      groupId: carol.context.groupId,
      epoch: carol.context.epoch,
      groupContext: carol.encodedContext,
      senderDataSecret: carol.secrets.senderDataSecret,
      secretTree: carol.secretTree,
    };
    const signatureKeyOf = (leaf: number): Uint8Array | undefined => leafAt(carol.tree, leaf)?.signatureKey;
    const opened = await openPrivate(carol.suite, decoded.privateMessage, keys, {
      ownLeaf: 2,
      signatureKeyOf,
    });
    // Carol knows everybody's ratchets: she seals alice's signed words under alice's next generation.
    const { message: again } = await protectPrivate(
      carol.suite,
      opened.authenticated,
      { ...keys, secretTree: opened.secretTree },
      deps.random,
    );
    const once = await read(bob, messages[0]);
    await expect(processMessage(once.state, again, deps)).rejects.toMatchObject({ code: "REPLAYED" });
  });

  test("that would look like a replay to their readers are not sent", async () => {
    const [alice] = await three();
    const { state } = await sendTexts(alice, "yes");
    await expect(createApplicationMessage(state, utf8ToBytes("yes"), {}, deps)).rejects.toMatchObject({
      code: "REPLAYED",
    });
    const authenticatedData = utf8ToBytes("2");
    await expect(
      createApplicationMessage(state, utf8ToBytes("yes"), { authenticatedData }, deps),
    ).resolves.toMatchObject({ generation: 1 });
  });

  test("come from a member's leaf (§6.3.2)", async () => {
    const [alice, bob] = await three();
    const outsider = { ...bob, ownLeaf: 3 };
    const { messages } = await sendTexts(outsider, "boo");
    await expect(processMessage(alice, messages[0] ?? new Uint8Array(), deps)).rejects.toMatchObject({
      code: "SENDER_INVALID",
    });
  });

  test("of this very member aren't opened", async () => {
    const [alice] = await three();
    const { state, messages } = await sendTexts(alice, "me");
    await expect(processMessage(state, messages[0] ?? new Uint8Array(), deps)).rejects.toMatchObject({
      code: "OWN_MESSAGE",
    });
  });

  test("are padded to a size class", async () => {
    const [alice] = await three();
    const { messages } = await sendTexts(alice, "a", "a".repeat(150));
    expect(messages[0]?.length).toBe(messages[1]?.length);
  });
});

describe("proposals", () => {
  test("wait for a commit by reference, and are gone after it", async () => {
    const [alice, bob, carol] = await three();
    const leave = await proposeRemove(carol, 2, {}, deps);
    const update = await proposeUpdate(bob, {}, {}, deps);
    const [atAlice, atBob] = [
      await processMessage(alice, leave.message, deps),
      await processMessage(update.state, leave.message, deps),
    ];
    expect(atAlice).toMatchObject({
      kind: "proposal",
      sender: { kind: "member", leafIndex: 2 },
      ref: leave.ref,
    });
    const ready = await processMessage(atAlice.state, update.message, deps);
    expect(pendingProposals(ready.state).length).toBe(2);

    const { staged } = await stageCommit(ready.state, {}, deps);
    expect(staged.effects.removed.map(({ leaf }) => leaf)).toEqual([2]);
    expect(staged.effects.updated.map(({ leaf }) => leaf).sort((a, b) => a - b)).toEqual([0, 1]);
    const followed = nextOf(await takeCommit(atBob.state, staged.message, deps));
    expect(pendingProposals(followed)).toEqual([]);
    expect(bytesToHex(exportSecret(followed, "x", new Uint8Array(), 32))).toBe(
      bytesToHex(exportSecret(nextOf(staged), "x", new Uint8Array(), 32)),
    );
    // Bob's own new leaf works: the next path is sealed to it.
    const { staged: second } = await stageCommit(nextOf(staged), {}, deps);
    expect(nextOf(await takeCommit(followed, second.message, deps)).context.epoch).toBe(3n);
    const gone = await takeCommit(
      (await processMessage(leave.state, update.message, deps)).state,
      staged.message,
      deps,
    );
    expect(gone).toMatchObject({ next: undefined, effects: { selfRemoved: true } });
  });

  test("of nobody's leaf aren't made", async () => {
    const [alice] = await three();
    expect(() => proposeRemove(alice, 7, {}, deps)).toThrow(
      expect.objectContaining({ code: "MEMBER_UNKNOWN" }),
    );
  });

  test("come as PublicMessage only where that is asked for, and never from outside the group", async () => {
    const [alice, bob] = await three();
    const proposal: Proposal = { kind: "remove", removed: 2 };
    const message = encode(mlsMessageCodec, {
      kind: "publicMessage",
      publicMessage: await inPublic(bob, proposal),
    });
    await expect(processMessage(alice, message, deps)).rejects.toMatchObject({
      code: "WIRE_FORMAT_UNEXPECTED",
    });
    expect(await processMessage(alice, message, deps, { allowPublic: true })).toMatchObject({
      sender: { kind: "member", leafIndex: 1 },
      proposal,
    });
    await expect(processMessage(bob, message, deps, { allowPublic: true })).rejects.toMatchObject({
      code: "OWN_MESSAGE",
    });
    const nobody = await inPublic({ ...bob, ownLeaf: 3 }, proposal);
    const external = await inPublic(bob, proposal, { kind: "external", senderIndex: 0 });
    for (const [publicMessage, code] of [
      [nobody, "SENDER_INVALID"],
      [external, "EXTERNAL_PROPOSAL_REFUSED"],
    ] as const) {
      const outside = encode(mlsMessageCodec, { kind: "publicMessage", publicMessage });
      await expect(processMessage(alice, outside, deps, { allowPublic: true })).rejects.toMatchObject({
        code,
      });
      await expect(openLate(retireEpoch(alice, undefined), outside)).rejects.toMatchObject({
        code: "WIRE_FORMAT_UNEXPECTED",
      });
    }
  });

  test("for an Update aren't made without keeping its private key", async () => {
    const [alice] = await three();
    const update: Proposal = { kind: "update", leafNode: ownLeafNode(alice) };
    await expect(createProposal(alice, update, {}, deps)).rejects.toMatchObject({ code: "PROPOSAL_INVALID" });
  });
});

/** A proposal as a signed PublicMessage. */
async function inPublic(from: GroupState, proposal: Proposal, sender?: Sender): Promise<PublicMessage> {
  const own = contentOf(from, { kind: "proposal", proposal });
  const content = sender === undefined ? own : { ...own, sender };
  const signed = { wireFormat: "publicMessage" as const, content, groupContext: from.encodedContext };
  const signature = await signContent(from.suite, signed, from.signatureKey);
  return protectPublic(
    from.suite,
    { wireFormat: "publicMessage", content, auth: { signature, confirmationTag: undefined } },
    { ...from.context, groupContext: from.encodedContext, membershipKey: from.secrets.membershipKey },
  );
}

describe("a past epoch", () => {
  test("[RULE-87] still reads its late messages, and nothing else (§14)", async () => {
    const [alice, bob] = await three();
    const { state: sender, messages } = await sendTexts(alice, "early", "late");
    const { state: reader } = await read(bob, messages[0]);
    const { staged } = await stageCommit(sender, { remove: [2] }, deps);
    const next = nextOf(await takeCommit(reader, staged.message, deps));
    await expect(processMessage(next, messages[1] ?? new Uint8Array(), deps)).rejects.toMatchObject({
      code: "EPOCH_MISMATCH",
    });
    const past = retireEpoch(reader, next);
    const late = await openLate(past, messages[1] ?? new Uint8Array());
    expect(late).toMatchObject({
      sender: 0,
      data: utf8ToBytes("late"),
      generation: 1,
      senderLeaf: ownLeafNode(alice),
    });
    await expect(openLate(late.past, messages[1] ?? new Uint8Array())).rejects.toMatchObject({
      code: "GENERATION_USED",
    });
    await expect(openLate(past, staged.message)).rejects.toMatchObject({
      code: "CONTENT_UNEXPECTED",
      section: "§14",
    });
    expect(() => retireEpoch(reader, reader)).toThrow(RangeError);
  });

  test("keeps no secret that would help to follow or to send", async () => {
    const [alice, bob] = await three();
    const { staged } = await stageCommit(alice, {}, deps);
    const past = bytesIn(retireEpoch(bob, nextOf(await takeCommit(bob, staged.message, deps))));
    const { exporterTree, secrets } = bob;
    const exporter = exporterTree.kind === "secret" ? [exporterTree.secret] : [];
    expect(exporter.length).toBe(1);
    for (const secret of [
      secrets.initSecret,
      secrets.exporterSecret,
      ...exporter,
      ...bob.privateKeys.values(),
    ]) {
      expect(past.has(bytesToHex(secret))).toBe(false);
    }
  });
});

describe("forward secrecy", () => {
  test("[GROUP-2] what a message consumed is in no returned value and in no record", async () => {
    const [alice, bob] = await three();
    const { root } = bob.secretTree;
    if (root.kind !== "secret") throw new Error("the tree is expanded already");
    const first = await sendTexts(alice, "one");
    const one = await read(bob, first.messages[0]);
    const used = [root.secret, ...ratchetSecrets(one.state)];
    const second = await sendTexts(first.state, "two");
    const two = await read(one.state, second.messages[0]);
    const held = new Set([
      ...bytesIn(two.state),
      ...diffGroup(undefined, two.state).put.map(([, value]) => bytesToHex(value)),
    ]);
    expect(used.length).toBeGreaterThan(1);
    for (const secret of used)
      expect([...held].some((bytes) => bytes.includes(bytesToHex(secret)))).toBe(false);
    const deleted = diffGroup(bob, two.state).delete;
    expect(deleted).toContain("secret/node/3");
  });

  test("[GROUP-3] a new epoch holds nothing of the old one's secrets, and no replaced private key", async () => {
    const [alice, bob] = await three();
    const { staged } = await stageCommit(alice, {}, deps);
    const following = await takeCommit(bob, staged.message, deps);
    for (const [before, after] of [
      [alice, nextOf(staged)],
      [bob, nextOf(following)],
    ] as const) {
      const held = bytesIn(after);
      const replaced = [...before.privateKeys]
        .filter(([index]) => index !== 2 || before !== bob)
        .map(([, key]) => key);
      const { root } = before.secretTree;
      const { exporterTree } = before;
      const secrets = [
        ...Object.values(before.secrets),
        ...replaced,
        ...(root.kind === "secret" ? [root.secret] : []),
        ...(exporterTree.kind === "secret" ? [exporterTree.secret] : []),
      ];
      for (const secret of secrets) expect(held.has(bytesToHex(secret))).toBe(false);
    }
    const gone = diffGroup(bob, nextOf(following)).put.map(([key]) => key);
    expect(gone).toContain("secret/epoch");
  });

  test("[GROUP-4] a staged commit that is dropped changes the own handshake ratchet and nothing else", async () => {
    const [alice] = await three();
    const { state } = await stageCommit(alice, { remove: [2] }, deps);
    const diff = diffGroup(alice, state);
    expect(diff.put.map(([key]) => key).filter((key) => !key.startsWith("secret/node/"))).toEqual([
      "secret/ratchet/0/handshake",
      "secret/ratchet/0/application",
    ]);
    expect(diff.delete.every((key) => key.startsWith("secret/node/"))).toBe(true);
    const second = await stageCommit(state, {}, deps);
    const again = diffGroup(state, second.state);
    expect(again.put.map(([key]) => key)).toEqual(["secret/ratchet/0/handshake"]);
  });
});

/** Ratchet secrets of all expanded leaves. */
function ratchetSecrets(state: GroupState): Uint8Array[] {
  const found: Uint8Array[] = [];
  const walk = (node: GroupState["secretTree"]["root"]): void => {
    if (node.kind === "split") [node.left, node.right].forEach(walk);
    if (node.kind === "leaf" && node.application.generation > 0) found.push(node.application.secret);
  };
  walk(state.secretTree.root);
  return found;
}

/** Every byte string that can be reached from a value, in hexadecimal. */
function bytesIn(value: unknown, found = new Set<string>(), seen = new Set<object>()): Set<string> {
  if (value instanceof Uint8Array) found.add(bytesToHex(value));
  else if (typeof value === "object" && value !== null && !seen.has(value)) {
    seen.add(value);
    const inside: unknown[] =
      value instanceof Map || value instanceof Set ? [...value] : Object.values(value);
    for (const entry of inside) bytesIn(entry, found, seen);
  }
  return found;
}
