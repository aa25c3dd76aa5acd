import { encode, opaque, struct, u16, u64 } from "./codec/codec.ts";
import { type Extension, extensionsCodec } from "./extension.ts";
import { behindVersion } from "./version.ts";

/** RFC 9420 §8.1; its version is always mls10. */
export interface GroupContext {
  readonly cipherSuite: number;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly treeHash: Uint8Array;
  readonly confirmedTranscriptHash: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** GroupContext of §8.1, behind its version. */
export const groupContextCodec = behindVersion(
  struct<GroupContext>({
    cipherSuite: u16,
    groupId: opaque,
    epoch: u64,
    treeHash: opaque,
    confirmedTranscriptHash: opaque,
    extensions: extensionsCodec,
  }),
);

export const encodeGroupContext = (context: GroupContext): Uint8Array => encode(groupContextCodec, context);
