import { concatBytes } from "@noble/hashes/utils.js";
import { decode, encode } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import { signContent } from "../framing/authenticate.ts";
import {
  type AuthenticatedContent,
  authDataCodec,
  contentTypeCodec,
  type ContentType,
  mlsMessageCodec,
  contentBodyCodec,
} from "../framing/message.ts";
import { openPrivate, ratchetTypeOf, senderDataKey } from "../framing/private-message.ts";
import { protectPublic } from "../framing/public-message.ts";
import type { GroupState } from "../group/group-state.ts";
import { DEFAULT_RATCHET_LIMITS } from "../schedule/ratchet.ts";
import { findReceiveKey } from "../schedule/secret-tree.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { Dice } from "./dice.ts";

/** What a message says, as a member reads it without any of the engine's questions about who it is from. */
export async function contentOfMessage(
  state: GroupState,
  bytes: Uint8Array,
): Promise<AuthenticatedContent | undefined> {
  const message = decode(mlsMessageCodec, bytes);
  if (message.kind === "publicMessage") {
    const { content, auth } = message.publicMessage;
    return { wireFormat: "publicMessage", content, auth };
  }
  if (message.kind !== "privateMessage") return undefined;
  const { context, encodedContext, secrets, secretTree } = state;
  const keys = {
    groupId: context.groupId,
    epoch: context.epoch,
    groupContext: encodedContext,
    senderDataSecret: secrets.senderDataSecret,
    secretTree,
  };
  const signatureKeyOf = (leaf: number): Uint8Array | undefined => leafAt(state.tree, leaf)?.signatureKey;
  const opened = await openPrivate(state.suite, message.privateMessage, keys, {
    ownLeaf: undefined,
    signatureKeyOf,
  });
  return opened.authenticated;
}

/** The content signed anew by this member, whoever it says that it is from. */
export async function signAnew(
  state: GroupState,
  authenticated: AuthenticatedContent,
): Promise<AuthenticatedContent> {
  const { wireFormat, content, auth } = authenticated;
  const signed = { wireFormat, content, groupContext: state.encodedContext };
  return {
    ...authenticated,
    auth: { ...auth, signature: await signContent(state.suite, signed, state.signatureKey) },
  };
}

/** As a PublicMessage under the group's own membership key. */
export function sealPublic(state: GroupState, authenticated: AuthenticatedContent): Uint8Array {
  const { context, encodedContext, secrets } = state;
  const publicMessage = protectPublic(state.suite, authenticated, {
    groupId: context.groupId,
    epoch: context.epoch,
    groupContext: encodedContext,
    membershipKey: secrets.membershipKey,
  });
  return encode(mlsMessageCodec, { kind: "publicMessage", publicMessage });
}

/**
 * As a PrivateMessage under any leaf's key of any generation: every member has them all. `plaintext` changes what is
 * sealed, padding included.
 */
export async function sealPrivate(
  state: GroupState,
  authenticated: AuthenticatedContent,
  at: { readonly leaf: number; readonly keyLeaf: number; readonly generation: number },
  plaintext: (honest: Uint8Array) => Uint8Array,
  dice: Dice,
): Promise<Uint8Array> {
  const { suite, secretTree, secrets } = state;
  const { groupId, epoch, authenticatedData, content } = authenticated.content;
  const contentType = content.kind;
  const { key } = findReceiveKey(
    suite,
    secretTree,
    at.keyLeaf,
    ratchetTypeOf(contentType),
    at.generation,
    FORGER_LIMITS,
  );
  const reuseGuard = dice.bytes(4);
  const nonce = key.nonce.map((byte, i) => byte ^ (reuseGuard[i] ?? 0));
  const writer = new Writer();
  contentBodyCodec.write(writer, content);
  authDataCodec(contentType).write(writer, authenticated.auth);
  const sealed = plaintext(concatBytes(writer.finish(), new Uint8Array(dice.below(40))));
  const aad = placeBytes(groupId, epoch, contentType, authenticatedData);
  const ciphertext = await suite.seal(key.key, nonce, aad, sealed);
  const senderData = new Writer();
  senderData.uint(at.leaf, 4);
  senderData.uint(at.generation, 4);
  senderData.raw(reuseGuard);
  const outer = senderDataKey(suite, secrets.senderDataSecret, ciphertext);
  const outerAad = placeBytes(groupId, epoch, contentType);
  const encryptedSenderData = await suite.seal(outer.key, outer.nonce, outerAad, senderData.finish());
  return encode(mlsMessageCodec, {
    kind: "privateMessage",
    privateMessage: { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext },
  });
}

/** The forger leaps further than the engine lets others. */
const FORGER_LIMITS = { ...DEFAULT_RATCHET_LIMITS, maxForward: 2000 };

/** PrivateContentAAD, or SenderDataAAD without the authenticated data (RFC 9420 §6.3.1, §6.3.2). */
function placeBytes(
  groupId: Uint8Array,
  epoch: bigint,
  contentType: ContentType,
  authenticatedData?: Uint8Array,
): Uint8Array {
  const writer = new Writer();
  writer.opaque(groupId);
  writer.uint64(epoch);
  contentTypeCodec.write(writer, contentType);
  if (authenticatedData !== undefined) writer.opaque(authenticatedData);
  return writer.finish();
}
