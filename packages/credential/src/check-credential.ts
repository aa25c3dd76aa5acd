import { equalBytes } from "@thicket/mls/public";
import { type AsKey, type Attestation, encodeAttestation, verifyAttestation } from "./attestation.ts";
import { type DeviceCredential, readCredential } from "./credential.ts";
import {
  type DeviceCertificate,
  encodeDeviceCertificate,
  verifyDeviceCertificate,
} from "./device-certificate.ts";
import { verifyLeafBinding } from "./leaf-binding.ts";
import {
  ATTESTATION_MAX_SECONDS,
  DEVICE_CERTIFICATE_MAX_SECONDS,
  isOrdered,
  isWithin,
  lasts,
} from "./lifetime.ts";
import type { Verify } from "./signed-content.ts";
import type { VerifiedCache } from "./verified-cache.ts";

/** What a credential is held against: the leaf that carries it and the group's signed policy. */
export interface CredentialPolicy {
  /** The leaf's signature_key. */
  leafSignatureKey: Uint8Array;
  cipherSuite: number;
  /** The AS keys that the group trusts. */
  trustedAsKeys: readonly AsKey[];
  verify: Verify;
  /** Attestations and device certificates that were verified before; filled as we go. */
  cache?: VerifiedCache;
}

/** Why a credential isn't valid. The same bytes and policy give the same reason on every device. */
export type CredentialFailure =
  | "MALFORMED"
  | "VERSION_UNSUPPORTED"
  | ChainFailure
  | "LEAF_USER_MISMATCH"
  | "LEAF_DEVICE_MISMATCH"
  | "LEAF_KEY_MISMATCH"
  | "CIPHER_SUITE_MISMATCH"
  | "LEAF_DATES_DISORDERED"
  | "LEAF_OUTSIDE_ATTESTATION"
  | "LEAF_OUTSIDE_DEVICE"
  | "LEAF_SIGNATURE_INVALID";

/** What can be wrong with an attestation and a device certificate, with or without a leaf. */
export type ChainFailure =
  | "USER_MISMATCH"
  | "ROOT_KEY_MISMATCH"
  | "ATTESTATION_DATES_DISORDERED"
  | "ATTESTATION_TOO_LONG"
  | "DEVICE_DATES_DISORDERED"
  | "DEVICE_TOO_LONG"
  | "AS_KEY_UNTRUSTED"
  | "ATTESTATION_SIGNATURE_INVALID"
  | "DEVICE_SIGNATURE_INVALID";

export type CredentialVerdict =
  | { ok: true; credential: DeviceCredential }
  | { ok: false; reason: CredentialFailure };

/**
 * Whether a credential is valid: three signatures, equal ids and keys, ordered dates, lifetimes within bounds.
 * A function of the bytes and the policy alone. Dates are compared with each other and never with a clock, so
 * that no clock can fork a group; expiry is policy and is judged elsewhere.
 */
export async function checkCredential(
  bytes: Uint8Array,
  policy: CredentialPolicy,
): Promise<CredentialVerdict> {
  const read = readCredential(bytes);
  if (!read.ok) return read;
  const credential = read.value;
  const reason =
    (await chainFailure({ ...policy, ...credential })) ??
    leafFailure(credential, policy) ??
    (await leafSignatureFailure(credential, policy.verify));
  return reason === undefined ? { ok: true, credential } : { ok: false, reason };
}

/** What {@link chainFailure} judges. `userId` and `rootKey` are what both parts must name. */
export interface Chain {
  userId: Uint8Array;
  rootKey: Uint8Array;
  attestation: Attestation;
  device: DeviceCertificate;
  trustedAsKeys: readonly AsKey[];
  verify: Verify;
  cache?: VerifiedCache;
}

/** The first thing wrong with an attestation and the device certificate under it; undefined where nothing is. */
export async function chainFailure(chain: Chain): Promise<ChainFailure | undefined> {
  return chainContentFailure(chain) ?? (await attestationFailure(chain)) ?? (await deviceFailure(chain));
}

function chainContentFailure({ userId, rootKey, attestation, device }: Chain): ChainFailure | undefined {
  if (!equalBytes(userId, attestation.userId) || !equalBytes(userId, device.userId)) return "USER_MISMATCH";
  if (!equalBytes(rootKey, attestation.rootKey)) return "ROOT_KEY_MISMATCH";
  if (!isOrdered(attestation)) return "ATTESTATION_DATES_DISORDERED";
  if (lasts(attestation) > ATTESTATION_MAX_SECONDS) return "ATTESTATION_TOO_LONG";
  if (!isOrdered(device)) return "DEVICE_DATES_DISORDERED";
  if (lasts(device) > DEVICE_CERTIFICATE_MAX_SECONDS) return "DEVICE_TOO_LONG";
  return undefined;
}

async function attestationFailure(chain: Chain): Promise<ChainFailure | undefined> {
  const { attestation, verify, cache } = chain;
  const named = chain.trustedAsKeys.filter((key) => equalBytes(key.keyId, attestation.asKeyId));
  if (named.length === 0) return "AS_KEY_UNTRUSTED";
  const encoded = encodeAttestation(attestation);
  for (const { publicKey } of named) {
    if (cache?.has(publicKey, encoded) === true) return undefined;
    if (await verifyAttestation(verify, publicKey, attestation)) {
      cache?.add(publicKey, encoded);
      return undefined;
    }
  }
  return "ATTESTATION_SIGNATURE_INVALID";
}

async function deviceFailure({ rootKey, device, verify, cache }: Chain): Promise<ChainFailure | undefined> {
  const encoded = encodeDeviceCertificate(device);
  if (cache?.has(rootKey, encoded) === true) return undefined;
  if (!(await verifyDeviceCertificate(verify, rootKey, device))) return "DEVICE_SIGNATURE_INVALID";
  cache?.add(rootKey, encoded);
  return undefined;
}

function leafFailure(
  { userId, attestation, device, leaf }: DeviceCredential,
  policy: CredentialPolicy,
): CredentialFailure | undefined {
  if (!equalBytes(leaf.userId, userId)) return "LEAF_USER_MISMATCH";
  if (!equalBytes(leaf.deviceId, device.deviceId)) return "LEAF_DEVICE_MISMATCH";
  if (!equalBytes(leaf.leafSignatureKey, policy.leafSignatureKey)) return "LEAF_KEY_MISMATCH";
  if (leaf.cipherSuite !== policy.cipherSuite) return "CIPHER_SUITE_MISMATCH";
  if (!isOrdered(leaf)) return "LEAF_DATES_DISORDERED";
  if (!isWithin(leaf.notAfter, attestation)) return "LEAF_OUTSIDE_ATTESTATION";
  if (!isWithin(leaf.notAfter, device)) return "LEAF_OUTSIDE_DEVICE";
  return undefined;
}

async function leafSignatureFailure(
  { device, leaf }: DeviceCredential,
  verify: Verify,
): Promise<CredentialFailure | undefined> {
  return (await verifyLeafBinding(verify, device.deviceKey, leaf)) ? undefined : "LEAF_SIGNATURE_INVALID";
}
