import { type Epoch, fromHex, type GroupId, type MlsContentType } from "@thicket/protocol";

const CONTENT_TYPES: Record<MlsContentType, number> = { application: 1, proposal: 2, commit: 3 };

/**
 * An MLSMessage of which the part that the DS reads is real (RFC 9420 §6.3.1) and the ciphertext is `content`:
 * to the DS they look alike.
 */
export function privateMessage(
  groupId: GroupId,
  epoch: Epoch | number,
  kind: MlsContentType,
  content: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(5 + 32 + 8 + 1 + content.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, 1); // mls10
  view.setUint16(2, 2); // mls_private_message
  view.setUint8(4, 32);
  message.set(fromHex(groupId), 5);
  view.setBigUint64(37, BigInt(epoch));
  view.setUint8(45, CONTENT_TYPES[kind]);
  message.set(content, 46);
  return message;
}
