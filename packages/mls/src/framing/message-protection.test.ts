import { expect } from "vitest";
import { decode, encode } from "../codec/codec.ts";
import { commitCodec } from "../commit.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { encodeGroupContext } from "../group-context.ts";
import { proposalCodec } from "../proposal.ts";
import { createSecretTree } from "../schedule/secret-tree.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { signContent } from "./authenticate.ts";
import {
  type AuthenticatedContent,
  type Content,
  type FramedContent,
  type GroupWireFormat,
  mlsMessageCodec,
  type PrivateMessage,
  type PublicMessage,
} from "./message.ts";
import { openPrivate, protectPrivate } from "./private-message.ts";
import { openPublic, protectPublic } from "./public-message.ts";

interface MessageProtection {
  cipher_suite: number;
  group_id: string;
  epoch: number;
  tree_hash: string;
  confirmed_transcript_hash: string;
  signature_priv: string;
  signature_pub: string;
  encryption_secret: string;
  sender_data_secret: string;
  membership_key: string;
  proposal: string;
  proposal_pub: string;
  proposal_priv: string;
  commit: string;
  commit_pub: string;
  commit_priv: string;
  application: string;
  application_priv: string;
}

describeVectors<MessageProtection>("message-protection", async (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const groupId = hex(vector.group_id);
  const epoch = BigInt(vector.epoch);
  const groupContext = encodeGroupContext({
    cipherSuite: suite.id,
    groupId,
    epoch,
    treeHash: hex(vector.tree_hash),
    confirmedTranscriptHash: hex(vector.confirmed_transcript_hash),
    extensions: [],
  });
  const keys = {
    groupId,
    epoch,
    groupContext,
    membershipKey: hex(vector.membership_key),
    senderDataSecret: hex(vector.sender_data_secret),
    secretTree: createSecretTree(hex(vector.encryption_secret), 2),
  };
  const signatureKey = hex(vector.signature_pub);
  const random = seededRandom("message-protection");

  async function openPub(message: PublicMessage): Promise<Content> {
    const opened = await openPublic(suite, message, keys, () => signatureKey);
    expect(opened.content.sender).toEqual({ kind: "member", leafIndex: 1 });
    return opened.content.content;
  }

  async function openPriv(message: PrivateMessage): Promise<Content> {
    const opened = await openPrivate(suite, message, keys, {
      ownLeaf: 0,
      signatureKeyOf: (leaf) => (leaf === 1 ? signatureKey : undefined),
    });
    expect(opened.sender).toBe(1);
    return opened.authenticated.content.content;
  }

  async function sign(wireFormat: GroupWireFormat, content: Content): Promise<AuthenticatedContent> {
    const framed: FramedContent = {
      groupId,
      epoch,
      sender: { kind: "member", leafIndex: 1 },
      authenticatedData: Uint8Array.of(7, 8),
      content,
    };
    const signature = await signContent(
      suite,
      { wireFormat, content: framed, groupContext },
      hex(vector.signature_priv),
    );
    const confirmationTag = content.kind === "commit" ? suite.hash(signature) : undefined;
    return { wireFormat, content: framed, auth: { signature, confirmationTag } };
  }

  async function privately(content: Content): Promise<PrivateMessage> {
    const { message } = await protectPrivate(suite, await sign("privateMessage", content), keys, random);
    return asPrivate(encode(mlsMessageCodec, { kind: "privateMessage", privateMessage: message }));
  }

  const handshakes: [Content, string, string][] = [
    [
      { kind: "proposal", proposal: decode(proposalCodec, hex(vector.proposal)) },
      vector.proposal_pub,
      vector.proposal_priv,
    ],
    [
      { kind: "commit", commit: decode(commitCodec, hex(vector.commit)) },
      vector.commit_pub,
      vector.commit_priv,
    ],
  ];
  for (const [content, pub, priv] of handshakes) {
    expect(await openPub(asPublic(hex(pub)))).toEqual(content);
    expect(await openPriv(asPrivate(hex(priv)))).toEqual(content);
    const publicly = protectPublic(suite, await sign("publicMessage", content), keys);
    const sent = encode(mlsMessageCodec, { kind: "publicMessage", publicMessage: publicly });
    expect(await openPub(asPublic(sent))).toEqual(content);
    expect(await openPriv(await privately(content))).toEqual(content);
  }

  const application: Content = { kind: "application", data: hex(vector.application) };
  expect(await openPriv(asPrivate(hex(vector.application_priv)))).toEqual(application);
  expect(await openPriv(await privately(application))).toEqual(application);
  const signed = await sign("publicMessage", application);
  expect(() => protectPublic(suite, signed, keys)).toThrow(MlsError);
});

function asPublic(bytes: Uint8Array): PublicMessage {
  const message = decode(mlsMessageCodec, bytes);
  if (message.kind !== "publicMessage") throw new Error(`a ${message.kind}`);
  return message.publicMessage;
}

function asPrivate(bytes: Uint8Array): PrivateMessage {
  const message = decode(mlsMessageCodec, bytes);
  if (message.kind !== "privateMessage") throw new Error(`a ${message.kind}`);
  return message.privateMessage;
}
