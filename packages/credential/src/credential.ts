import { type Codec, type Credential, MlsError, codec, encode } from "@thicket/mls/public";
import { type Attestation, attestationCodec } from "./attestation.ts";
import { type DeviceCertificate, deviceCertificateCodec } from "./device-certificate.ts";
import { type LeafBinding, leafBindingCodec } from "./leaf-binding.ts";
import { type Read, readWhole } from "./read.ts";
import { id, publicKey } from "./signed-content.ts";

/** The MLS credential type (RFC 9420 §17.5, private use range) whose content is a {@link DeviceCredential}. */
export const CREDENTIAL_TYPE = 0xf0c1;

/**
 * The three-part credential: an AS attests a handle and a root key, the root signs the device,
 * the device signs the leaf. Everything needed to judge it is inside.
 */
export interface DeviceCredential {
  version: 1;
  /** 16 bytes. */
  userId: Uint8Array;
  /** Ed25519, 32 bytes. */
  rootKey: Uint8Array;
  attestation: Attestation;
  device: DeviceCertificate;
  leaf: LeafBinding;
}

/** A credential from its three signed parts; `checkCredential` tells whether they fit together. */
export function assembleCredential(
  attestation: Attestation,
  device: DeviceCertificate,
  leaf: LeafBinding,
): DeviceCredential {
  return { version: 1, userId: attestation.userId, rootKey: attestation.rootKey, attestation, device, leaf };
}

export function encodeCredential(credential: DeviceCredential): Uint8Array {
  return encode(credentialCodec, credential);
}

/** Structure only: nothing is verified. `VERSION_UNSUPPORTED` where the first byte names a later form. */
export function readCredential(
  bytes: Uint8Array,
): Read<DeviceCredential> | { ok: false; reason: "VERSION_UNSUPPORTED" } {
  if (bytes.length > 0 && bytes[0] !== 1) return { ok: false, reason: "VERSION_UNSUPPORTED" };
  return readWhole(credentialCodec, bytes);
}

/** The bytes as an MLS credential (RFC 9420 §5.3). */
export function toMlsCredential(bytes: Uint8Array): Credential {
  return { kind: "other", type: CREDENTIAL_TYPE, body: bytes };
}

/** The bytes inside an MLS credential of our type; undefined for any other type. */
export function fromMlsCredential(credential: Credential): Uint8Array | undefined {
  return credential.kind === "other" && credential.type === CREDENTIAL_TYPE ? credential.body : undefined;
}

const version: Codec<1> = {
  write: (writer) => writer.uint(1, 1),
  read(reader) {
    if (reader.uint(1) !== 1) throw new MlsError("DECODE_VALUE", "another version of the credential");
    return 1;
  },
};

const credentialCodec: Codec<DeviceCredential> = codec.struct<DeviceCredential>({
  version,
  userId: id,
  rootKey: publicKey,
  attestation: attestationCodec,
  device: deviceCertificateCodec,
  leaf: leafBindingCodec,
});
