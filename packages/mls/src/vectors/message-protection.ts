import { decode, encode } from "../codec/codec.ts";
import { commitCodec } from "../commit.ts";
import { type CipherSuite, cipherSuite } from "../crypto/cipher-suite.ts";
import { MlsError } from "../errors.ts";
import { signContent } from "../framing/authenticate.ts";
import {
  type AuthenticatedContent,
  type Content,
  type FramedContent,
  type GroupWireFormat,
  type MlsMessage,
  mlsMessageCodec,
} from "../framing/message.ts";
import { openPrivate, type PrivateMessageKeys, protectPrivate } from "../framing/private-message.ts";
import { openPublic, protectPublic, type PublicMessageKeys } from "../framing/public-message.ts";
import { encodeGroupContext } from "../group-context.ts";
import { proposalCodec } from "../proposal.ts";
import { createSecretTree } from "../schedule/secret-tree.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { signaturePrivateKey } from "./client-parts.ts";
import { hex, same, sameBytes, VectorMismatch } from "./compare.ts";

export interface MessageProtectionVector {
  cipher_suite: number;
  group_id: string;
  epoch: number | bigint;
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

/** The file's group of two, in which the member at leaf 1 sends and the one at leaf 0 receives. */
interface Pair {
  readonly suite: CipherSuite;
  readonly keys: PrivateMessageKeys & PublicMessageKeys;
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export async function checkMessageProtection(vector: MessageProtectionVector): Promise<void> {
  const pair = pairOf(vector);
  const proposal = decode(proposalCodec, hex(vector.proposal));
  const commit = decode(commitCodec, hex(vector.commit));
  await checkHandshake(pair, "proposal", { kind: "proposal", proposal }, vector);
  await checkHandshake(pair, "commit", { kind: "commit", commit }, vector);
  const application: Content = { kind: "application", data: hex(vector.application) };
  await checkPrivate(pair, "application", application, vector);
  const signed = await sign(pair, "publicMessage", application);
  try {
    protectPublic(pair.suite, signed, pair.keys);
  } catch (error) {
    if (error instanceof MlsError && error.code === "CONTENT_UNEXPECTED") return;
    throw error;
  }
  throw new VectorMismatch("application data went out as a PublicMessage");
}

function pairOf(vector: MessageProtectionVector): Pair {
  const suite = cipherSuite(vector.cipher_suite);
  const groupId = hex(vector.group_id);
  const epoch = BigInt(vector.epoch);
  const publicKey = hex(vector.signature_pub);
  const groupContext = encodeGroupContext({
    cipherSuite: suite.id,
    groupId,
    epoch,
    treeHash: hex(vector.tree_hash),
    confirmedTranscriptHash: hex(vector.confirmed_transcript_hash),
    extensions: [],
  });
  return {
    suite,
    keys: {
      groupId,
      epoch,
      groupContext,
      membershipKey: hex(vector.membership_key),
      senderDataSecret: hex(vector.sender_data_secret),
      secretTree: createSecretTree(hex(vector.encryption_secret), 2),
    },
    publicKey,
    privateKey: signaturePrivateKey(vector.signature_priv, publicKey),
  };
}

async function checkHandshake(
  pair: Pair,
  field: "proposal" | "commit",
  content: Content,
  vector: MessageProtectionVector,
): Promise<void> {
  const { suite, keys } = pair;
  const raw = vector[field];
  const given = readMessage(`${field}_pub`, vector[`${field}_pub`]);
  sameBytes(`the content of ${field}_pub`, contentBytes(await openAsReceiver(pair, given)), raw);
  const message = protectPublic(suite, await sign(pair, "publicMessage", content), keys);
  const own: MlsMessage = { kind: "publicMessage", publicMessage: message };
  sameBytes(`${field} sent publicly`, contentBytes(await openAsReceiver(pair, overWire(own))), raw);
  await checkPrivate(pair, field, content, vector);
}

async function checkPrivate(
  pair: Pair,
  field: "proposal" | "commit" | "application",
  content: Content,
  vector: MessageProtectionVector,
): Promise<void> {
  const { suite, keys } = pair;
  const raw = vector[field];
  const given = readMessage(`${field}_priv`, vector[`${field}_priv`]);
  sameBytes(`the content of ${field}_priv`, contentBytes(await openAsReceiver(pair, given)), raw);
  const signed = await sign(pair, "privateMessage", content);
  const { message } = await protectPrivate(suite, signed, keys, seededRandom("message-protection"));
  const own = decode(mlsMessageCodec, message);
  sameBytes(`${field} sent privately`, contentBytes(await openAsReceiver(pair, own)), raw);
}

function readMessage(field: string, text: string): MlsMessage {
  const message = decode(mlsMessageCodec, hex(text));
  sameBytes(`${field} encoded again`, encode(mlsMessageCodec, message), text);
  return message;
}

function overWire(message: MlsMessage): MlsMessage {
  return decode(mlsMessageCodec, encode(mlsMessageCodec, message));
}

async function openAsReceiver(pair: Pair, message: MlsMessage): Promise<Content> {
  const { suite, keys, publicKey } = pair;
  if (message.kind === "publicMessage") {
    const { content } = await openPublic(suite, message.publicMessage, keys, () => publicKey);
    same("the kind of sender", content.sender.kind, "member");
    same("the sender", content.sender.kind === "member" ? content.sender.leafIndex : undefined, 1);
    return content.content;
  }
  if (message.kind !== "privateMessage") throw new VectorMismatch(`a ${message.kind}, no group message`);
  const opened = await openPrivate(suite, message.privateMessage, keys, {
    ownLeaf: 0,
    signatureKeyOf: (leaf) => (leaf === 1 ? publicKey : undefined),
  });
  return opened.authenticated.content.content;
}

async function sign(
  pair: Pair,
  wireFormat: GroupWireFormat,
  content: Content,
): Promise<AuthenticatedContent> {
  const { suite, keys, privateKey } = pair;
  const framed: FramedContent = {
    groupId: keys.groupId,
    epoch: keys.epoch,
    sender: { kind: "member", leafIndex: 1 },
    authenticatedData: Uint8Array.of(7, 8),
    content,
  };
  const signed = { wireFormat, content: framed, groupContext: keys.groupContext };
  const signature = await signContent(suite, signed, privateKey);
  // No epoch stands behind the tag: what matters here is that a commit has one.
  const confirmationTag = content.kind === "commit" ? suite.hash(signature) : undefined;
  return { wireFormat, content: framed, auth: { signature, confirmationTag } };
}

function contentBytes(content: Content): Uint8Array {
  switch (content.kind) {
    case "application":
      return content.data;
    case "proposal":
      return encode(proposalCodec, content.proposal);
    case "commit":
      return encode(commitCodec, content.commit);
  }
}
