import type { Namespace } from "socket.io";

type Adapter = Namespace["adapter"];

/** What Engine.IO sends as it is, in place of framing the packet for each socket. */
interface PacketOptions {
  wsPreEncodedFrame?: Uint8Array[];
}
type Encode = (packet: unknown, options: PacketOptions) => readonly unknown[];

/**
 * A broadcast is framed once for all sockets, as one piece, instead of once for each and in two pieces. Socket.IO's
 * adapters do so for text only, and our packets are binary. Works on an adapter of any kind, in memory or over Redis.
 */
export function frameOnce(adapter: Adapter): void {
  const inherited: unknown = Reflect.get(adapter, "_encode");
  if (!isEncode(inherited)) return;
  const encode: Encode = (packet, options) => {
    const encoded = inherited.call(adapter, packet, options);
    const [only] = encoded;
    if (encoded.length === 1 && only instanceof Uint8Array) options.wsPreEncodedFrame = [frameOf(only)];
    return encoded;
  };
  Reflect.set(adapter, "_encode", encode);
}

function isEncode(value: unknown): value is Encode {
  return typeof value === "function";
}

/** A server's unmasked, final, binary WebSocket frame (RFC 6455 §5.2). */
function frameOf(payload: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + length);
  frame.writeUInt8(0x82, 0);
  frame.writeUInt8(extended === 0 ? length : extended === 2 ? 126 : 127, 1);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + extended);
  return frame;
}
