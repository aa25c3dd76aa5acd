import { decode } from "./codec/codec.ts";
import { MlsError } from "./errors.ts";
import { type ContentType, type GroupWireFormat, mlsMessageCodec } from "./framing/message.ts";

/** What a Delivery Service may read of a group message. */
export interface MessageHeader {
  readonly wireFormat: GroupWireFormat;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentType: ContentType;
}

/**
 * The clear header of an encoded MLSMessage to a group. The whole structure is decoded, so malformed bytes are
 * refused here: throws MlsError DECODE_, VERSION_UNSUPPORTED, and WIRE_FORMAT_UNEXPECTED for other kinds of message.
 */
export function parseHeader(message: Uint8Array): MessageHeader {
  const decoded = decode(mlsMessageCodec, message);
  switch (decoded.kind) {
    case "privateMessage": {
      const { groupId, epoch, contentType } = decoded.privateMessage;
      return { wireFormat: decoded.kind, groupId, epoch, contentType };
    }
    case "publicMessage": {
      const { groupId, epoch, content } = decoded.publicMessage.content;
      return { wireFormat: decoded.kind, groupId, epoch, contentType: content.kind };
    }
    case "welcome":
    case "groupInfo":
    case "keyPackage":
      throw new MlsError("WIRE_FORMAT_UNEXPECTED", `a ${decoded.kind} is not a message to a group`);
  }
}
