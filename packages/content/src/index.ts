export { ContentError, type ContentErrorCode } from "./content-error.ts";
export { decodeContent } from "./decode-content.ts";
export { encodeContent } from "./encode-content.ts";
export { messageId, type MessageIdInput, roomUri, senderUri } from "./message-id.ts";
export {
  DISPOSITION,
  type Expiration,
  type Extensions,
  type ExternalPart,
  type MimiContent,
  type MultiPart,
  type NestedPart,
  type NullPart,
  type SinglePart,
} from "./mimi-content.ts";
export { plainText, type TextMessage, textMessage, unreadableType } from "./plain-text.ts";
export { fromUtf8, toUtf8 } from "./utf8.ts";
