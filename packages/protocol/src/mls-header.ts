import { toHex } from "./bytes.ts";

/** RFC 9420 §6: the content types of a FramedContent. */
export type MlsContentType = "application" | "proposal" | "commit";

/** What the DS may read of a message: RFC 9420 §6.3.1, the clear fields before authenticated_data. */
export interface MlsHeader {
  groupId: string;
  epoch: number;
  kind: MlsContentType;
}

const KINDS: Record<number, MlsContentType> = { 1: "application", 2: "proposal", 3: "commit" };

/**
 * Reads the header of an MLSMessage that holds a PrivateMessage (version mls10, wire format 2).
 * `"public"` for a PublicMessage (refused: D3), undefined for anything else or too short.
 */
export function readMlsHeader(message: Uint8Array): MlsHeader | "public" | undefined {
  if (message.length < 5) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint16(0) !== 1) return undefined;
  const wireFormat = view.getUint16(2);
  if (wireFormat === 1) return "public";
  if (wireFormat !== 2) return undefined;
  // Group ids are 32 bytes (LOC-3), so their length prefix is the single byte 32 (§2.1.2).
  const end = 5 + 32 + 8 + 1;
  if (view.getUint8(4) !== 32 || message.length < end) return undefined;
  const epoch = view.getBigUint64(37);
  const kind = KINDS[view.getUint8(45)];
  if (kind === undefined || epoch > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { groupId: toHex(message.subarray(5, 37)), epoch: Number(epoch), kind };
}
