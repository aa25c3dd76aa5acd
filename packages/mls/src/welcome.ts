import { encode, opaque, optional, struct, u16, u32, vector } from "./codec/codec.ts";
import type { CipherSuite, SignaturePrivateKey } from "./crypto/cipher-suite.ts";
import { type HpkeCiphertext, hpkeCiphertextCodec } from "./crypto/hpke.ts";
import { type Extension, extensionsCodec } from "./extension.ts";
import { type GroupContext, groupContextCodec } from "./group-context.ts";
import { type PreSharedKeyId, preSharedKeyIdCodec } from "./proposal.ts";

/** A GroupInfo before it is signed. */
export interface UnsignedGroupInfo {
  readonly groupContext: GroupContext;
  readonly extensions: readonly Extension[];
  readonly confirmationTag: Uint8Array;
  /** Leaf index of the member who signs. */
  readonly signer: number;
}

/** RFC 9420 §12.4.3 */
export interface GroupInfo extends UnsignedGroupInfo {
  readonly signature: Uint8Array;
}

/** RFC 9420 §12.4.3.1 */
export interface GroupSecrets {
  readonly joinerSecret: Uint8Array;
  readonly pathSecret: Uint8Array | undefined;
  readonly psks: readonly PreSharedKeyId[];
}

export interface EncryptedGroupSecrets {
  /** KeyPackageRef */
  readonly newMember: Uint8Array;
  readonly encryptedGroupSecrets: HpkeCiphertext;
}

/** RFC 9420 §12.4.3.1 */
export interface Welcome {
  readonly cipherSuite: number;
  readonly secrets: readonly EncryptedGroupSecrets[];
  readonly encryptedGroupInfo: Uint8Array;
}

const unsignedFields = {
  groupContext: groupContextCodec,
  extensions: extensionsCodec,
  confirmationTag: opaque,
  signer: u32,
};

const unsignedGroupInfoCodec = struct<UnsignedGroupInfo>(unsignedFields);
export const groupInfoCodec = struct<GroupInfo>({ ...unsignedFields, signature: opaque });

// PathSecret is a struct of one opaque field, which adds no bytes.
export const groupSecretsCodec = struct<GroupSecrets>({
  joinerSecret: opaque,
  pathSecret: optional(opaque),
  psks: vector(preSharedKeyIdCodec),
});

export const welcomeCodec = struct<Welcome>({
  cipherSuite: u16,
  secrets: vector(
    struct<EncryptedGroupSecrets>({ newMember: opaque, encryptedGroupSecrets: hpkeCiphertextCodec }),
  ),
  encryptedGroupInfo: opaque,
});

export async function signGroupInfo(
  suite: CipherSuite,
  groupInfo: UnsignedGroupInfo,
  privateKey: SignaturePrivateKey,
): Promise<GroupInfo> {
  const tbs = encode(unsignedGroupInfoCodec, groupInfo);
  return { ...groupInfo, signature: await suite.signWithLabel(privateKey, "GroupInfoTBS", tbs) };
}

/** Whether the signature is valid under the signer's key, which comes from the tree (§12.4.3). */
export function verifyGroupInfo(
  suite: CipherSuite,
  groupInfo: GroupInfo,
  signatureKey: Uint8Array,
): Promise<boolean> {
  const tbs = encode(unsignedGroupInfoCodec, groupInfo);
  return suite.verifyWithLabel(signatureKey, "GroupInfoTBS", tbs, groupInfo.signature);
}
