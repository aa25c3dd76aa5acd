import { concatBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { decode, encode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { encodeGroupContext } from "../group-context.ts";
import { createSecretTree, findReceiveKey, findSendKey } from "../schedule/secret-tree.ts";
import { diffSecretTree } from "../schedule/secret-tree-records.ts";
import { refusal } from "../testing/error-code.ts";
import { packageOf, person } from "../testing/people.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { contentTbs, proposalRef, signContent } from "./authenticate.ts";
import {
  type AuthenticatedContent,
  authDataCodec,
  authenticatedContentCodec,
  type Content,
  type FramedContent,
  framedContentCodec,
  type GroupWireFormat,
  mlsMessageCodec,
  type PrivateMessage,
  contentBodyCodec,
  type Sender,
} from "./message.ts";
import { paddedLength } from "./padding.ts";
import { openPrivate, protectPrivate, senderDataKey } from "./private-message.ts";
import { openPublic, protectPublic } from "./public-message.ts";
import { Writer } from "../codec/writer.ts";

const suite = cipherSuite(1);
const random = seededRandom("framing");
const groupId = Uint8Array.of(1, 2, 3);
const epoch = 7n;
const keys = {
  groupId,
  epoch,
  groupContext: encodeGroupContext({
    cipherSuite: suite.id,
    groupId,
    epoch,
    treeHash: random.bytes(32),
    confirmedTranscriptHash: random.bytes(32),
    extensions: [],
  }),
  membershipKey: random.bytes(32),
  senderDataSecret: random.bytes(32),
  secretTree: createSecretTree(random.bytes(32), 4),
};
const SENDER = 1;
const text: Content = { kind: "application", data: Uint8Array.of(104, 105) };
const remove: Content = { kind: "proposal", proposal: { kind: "remove", removed: 2 } };
const member: Sender = { kind: "member", leafIndex: SENDER };
const { keyPackage } = await packageOf(await person("zoe", random), random);
const add: Content = { kind: "proposal", proposal: { kind: "add", keyPackage } };
let signer: { publicKey: Uint8Array; privateKey: Uint8Array };

beforeAll(async () => {
  signer = await suite.signatureKeyPair(random);
});

async function sign(
  wireFormat: GroupWireFormat,
  content: Content,
  changes: Partial<FramedContent> = {},
): Promise<AuthenticatedContent> {
  const framed: FramedContent = {
    groupId,
    epoch,
    sender: member,
    authenticatedData: Uint8Array.of(9),
    content,
    ...changes,
  };
  const toSign = { wireFormat, content: framed, groupContext: keys.groupContext };
  const signature = await signContent(suite, toSign, signer.privateKey);
  const confirmationTag = content.kind === "commit" ? new Uint8Array(32) : undefined;
  return { wireFormat, content: framed, auth: { signature, confirmationTag } };
}

/** The epoch's start as it is loaded from records: nothing was sent by this value. */
const atStart = () => ({ ...keys.secretTree, sent: new Map<number, number>() });

/** protectPrivate, and its message as a receiver reads it. */
async function protect(signed: AuthenticatedContent, secretTree = atStart()) {
  const sent = await protectPrivate(suite, signed, { ...keys, secretTree }, random);
  const message = decode(mlsMessageCodec, sent.message);
  if (message.kind !== "privateMessage") throw new Error("not private");
  return { ...sent, message: message.privateMessage };
}

const open = (message: PrivateMessage, changes: Partial<typeof keys> = {}, ownLeaf = 0) =>
  openPrivate(
    suite,
    message,
    { ...keys, ...changes },
    { ownLeaf, signatureKeyOf: (leaf) => (leaf === SENDER ? signer.publicKey : undefined) },
  );

/** A private message put together by hand, as a member who breaks the rules could. */
async function handmade(options: {
  plaintext: Uint8Array;
  leafIndex?: number;
  generation?: number;
  contentType?: "application" | "proposal";
}): Promise<PrivateMessage> {
  const { leafIndex = SENDER, generation = 0, contentType = "application" } = options;
  const type = contentType === "application" ? "application" : "handshake";
  const { key } = findReceiveKey(suite, keys.secretTree, leafIndex, type, generation);
  const header = encode(mlsMessageCodec, {
    kind: "privateMessage",
    privateMessage: {
      groupId,
      epoch,
      contentType,
      authenticatedData: Uint8Array.of(9),
      encryptedSenderData: new Uint8Array(),
      ciphertext: new Uint8Array(),
    },
  });
  const contentAad = header.subarray(4, header.length - 2); // without version, wire format and the two empty fields
  const senderAad = contentAad.subarray(0, contentAad.length - 2);
  const ciphertext = await suite.seal(key.key, key.nonce, contentAad, options.plaintext);
  const outer = senderDataKey(suite, keys.senderDataSecret, ciphertext);
  const senderData = Uint8Array.of(0, 0, 0, leafIndex, 0, 0, 0, generation, 0, 0, 0, 0);
  const encryptedSenderData = await suite.seal(outer.key, outer.nonce, senderAad, senderData);
  return {
    groupId,
    epoch,
    contentType,
    authenticatedData: Uint8Array.of(9),
    encryptedSenderData,
    ciphertext,
  };
}

function plaintextOf({ content, auth }: AuthenticatedContent): Uint8Array {
  const writer = new Writer();
  contentBodyCodec.write(writer, content.content);
  authDataCodec(content.content.kind).write(writer, auth);
  return writer.finish();
}

describe("a private message", () => {
  test("opens to what was sent, with sender, generation and authenticated data", async () => {
    const sent = await protect(await sign("privateMessage", text));
    const opened = await open(sent.message);
    expect(opened.sender).toBe(SENDER);
    expect(opened.generation).toBe(0);
    expect(opened.authenticated.content.content).toEqual(text);
    expect(opened.authenticated.content.authenticatedData).toEqual(Uint8Array.of(9));
  });

  test("[FRAME-1] sending moves the ratchet: the next message has the next generation and another key", async () => {
    const signed = await sign("privateMessage", text);
    const first = await protect(signed);
    const second = await protect(signed, first.secretTree);
    expect([first.generation, second.generation]).toEqual([0, 1]);
    const key = (tree: typeof keys.secretTree) => findSendKey(suite, tree, SENDER, "application").key;
    expect(key(first.secretTree)).not.toEqual(key(keys.secretTree));
  });

  test("the reuse guard is fresh, so that a lost state does not repeat a nonce", async () => {
    const signed = await sign("privateMessage", text);
    const first = await protect(signed);
    const again = await protect(signed);
    expect(again.generation).toBe(first.generation);
    expect(again.message.ciphertext).not.toEqual(first.message.ciphertext);
  });

  test("[FRAME-2] opens once", async () => {
    const { message } = await protect(await sign("privateMessage", text));
    const { secretTree } = await open(message);
    expect(await refusal(() => open(message, { secretTree }))).toBe("GENERATION_USED §9.2");
  });

  test("[FRAME-3] a member who encrypts another's signed message anew is refused", async () => {
    const signed = await sign("privateMessage", text);
    const original = await protect(signed);
    const { secretTree } = await open(original.message);
    const copy = await handmade({ plaintext: plaintextOf(signed), generation: 1 });
    expect(await refusal(() => open(copy))).toBeUndefined(); // the copy by itself is genuine
    expect(await refusal(() => open(copy, { secretTree }))).toBe("REPLAYED");
  });

  test("[FRAME-4] a forged message uses up no generation: the genuine one still opens", async () => {
    const forger = await suite.signatureKeyPair(random);
    const signed = await sign("privateMessage", text);
    const toSign = { ...signed, groupContext: keys.groupContext };
    const signature = await signContent(suite, toSign, forger.privateKey);
    const forged = await handmade({
      plaintext: plaintextOf({ ...signed, auth: { ...signed.auth, signature } }),
    });
    const before = diffSecretTree(undefined, keys.secretTree).put;
    expect(await refusal(() => open(forged))).toBe("SIGNATURE_INVALID §6.1");
    expect(diffSecretTree(undefined, keys.secretTree).put).toEqual(before);
    const genuine = await protect(signed);
    expect(genuine.generation).toBe(0);
    expect((await open(genuine.message)).generation).toBe(0);
  });

  test("[FRAME-5] padding that is not all zeros is refused (§6.3.1)", async () => {
    const plaintext = plaintextOf(await sign("privateMessage", text));
    const padded = (...padding: number[]) =>
      handmade({ plaintext: concatBytes(plaintext, Uint8Array.from(padding)) });
    expect(await refusal(async () => open(await padded()))).toBeUndefined();
    expect(await refusal(async () => open(await padded(0, 0, 0)))).toBeUndefined();
    expect(await refusal(async () => open(await padded(0, 0, 1)))).toBe("PADDING_INVALID §6.3.1");
    expect(await refusal(async () => open(await padded(1, 0, 0)))).toBe("PADDING_INVALID §6.3.1");
    for (let length = 1; length <= 13; length++) {
      expect(await refusal(async () => open(await padded(...new Uint8Array(length))))).toBeUndefined();
      for (let at = 0; at < length; at++) {
        const padding = new Uint8Array(length);
        padding[at] = 0x80;
        const refused = await refusal(async () => open(await padded(...padding)));
        expect(refused, `byte ${at} of ${length}`).toBe("PADDING_INVALID §6.3.1");
      }
    }
  });

  test.each([
    ["a short text", text, 256],
    ["a text of 300 bytes", { kind: "application", data: new Uint8Array(300) }, 1024],
    ["a text of 1100 bytes", { kind: "application", data: new Uint8Array(1100) }, 2048],
    ["a text of 2000 bytes", { kind: "application", data: new Uint8Array(2000) }, 4096],
    ["a text of 5000 bytes", { kind: "application", data: new Uint8Array(5000) }, 8192],
    ["a proposal", remove, 1024],
  ] satisfies [string, Content, number][])(
    "[FRAME-6] %s is padded to a step",
    async (_what, content, length) => {
      const { message } = await protect(await sign("privateMessage", content));
      expect(message.ciphertext.length).toBe(length + 16);
      expect((await open(message)).authenticated.content.content).toEqual(content);
    },
  );

  test("padding steps", () => {
    const lengths = [1, 256, 257, 1024, 1025, 2048, 2049, 4096, 4097, 8193];
    const steps = lengths.map((n) => paddedLength("application", n));
    expect(steps).toEqual([256, 256, 1024, 1024, 2048, 2048, 4096, 4096, 8192, 12288]);
    expect([1, 1024, 1025, 5000].map((n) => paddedLength("commit", n))).toEqual([1024, 1024, 2048, 5120]);
  });

  test("[FRAME-7] nobody can move a member's own sending ratchet", async () => {
    const { message } = await protect(await sign("privateMessage", text));
    expect(await refusal(() => open(message, {}, SENDER))).toBe("OWN_MESSAGE");
  });

  test("[FRAME-8] a sender at a blank leaf or outside the tree is refused (§6.3.2)", async () => {
    const plaintext = plaintextOf(await sign("privateMessage", text));
    const blank = await handmade({ plaintext, leafIndex: 3 });
    expect(await refusal(() => open(blank))).toBe("SENDER_INVALID §6.3.2");
    const anyLeaf = { ownLeaf: 0, signatureKeyOf: () => signer.publicKey };
    const narrow = { ...keys, secretTree: createSecretTree(random.bytes(32), 2) };
    expect(await refusal(() => openPrivate(suite, blank, narrow, anyLeaf))).toBe("SENDER_INVALID §6.3.2");
  });

  test("[RULE-72] sender data may name any 32-bit leaf: outside the tree it is a sender that isn't there (§6.3.2)", async () => {
    const leaves = (leaf: number) => (leaf < 4 ? signer.publicKey : undefined);
    const { message } = await protect(await sign("privateMessage", text));
    for (const leafIndex of [4, 5, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff]) {
      const outer = senderDataKey(suite, keys.senderDataSecret, message.ciphertext);
      const senderData = new Uint8Array(12);
      new DataView(senderData.buffer).setUint32(0, leafIndex);
      const aad = Uint8Array.of(3, ...groupId, 0, 0, 0, 0, 0, 0, 0, 7, 1);
      const encryptedSenderData = await suite.seal(outer.key, outer.nonce, aad, senderData);
      const lost = { ...message, encryptedSenderData };
      for (const signatureKeyOf of [leaves, () => signer.publicKey]) {
        const code = await refusal(() => openPrivate(suite, lost, keys, { ownLeaf: 0, signatureKeyOf }));
        expect(code).toBe("SENDER_INVALID §6.3.2");
      }
    }
  });

  test("sender data holds its three fields and nothing more (§6.3.2)", async () => {
    const { message } = await protect(await sign("privateMessage", text));
    const outer = senderDataKey(suite, keys.senderDataSecret, message.ciphertext);
    const aad = Uint8Array.of(3, ...groupId, 0, 0, 0, 0, 0, 0, 0, 7, 1);
    for (const [length, code] of [
      [11, "DECODE_TRUNCATED"],
      [13, "DECODE_TRAILING"],
    ] as const) {
      const encryptedSenderData = await suite.seal(outer.key, outer.nonce, aad, new Uint8Array(length));
      expect(await refusal(() => open({ ...message, encryptedSenderData }))).toBe(code);
    }
  });

  test("a signed message of one member does not open as another's", async () => {
    const stolen = await handmade({
      plaintext: plaintextOf(await sign("privateMessage", text)),
      leafIndex: 2,
    });
    const sameKey = { ownLeaf: 0, signatureKeyOf: () => signer.publicKey };
    expect(await refusal(() => openPrivate(suite, stolen, keys, sameKey))).toBe("SIGNATURE_INVALID §6.1");
  });

  test("[FRAME-9] another group, epoch, content type, AAD or ciphertext is refused", async () => {
    const { message } = await protect(await sign("privateMessage", text));
    const code = (changes: Partial<PrivateMessage>) => refusal(() => open({ ...message, ...changes }));
    expect(await code({ groupId: Uint8Array.of(1, 2) })).toBe("GROUP_MISMATCH §6.1");
    expect(await code({ epoch: epoch + 1n })).toBe("EPOCH_MISMATCH §15");
    expect(await code({ contentType: "proposal" })).toBe("AEAD_OPEN_FAILED");
    expect(await code({ authenticatedData: new Uint8Array() })).toBe("AEAD_OPEN_FAILED");
    expect(await code({ ciphertext: message.ciphertext.subarray(1) })).toBe("AEAD_OPEN_FAILED");
    expect(await code({ ciphertext: message.ciphertext.subarray(0, -1) })).toBe("AEAD_OPEN_FAILED");
    expect(await code({ ciphertext: new Uint8Array() })).toBe("AEAD_OPEN_FAILED");
    expect(await code({ encryptedSenderData: new Uint8Array() })).toBe("AEAD_OPEN_FAILED");
  });

  test("a signature of another epoch, though encrypted in this one, is refused", async () => {
    const elsewhere = { ...keys, groupContext: concatBytes(keys.groupContext.subarray(1), Uint8Array.of(0)) };
    const { message } = await protect(await sign("privateMessage", text));
    expect(await refusal(() => open(message, elsewhere))).toBe("SIGNATURE_INVALID §6.1");
  });

  test("[RULE-88] content that was signed as public, or by a non-member, does not go out as private (§6.1)", async () => {
    const publicly = await sign("publicMessage", remove);
    expect(await refusal(() => protect(publicly))).toBe("WIRE_FORMAT_UNEXPECTED §6.1");
    const outsider = await sign("privateMessage", remove, { sender: { kind: "external", senderIndex: 0 } });
    expect(await refusal(() => protect(outsider))).toBe("SENDER_INVALID §6.3.2");
  });

  test("garbage inside a genuine envelope is refused as malformed", async () => {
    const garbage = await handmade({ plaintext: new Uint8Array(40).fill(0xff) });
    expect(await refusal(() => open(garbage))).toBe("DECODE_VARINT §2.1.2");
  });
});

describe("what is signed", () => {
  const wireFormats = { publicMessage: 1, privateMessage: 2 } as const;

  test.each([
    ["a member", member, true],
    ["an external sender", { kind: "external", senderIndex: 0 }, false],
    ["who asks to be added", { kind: "newMemberProposal" }, false],
    ["who adds itself by a commit", { kind: "newMemberCommit" }, true],
  ] satisfies [string, Sender, boolean][])(
    "[RULE-79] by %s is version, wire format, content and, for those inside, the group's context (§6.1)",
    async (_who, sender, inside) => {
      for (const wireFormat of ["publicMessage", "privateMessage"] as const) {
        const { content } = await sign(wireFormat, remove, { sender });
        const expected = concatBytes(
          Uint8Array.of(0, 1, 0, wireFormats[wireFormat]),
          encode(framedContentCodec, content),
          inside ? keys.groupContext : new Uint8Array(),
        );
        expect(contentTbs({ wireFormat, content, groupContext: keys.groupContext })).toEqual(expected);
      }
    },
  );

  test("[RULE-80] is named, signature and all, by a reference to a proposal (§5.2)", async () => {
    const signed = await sign("publicMessage", remove);
    const bytes = concatBytes(
      Uint8Array.of(0, 1),
      encode(framedContentCodec, signed.content),
      Uint8Array.of(0x40, signed.auth.signature.length),
      signed.auth.signature,
    );
    expect(encode(authenticatedContentCodec, signed)).toEqual(bytes);
    expect(decode(authenticatedContentCodec, bytes)).toEqual(signed);
    expect(proposalRef(suite, signed)).toEqual(suite.refHash("MLS 1.0 Proposal Reference", bytes));
  });

  test("has a confirmation tag if it is a commit, and none otherwise (§6.1)", async () => {
    const signed = await sign("publicMessage", remove);
    const tagged = { ...signed, auth: { ...signed.auth, confirmationTag: new Uint8Array(32) } };
    expect(await refusal(() => encode(authenticatedContentCodec, tagged))).toBe("ENCODE_RANGE");
    const commit = await sign("publicMessage", {
      kind: "commit",
      commit: { proposals: [], path: undefined },
    });
    const bare = { ...commit, auth: { ...commit.auth, confirmationTag: undefined } };
    expect(await refusal(() => encode(authenticatedContentCodec, bare))).toBe("ENCODE_RANGE");
  });
});

describe("a public message", () => {
  const openPub = (message: Parameters<typeof openPublic>[1], changes: Partial<typeof keys> = {}) =>
    openPublic(suite, message, { ...keys, ...changes }, () => signer.publicKey);

  test("[FRAME-10] a member's message needs the membership tag of this epoch (§6.2)", async () => {
    const message = protectPublic(suite, await sign("publicMessage", remove), keys);
    expect((await openPub(message)).content.content).toEqual(remove);
    const wrong = message.membershipTag?.map((byte, i) => (i === 31 ? byte ^ 1 : byte));
    expect(await refusal(() => openPub({ ...message, membershipTag: wrong }))).toBe(
      "MEMBERSHIP_TAG_INVALID §6.2",
    );
    expect(await refusal(() => openPub({ ...message, membershipTag: undefined }))).toBe(
      "MEMBERSHIP_TAG_INVALID §6.2",
    );
    expect(await refusal(() => openPub({ ...message, membershipTag: new Uint8Array() }))).toBe(
      "MEMBERSHIP_TAG_INVALID §6.2",
    );
    const otherKey = { membershipKey: random.bytes(32) };
    expect(await refusal(() => openPub(message, otherKey))).toBe("MEMBERSHIP_TAG_INVALID §6.2");
  });

  test("a wrong signature under a right membership tag is refused", async () => {
    const signed = await sign("publicMessage", remove);
    const signature = signed.auth.signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
    const message = protectPublic(suite, { ...signed, auth: { ...signed.auth, signature } }, keys);
    expect(await refusal(() => openPub(message))).toBe("SIGNATURE_INVALID §6.1");
  });

  test("another group or epoch is refused", async () => {
    const groupElse = await sign("publicMessage", remove, { groupId: Uint8Array.of(4) });
    expect(await refusal(() => openPub(protectPublic(suite, groupElse, keys)))).toBe("GROUP_MISMATCH §6.1");
    const epochElse = await sign("publicMessage", remove, { epoch: epoch - 1n });
    expect(await refusal(() => openPub(protectPublic(suite, epochElse, keys)))).toBe("EPOCH_MISMATCH §12.1");
  });

  test("[FRAME-11] application data neither goes out nor comes in as a public message (§6)", async () => {
    const signed = await sign("publicMessage", text);
    expect(await refusal(() => protectPublic(suite, signed, keys))).toBe("CONTENT_UNEXPECTED §6");
    const message = { content: signed.content, auth: signed.auth, membershipTag: random.bytes(32) };
    expect(await refusal(() => openPub(message))).toBe("CONTENT_UNEXPECTED §6");
  });

  const commit: Content = { kind: "commit", commit: { proposals: [], path: undefined } };
  const update: Content = {
    kind: "proposal",
    proposal: { kind: "externalInit", kemOutput: new Uint8Array(32) },
  };
  test.each([
    ["an external sender may propose a Remove", { kind: "external", senderIndex: 0 }, remove, undefined],
    [
      "an external sender may not propose an ExternalInit",
      { kind: "external", senderIndex: 0 },
      update,
      "CONTENT_UNEXPECTED §6.1",
    ],
    [
      "a new member may propose only its own Add",
      { kind: "newMemberProposal" },
      remove,
      "CONTENT_UNEXPECTED §6.1",
    ],
    [
      "an external sender commits nothing",
      { kind: "external", senderIndex: 0 },
      commit,
      "CONTENT_UNEXPECTED §6.1",
    ],
    ["a new member may propose an Add", { kind: "newMemberProposal" }, add, undefined],
    [
      "a new member that proposes commits nothing",
      { kind: "newMemberProposal" },
      commit,
      "CONTENT_UNEXPECTED §6.1",
    ],
    ["a new member may commit", { kind: "newMemberCommit" }, commit, undefined],
    ["a new member's commit is no proposal", { kind: "newMemberCommit" }, remove, "CONTENT_UNEXPECTED §6.1"],
  ] satisfies [string, Sender, Content, string | undefined][])(
    "%s (§6.1, §12.1.8)",
    async (_what, sender, content, code) => {
      const signed = await sign("publicMessage", content, { sender });
      const message = { content: signed.content, auth: signed.auth, membershipTag: undefined };
      expect(await refusal(() => openPub(message))).toBe(code);
      expect(await refusal(() => protectPublic(suite, signed, keys))).toBe(code);
    },
  );

  test("[RULE-88] content that was signed as private does not go out as public (§6.1)", async () => {
    const signed = await sign("privateMessage", remove);
    expect(await refusal(() => protectPublic(suite, signed, keys))).toBe("WIRE_FORMAT_UNEXPECTED §6.1");
  });

  test("a membership tag where none belongs, or none where one belongs, is not written", async () => {
    const message = protectPublic(suite, await sign("publicMessage", remove), keys);
    const bare = { kind: "publicMessage" as const, publicMessage: { ...message, membershipTag: undefined } };
    expect(await refusal(() => encode(mlsMessageCodec, bare))).toBe("ENCODE_RANGE");
    const roundTripped = decode(
      mlsMessageCodec,
      encode(mlsMessageCodec, { ...bare, publicMessage: message }),
    );
    expect(roundTripped).toEqual({ kind: "publicMessage", publicMessage: message });
  });
});
