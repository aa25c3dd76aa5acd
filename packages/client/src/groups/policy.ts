import type { AsKey } from "@thicket/credential";
import { codec, type Codec, decode, encode, type Extension, findExtension, MlsError } from "@thicket/mls";
import { type AccountId, fromHex, toHex } from "@thicket/protocol";
import { parseAccountId } from "../identity/parse-ids.ts";
import { fromUtf8, toUtf8 } from "@thicket/content";

/** GroupContext extension that holds the group's policy (private use range of RFC 9420 §17.3). */
export const POLICY_EXTENSION = 0xf001;
/** The form of the policy that this version writes and reads. */
export const POLICY_VERSION = 1;
/** UTF-8 bytes. */
export const TITLE_MAX = 256;

/**
 * What the members of a group have agreed on: in every member's signed and hashed group context, so that all judge
 * by the same.
 */
export interface GroupPolicy {
  version: number;
  kind: "group" | "direct";
  /** The host part of `mimi://` ids, fixed when the group was created. */
  host: string;
  /** Empty where there is none. */
  title: string;
  /** 32 bytes: makes seat ids from leaf signature keys. */
  seatKey: Uint8Array;
  /** The AS keys whose attestations count here. */
  trustedAsKeys: readonly AsKey[];
  mayAdd: "admins" | "all";
  /** Sorted. */
  admins: readonly AccountId[];
}

export function encodePolicy(policy: GroupPolicy): Extension {
  return { type: POLICY_EXTENSION, data: encode(policyCodec, policy) };
}

/** The policy among a group's extensions; undefined where there is none or it can't be read, a later version included. */
export function readPolicy(extensions: readonly Extension[]): GroupPolicy | undefined {
  const data = findExtension(extensions, POLICY_EXTENSION);
  if (data === undefined) return undefined;
  try {
    return decode(policyCodec, data);
  } catch (error) {
    if (error instanceof MlsError) return undefined;
    throw error;
  }
}

const HOST_MAX = 255;

const version: Codec<number> = codec.checked(codec.u16, (value) => {
  if (value !== POLICY_VERSION) throw new MlsError("DECODE_VALUE", "another version of the policy");
});

/** Well-formed text of at most `max` bytes: one spelling each way. */
function text(max: number): Codec<string> {
  return {
    write(writer, value) {
      const bytes = toUtf8(value);
      if (bytes.length > max || fromUtf8(bytes) !== value) {
        throw new MlsError("ENCODE_RANGE", "text that is too long or not well-formed");
      }
      writer.opaque(bytes);
    },
    read(reader) {
      const bytes = reader.opaque();
      const value = bytes.length > max ? undefined : fromUtf8(bytes);
      if (value === undefined) throw new MlsError("DECODE_VALUE", "text that is too long or not UTF-8");
      return value;
    },
  };
}

const accountId: Codec<AccountId> = {
  write: (writer, value) => writer.raw(fromHex(value)),
  read: (reader) => parseAccountId(toHex(reader.raw(16))),
};

/** Sorted and without repetition, so that one set has one encoding. */
const accountIds: Codec<readonly AccountId[]> = codec.checked(codec.vector(accountId), (ids) => {
  if (ids.some((id, index) => index > 0 && id <= (ids[index - 1] ?? ""))) {
    throw new MlsError("DECODE_VALUE", "admins out of order");
  }
});

const asKey: Codec<AsKey> = codec.struct<AsKey>({
  keyId: codec.fixed(8),
  publicKey: codec.checked(codec.opaque, (key) => {
    if (key.length !== 32) throw new MlsError("DECODE_VALUE", "an AS key of another length");
  }),
});

const policyCodec: Codec<GroupPolicy> = codec.struct<GroupPolicy>({
  version,
  kind: codec.enumeration(codec.u8, { group: 1, direct: 2 }),
  host: codec.checked(text(HOST_MAX), (host) => {
    if (host.length === 0) throw new MlsError("DECODE_VALUE", "a policy without host");
  }),
  title: text(TITLE_MAX),
  seatKey: codec.fixed(32),
  trustedAsKeys: codec.checked(codec.vector(asKey), (keys) => {
    if (keys.length === 0 || keys.length > 16) throw new MlsError("DECODE_VALUE", "no AS key, or too many");
  }),
  mayAdd: codec.enumeration(codec.u8, { admins: 1, all: 2 }),
  admins: accountIds,
});
