import type { ContentType } from "./message.ts";

/**
 * The length to which a PrivateMessageContent of `length` bytes is padded, so that its size tells little (RFC 9420
 * §15.1): 256, 1024, 2048 and then multiples of 4096 for text; multiples of 1024 for handshakes.
 */
export function paddedLength(contentType: ContentType, length: number): number {
  if (contentType !== "application") return Math.ceil(length / 1024) * 1024;
  if (length <= 256) return 256;
  if (length <= 2048) return Math.ceil(length / 1024) * 1024;
  return Math.ceil(length / 4096) * 4096;
}
