import { type Codec, codec } from "@thicket/mls/public";
import { type AsKey, type Attestation, readAttestation } from "./attestation.ts";
import { type ChainFailure, chainFailure } from "./check-credential.ts";
import { type DeviceCertificate, readDeviceCertificate } from "./device-certificate.ts";
import { type Signer, type Verify, ascii, signedContent } from "./signed-content.ts";
import type { VerifiedCache } from "./verified-cache.ts";

/**
 * What a device signs to log in: bound to one service, one connection and the place where it was made, so that
 * what one service receives opens nothing elsewhere.
 */
export interface LoginChallenge {
  role: "ds" | "as";
  /** 32 bytes from the service's `hello`, used once. */
  nonce: Uint8Array;
  /** Scheme, host and port of the service as the client reached it; ASCII. */
  origin: string;
  /** The id of the socket; ASCII. */
  socketId: string;
}

/** Signs with the device key. */
export function signLogin(sign: Signer, challenge: LoginChallenge): Promise<Uint8Array> {
  return sign(loginMessage(challenge));
}

/** What a device shows: both encoded, and its signature over the challenge. */
export interface LoginProof {
  attestation: Uint8Array;
  deviceCertificate: Uint8Array;
  signature: Uint8Array;
}

export interface LoginPolicy {
  trustedAsKeys: readonly AsKey[];
  /** Seconds since 1970 UTC. */
  now: bigint;
  /** The AS lets a device in whose attestation has run out, since it comes for the next one. */
  attestationMayBeExpired?: boolean;
  verify: Verify;
  cache?: VerifiedCache;
}

export type LoginFailure =
  | "MALFORMED"
  | ChainFailure
  | "ATTESTATION_EXPIRED"
  | "DEVICE_EXPIRED"
  | "LOGIN_SIGNATURE_INVALID";

export type LoginVerdict =
  | { ok: true; attestation: Attestation; device: DeviceCertificate }
  | { ok: false; reason: LoginFailure };

/** Whether the proof opens this connection for the device that it names. Revocation is the caller's to check. */
export async function checkLogin(
  proof: LoginProof,
  challenge: LoginChallenge,
  policy: LoginPolicy,
): Promise<LoginVerdict> {
  const attestation = readAttestation(proof.attestation);
  const device = readDeviceCertificate(proof.deviceCertificate);
  if (!attestation.ok || !device.ok) return { ok: false, reason: "MALFORMED" };
  const shown = { attestation: attestation.value, device: device.value };
  const { userId, rootKey } = shown.attestation;
  const reason =
    expiry(shown.attestation, shown.device, policy) ??
    (await chainFailure({ ...policy, ...shown, userId, rootKey }));
  if (reason !== undefined) return { ok: false, reason };
  const signed = await policy.verify(shown.device.deviceKey, loginMessage(challenge), proof.signature);
  return signed ? { ok: true, ...shown } : { ok: false, reason: "LOGIN_SIGNATURE_INVALID" };
}

// A service may look at its clock: it decides who may connect, not which commits are valid.
function expiry(
  attestation: Attestation,
  device: DeviceCertificate,
  policy: LoginPolicy,
): LoginFailure | undefined {
  if (policy.attestationMayBeExpired !== true && attestation.notAfter < policy.now)
    return "ATTESTATION_EXPIRED";
  return device.notAfter < policy.now ? "DEVICE_EXPIRED" : undefined;
}

const role: Codec<"ds" | "as"> = codec.enumeration(codec.u8, { ds: 1, as: 2 });
const challengeCodec: Codec<LoginChallenge> = codec.struct<LoginChallenge>({
  role,
  nonce: codec.fixed(32),
  origin: ascii,
  socketId: ascii,
});

function loginMessage(challenge: LoginChallenge): Uint8Array {
  return signedContent("Thicket 1.0 login", challengeCodec, challenge);
}
