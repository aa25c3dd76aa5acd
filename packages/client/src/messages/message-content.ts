import {
  ContentError,
  decodeContent,
  encodeContent,
  messageId,
  plainText,
  roomUri,
  senderUri,
  textMessage,
  unreadableType,
} from "@thicket/content";
import { type AccountId, fromHex, type GroupId, toHex } from "@thicket/protocol";
import type { MessageBody } from "../api.ts";

/** Where a message is said and by whom: what its id is made of besides its bytes. */
export interface Saying {
  host: string;
  groupId: GroupId;
  author: AccountId;
}

/** A text as draft-ietf-mimi-content has it. `itemId` (16 bytes in hexadecimal) is its salt, so one act makes one message. */
export function encodeText(itemId: string, text: string): Uint8Array {
  return encodeContent(textMessage({ text, salt: fromHex(itemId) }));
}

export interface ReadMessage {
  itemId: string;
  mimiId: string;
  body: MessageBody;
}

/** What a decrypted message says; undefined where it isn't MIMI content. */
export function readMessage(saying: Saying, message: Uint8Array): ReadMessage | undefined {
  try {
    const content = decodeContent(message);
    const text = plainText(content);
    return {
      itemId: toHex(content.salt),
      mimiId: toHex(mimiIdOf(saying, message, content.salt)),
      body:
        text === undefined || content.replaces !== undefined
          ? { type: "unsupported", mediaType: unreadableType(content) }
          : { type: "text", text },
    };
  } catch (error) {
    if (error instanceof ContentError) return undefined;
    throw error;
  }
}

/** The message id, 32 bytes. */
export function mimiIdOf(
  { host, groupId, author }: Saying,
  message: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  return messageId({ senderUri: senderUri(host, author), roomUri: roomUri(host, groupId), message, salt });
}
