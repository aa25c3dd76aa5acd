import { type Codec, decode, encode } from "../codec/codec.ts";
import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { Expander } from "../crypto/key-derivation.ts";
import type { Random } from "../crypto/random.ts";
import { MlsError } from "../errors.ts";
import type { RatchetLimits } from "../schedule/ratchet.ts";
import {
  findReceiveKey,
  findSendKey,
  type RatchetType,
  type SecretTree,
  useUp,
  useUpToSend,
} from "../schedule/secret-tree.ts";
import { seenId } from "../schedule/seen-messages.ts";
import { checkPlace, writeSignContent, verifySignContent } from "./authenticate.ts";
import {
  type AuthenticatedContent,
  authDataCodec,
  type Content,
  type ContentType,
  contentTypeCodec,
  encodePrivateMessage,
  type FramedContent,
  type FramedContentAuthData,
  type PrivateMessage,
  contentBodyCodec,
} from "./message.ts";
import { paddedLength } from "./padding.ts";

/** What a member needs to make and to read the private messages of an epoch. */
export interface PrivateMessageKeys {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  /** The encoded GroupContext of the epoch. */
  readonly groupContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly secretTree: SecretTree;
}

/**
 * Encrypts a member's signed content with the next key of its leaf (RFC 9420 §6.3), and notes it as sent under `id`, its
 * seenId. Gives the bytes of an MLSMessage; the tree with them must be stored before they leave. Throws SENDER_INVALID,
 * WIRE_FORMAT_UNEXPECTED, GENERATION_EXHAUSTED, and REPLAYED if it was noted before.
 */
export async function protectPrivate(
  suite: CipherSuite,
  authenticated: AuthenticatedContent,
  keys: Pick<PrivateMessageKeys, "senderDataSecret" | "secretTree">,
  random: Random,
  id?: string,
): Promise<{ message: Uint8Array; secretTree: SecretTree; generation: number }> {
  const { content } = authenticated;
  if (authenticated.wireFormat !== "privateMessage") {
    throw new MlsError("WIRE_FORMAT_UNEXPECTED", "signed for another wire format", { section: "§6.1" });
  }
  if (content.sender.kind !== "member") {
    throw new MlsError("SENDER_INVALID", "only members send private messages", { section: "§6.3.2" });
  }
  const { leafIndex } = content.sender;
  const contentType = content.content.kind;
  const found = findSendKey(suite, keys.secretTree, leafIndex, ratchetTypeOf(contentType));
  const secretTree = useUpToSend(found, id);

  const reuseGuard = random.bytes(REUSE_GUARD_LENGTH);
  const nonce = guardedNonce(found.key.nonce, reuseGuard);
  const aads = aadsOf(content, contentType);
  const plaintext = writePrivateContent(content.content, authenticated.auth);
  let ciphertext: Uint8Array;
  try {
    ciphertext = await suite.seal(found.key.key, nonce, aads.content, plaintext.lend());
  } finally {
    plaintext.giveBack();
  }

  const senderData = encode(senderDataCodec, { leafIndex, generation: found.generation, reuseGuard });
  const outer = senderDataKey(suite, keys.senderDataSecret, ciphertext);
  const encryptedSenderData = await suite.seal(outer.key, outer.nonce, aads.senderData, senderData);
  return {
    message: encodePrivateMessage(aads.content, encryptedSenderData, ciphertext),
    secretTree,
    generation: found.generation,
  };
}

export interface OpenedPrivateMessage {
  readonly authenticated: AuthenticatedContent;
  /** Leaf index of the sender. */
  readonly sender: number;
  readonly generation: number;
  /** The tree in which this message's key is used up. */
  readonly secretTree: SecretTree;
}

/**
 * Decrypts and verifies a PrivateMessage. `signatureKeyOf` gives the signature key of a leaf, or undefined if it is
 * blank. Nothing is used up unless everything holds. Throws GROUP_MISMATCH, EPOCH_MISMATCH, AEAD_OPEN_FAILED,
 * SENDER_INVALID, OWN_MESSAGE, GENERATION_USED, GENERATION_TOO_FAR, PADDING_INVALID, SIGNATURE_INVALID, REPLAYED.
 * The confirmation tag of a commit is for the caller.
 */
