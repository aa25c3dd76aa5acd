import { codec, type Codec, decode, encode, MlsError } from "@thicket/mls";

/**
 * The authenticated data of an application message (REC-12): clear to the relay and bound by the sender's signature,
 * so nothing personal stands in it.
 */
export interface MessageHeader {
  version: 1;
  /** The sender's time (ms). */
  at: bigint;
  /** Message id of draft-ietf-mimi-content, 32 bytes. */
  messageId: Uint8Array;
}

export function encodeMessageHeader(header: MessageHeader): Uint8Array {
  return encode(headerCodec, header);
}

export function readMessageHeader(bytes: Uint8Array): MessageHeader | undefined {
  try {
    return decode(headerCodec, bytes);
  } catch (error) {
    if (error instanceof MlsError) return undefined;
    throw error;
  }
}

const version: Codec<1> = {
  write: (writer) => writer.uint(1, 1),
  read(reader) {
    if (reader.uint(1) !== 1) throw new MlsError("DECODE_VALUE", "another version of the header");
    return 1;
  },
};

const headerCodec: Codec<MessageHeader> = codec.struct<MessageHeader>({
  version,
  at: codec.u64,
  messageId: codec.fixed(32),
});
