import { codec, type Codec, decode, encode, type Extension, findExtension, MlsError } from "@thicket/mls";
import { fromUtf8, toUtf8 } from "@thicket/content";
import { POLICY_VERSION } from "./policy.ts";

/** LeafNode extension that says what its member understands (private use range of RFC 9420 §17.3). */
export const LEAF_PROFILE_EXTENSION = 0xf002;

/** What a member's client understands: signed with its leaf, so that all judge by the same. */
export interface LeafProfile {
  /** Forms of the policy that it reads: a group may only have one that every leaf lists. */
  policyVersions: readonly number[];
  /** Media types of application messages that it takes. */
  contentTypes: readonly string[];
}

export const OWN_LEAF_PROFILE: LeafProfile = {
  policyVersions: [POLICY_VERSION],
  contentTypes: ["application/mimi-content"],
};

export function encodeLeafProfile(profile: LeafProfile): Extension {
  return { type: LEAF_PROFILE_EXTENSION, data: encode(profileCodec, profile) };
}

/** The profile among a leaf's extensions; undefined where there is none or it can't be read. */
export function readLeafProfile(extensions: readonly Extension[]): LeafProfile | undefined {
  const data = findExtension(extensions, LEAF_PROFILE_EXTENSION);
  if (data === undefined) return undefined;
  try {
    return decode(profileCodec, data);
  } catch (error) {
    if (error instanceof MlsError) return undefined;
    throw error;
  }
}

const mediaType: Codec<string> = {
  write: (writer, value) => writer.opaque(toUtf8(value)),
  read(reader) {
    const value = fromUtf8(reader.opaque());
    if (value === undefined || !/^[\x21-\x7e]{1,127}$/.test(value)) {
      throw new MlsError("DECODE_VALUE", "not a media type");
    }
    return value;
  },
};

const profileCodec: Codec<LeafProfile> = codec.struct<LeafProfile>({
  policyVersions: codec.vector(codec.u16),
  contentTypes: codec.vector(mediaType),
});
