import { type Codec, codec, encode } from "@thicket/mls/public";
import type { Lifetime } from "./lifetime.ts";
import { type Read, readWhole } from "./read.ts";
import { type Signer, type Verify, id, publicKey, signature, signedContent } from "./signed-content.ts";

/** What the user's root says: this device is mine. */
export interface DeviceCertificateContent extends Lifetime {
  /** 16 bytes. */
  userId: Uint8Array;
  /** 16 bytes; unique only beside its user id. */
  deviceId: Uint8Array;
  /** Ed25519, 32 bytes. */
  deviceKey: Uint8Array;
  /** Never falls from one certificate of a device to the next. */
  deviceSeq: number;
}

export interface DeviceCertificate extends DeviceCertificateContent {
  signature: Uint8Array;
}

/** Signs with the root key. */
export async function signDeviceCertificate(
  sign: Signer,
  content: DeviceCertificateContent,
): Promise<DeviceCertificate> {
  return { ...content, signature: await sign(deviceMessage(content)) };
}

/** Whether this root key made the signature; says nothing of the content. */
export function verifyDeviceCertificate(
  verify: Verify,
  rootKey: Uint8Array,
  certificate: DeviceCertificate,
): Promise<boolean> {
  return verify(rootKey, deviceMessage(certificate), certificate.signature);
}

export function encodeDeviceCertificate(certificate: DeviceCertificate): Uint8Array {
  return encode(deviceCertificateCodec, certificate);
}

/** Structure only: neither signature nor dates are judged. */
export function readDeviceCertificate(bytes: Uint8Array): Read<DeviceCertificate> {
  return readWhole(deviceCertificateCodec, bytes);
}

const contentFields = {
  userId: id,
  deviceId: id,
  deviceKey: publicKey,
  deviceSeq: codec.u32,
  notBefore: codec.u64,
  notAfter: codec.u64,
};
const contentCodec: Codec<DeviceCertificateContent> = codec.struct<DeviceCertificateContent>(contentFields);
export const deviceCertificateCodec: Codec<DeviceCertificate> = codec.struct<DeviceCertificate>({
  ...contentFields,
  signature,
});

function deviceMessage(content: DeviceCertificateContent): Uint8Array {
  return signedContent("Thicket 1.0 device", contentCodec, content);
}
