import { sha256 } from "@noble/hashes/sha2.js";
import { ContentError } from "./content-error.ts";
import { toUtf8 } from "./utf8.ts";

/** `mimi://<host>/u/<user id>` */
export function senderUri(host: string, userId: string): string {
  return `mimi://${host}/u/${userId}`;
}

/** `mimi://<host>/r/<group id>` */
export function roomUri(host: string, groupId: string): string {
  return `mimi://${host}/r/${groupId}`;
}

export interface MessageIdInput {
  senderUri: string;
  roomUri: string;
  /** The whole encoded content. */
  message: Uint8Array;
  /** The content's salt. */
  salt: Uint8Array;
}

/**
 * The 32-byte message id (draft-ietf-mimi-content, "Message ID"): 0x01 for SHA-256, then 31 octets of
 * SHA-256(senderUriLength || senderUri || roomUriLength || roomUri || message || salt).
 */
export function messageId({ senderUri: sender, roomUri: room, message, salt }: MessageIdInput): Uint8Array {
  const hash = sha256.create();
  for (const uri of [toUtf8(sender), toUtf8(room)]) {
    if (uri.length > 0xffff) throw new ContentError("STRUCTURE", "a URI above 65,535 bytes");
    hash.update(Uint8Array.of(uri.length >> 8, uri.length & 0xff)).update(uri);
  }
  return Uint8Array.of(1, ...hash.update(message).update(salt).digest().subarray(0, 31));
}