export async function openPrivate(
  suite: CipherSuite,
  message: PrivateMessage,
  keys: PrivateMessageKeys,
  options: {
    readonly ownLeaf: number | undefined;
    readonly signatureKeyOf: (leaf: number) => Uint8Array | undefined;
    readonly limits?: RatchetLimits | undefined;
    /** In ms: the mark of keys that this message leaps over. */
    readonly now?: number | undefined;
  },
): Promise<OpenedPrivateMessage> {
  checkPlace(message, message.contentType, keys);
  const aads = aadsOf(message, message.contentType);
  const outer = senderDataKey(suite, keys.senderDataSecret, message.ciphertext);
  const opened = await suite.open(outer.key, outer.nonce, aads.senderData, message.encryptedSenderData);
  const { leafIndex, generation, reuseGuard } = decode(senderDataCodec, opened);
  const signatureKey = options.signatureKeyOf(leafIndex);
  if (signatureKey === undefined) {
    throw new MlsError("SENDER_INVALID", `leaf ${leafIndex} is blank`, { section: "§6.3.2" });
  }
  // Own keys are erased when they are used; and nobody else may move this member's sending ratchet.
  if (leafIndex === options.ownLeaf) throw new MlsError("OWN_MESSAGE", "a message of this very member");

  const type = ratchetTypeOf(message.contentType);
  const found = findReceiveKey(
    suite,
    keys.secretTree,
    leafIndex,
    type,
    generation,
    options.limits,
    options.now,
  );
  const nonce = guardedNonce(found.key.nonce, reuseGuard);
  const plaintext = await suite.open(found.key.key, nonce, aads.content, message.ciphertext);
  const { content: body, auth } = readPrivateContent(plaintext, message.contentType);

  const content: FramedContent = {
    groupId: message.groupId,
    epoch: message.epoch,
    sender: { kind: "member", leafIndex },
    authenticatedData: message.authenticatedData,
    content: body,
  };
  const signed = writeSignContent({ wireFormat: "privateMessage", content, groupContext: keys.groupContext });
  try {
    const bytes = signed.lend();
    const hashing = seenId(bytes); // beside the signature, where the platform can do both at once
    await verifySignContent(suite, bytes, signatureKey, auth.signature);
    return {
      authenticated: { wireFormat: "privateMessage", content, auth },
      sender: leafIndex,
      generation,
      secretTree: useUp(found, await hashing),
    };
  } finally {
    signed.giveBack();
  }
}

/** §6.3.1: handshake messages and application data have ratchets of their own. */
export function ratchetTypeOf(contentType: ContentType): RatchetType {
  return contentType === "application" ? "application" : "handshake";
}

/** PrivateContentAAD (§6.3.1), and SenderDataAAD (§6.3.2), which is how it begins. */
function aadsOf(
  { groupId, epoch, authenticatedData }: Pick<FramedContent, "groupId" | "epoch" | "authenticatedData">,
  contentType: ContentType,
): { readonly content: Uint8Array; readonly senderData: Uint8Array } {
  const writer = new Writer();
  writer.opaque(groupId);
  writer.uint64(epoch);
  contentTypeCodec.write(writer, contentType);
  const { length } = writer;
  writer.opaque(authenticatedData);
  const content = writer.finish();
  return { content, senderData: content.slice(0, length) };
}

interface SenderData {
  readonly leafIndex: number;
  readonly generation: number;
  readonly reuseGuard: Uint8Array;
}

const REUSE_GUARD_LENGTH = 4;
const senderDataCodec: Codec<SenderData> = {
  write(w, { leafIndex, generation, reuseGuard }) {
    w.uint(leafIndex, 4);
    w.uint(generation, 4);
    w.raw(reuseGuard);
  },
  read: (r) => ({ leafIndex: r.uint(4), generation: r.uint(4), reuseGuard: r.raw(REUSE_GUARD_LENGTH) }),
};

/** Key and nonce of the sender data, from a sample of the ciphertext (§6.3.2). */
export function senderDataKey(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  const sample = ciphertext.subarray(0, suite.hashLength);
  let expand = senderDataExpanders.get(senderDataSecret);
  if (expand === undefined) {
    expand = suite.expander(senderDataSecret);
    senderDataExpanders.set(senderDataSecret, expand);
  }
  return expand(sample, { key: suite.keyLength, nonce: suite.nonceLength });
}

/** One secret serves all messages of an epoch; no longer than it lives. */
const senderDataExpanders = new WeakMap<Uint8Array, Expander>();

function guardedNonce(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  const guarded = nonce.slice();
  for (let i = 0; i < REUSE_GUARD_LENGTH; i++) guarded[i] = (nonce[i] ?? 0) ^ (reuseGuard[i] ?? 0);
  return guarded;
}

function writePrivateContent(content: Content, auth: FramedContentAuthData): Writer {
  const writer = new Writer();
  contentBodyCodec.write(writer, content);
  authDataCodec(content.kind).write(writer, auth);
  writer.padTo(paddedLength(content.kind, writer.length));
  return writer;
}

/** Whether all bytes from there on are zeros; four at a time, because padding is most of a short message. */
function isZero(bytes: Uint8Array, from: number): boolean {
  const { buffer, byteOffset, length } = bytes;
  const start = Math.min(length, from + (-(byteOffset + from) & 3));
  const count = (length - start) >> 2;
  const end = start + 4 * count;
  let bits = 0;
  for (let i = from; i < start; i++) bits |= bytes[i] ?? 0;
  const words = new Uint32Array(buffer, count > 0 ? byteOffset + start : 0, count);
  for (let i = 0; i < count; i++) bits |= words[i] ?? 0;
  for (let i = end; i < length; i++) bits |= bytes[i] ?? 0;
  return bits === 0;
}

/** §6.3.1: what is left after content and auth data is padding, and must be zeros. */
function readPrivateContent(
  plaintext: Uint8Array,
  contentType: ContentType,
): { content: Content; auth: FramedContentAuthData } {
  const reader = new Reader(plaintext);
  const content = contentBodyCodec.read(reader, contentType);
  const auth = authDataCodec(contentType).read(reader);
  if (!isZero(plaintext, plaintext.length - reader.left)) {
    throw new MlsError("PADDING_INVALID", "the padding is not all zeros", { section: "§6.3.1" });
  }
  return { content, auth };
}
