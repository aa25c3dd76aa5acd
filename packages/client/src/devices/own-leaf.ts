import {
  assembleCredential,
  encodeCredential,
  readAttestation,
  readDeviceCertificate,
  signLeafBinding,
  toMlsCredential,
  CREDENTIAL_TYPE,
} from "@thicket/credential";
import {
  type Capabilities,
  type Credential,
  encode,
  type Extension,
  EXTENSION_REQUIRED_CAPABILITIES,
  EXTENSION_LAST_RESORT,
  type Lifetime,
  MLS10,
  requiredCapabilitiesCodec,
  type SignatureKeyPair,
  signEd25519,
  SUITE_X25519_AES128GCM_SHA256_ED25519,
  SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
  ed25519KeyPair,
} from "@thicket/mls";
import { fromHex } from "@thicket/protocol";
import { encodeLeafProfile, LEAF_PROFILE_EXTENSION, OWN_LEAF_PROFILE } from "../groups/leaf-profile.ts";
import { POLICY_EXTENSION } from "../groups/policy.ts";
import type { Random } from "../ports.ts";
import type { AccountRow } from "../tables.ts";

/** The suite of new groups and key packages (D1). */
export const SUITE = SUITE_X25519_AES128GCM_SHA256_ED25519;

const DAY = 86_400;
/** Issued for 28 days, backdated by one for clocks that are behind (PARAM-1, PARAM-8). */
const LEAF_DAYS = 28;

export const CAPABILITIES: Capabilities = {
  versions: [MLS10],
  cipherSuites: [SUITE_X25519_AES128GCM_SHA256_ED25519, SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519],
  extensions: [EXTENSION_LAST_RESORT, POLICY_EXTENSION, LEAF_PROFILE_EXTENSION],
  proposals: [],
  credentials: [CREDENTIAL_TYPE],
};

/** What every leaf of a group must be able to do (APP-5): part of every group's context, and never changed. */
export const REQUIRED_CAPABILITIES: Extension = {
  type: EXTENSION_REQUIRED_CAPABILITIES,
  data: encode(requiredCapabilitiesCodec, {
    extensions: [POLICY_EXTENSION, LEAF_PROFILE_EXTENSION],
    proposals: [],
    credentials: [CREDENTIAL_TYPE],
  }),
};

export interface OwnLeaf {
  credential: Credential;
  signatureKey: SignatureKeyPair & { privateKey: Uint8Array };
  lifetime: Lifetime;
  leafExtensions: readonly Extension[];
}

/**
 * A fresh leaf key, certified by the device's key for as long as the attestation and the device certificate hold,
 * and 28 days at most. No signature key serves two groups. `now` in ms.
 */
export async function makeOwnLeaf(account: AccountRow, random: Random, now: number): Promise<OwnLeaf> {
  const attestation = account.attestation && readAttestation(account.attestation);
  const device = readDeviceCertificate(account.deviceCertificate);
  if (attestation?.ok !== true || !device.ok) throw new TypeError("an account without its certificates");
  const seconds = BigInt(Math.floor(now / 1000));
  const begins = [seconds - BigInt(DAY), attestation.value.notBefore, device.value.notBefore];
  const ends = [seconds + BigInt(LEAF_DAYS * DAY), attestation.value.notAfter, device.value.notAfter];
  const lifetime = {
    notBefore: begins.reduce((latest, value) => (value > latest ? value : latest)),
    notAfter: ends.reduce((earliest, value) => (value < earliest ? value : earliest)),
  };
  const signatureKey = await ed25519KeyPair(random);
  const leaf = await signLeafBinding((message) => signEd25519(account.devicePrivateKey, message), {
    userId: fromHex(account.userId),
    deviceId: fromHex(account.deviceId),
    leafSignatureKey: signatureKey.publicKey,
    cipherSuite: SUITE,
    ...lifetime,
  });
  const credential = assembleCredential(attestation.value, device.value, leaf);
  return {
    credential: toMlsCredential(encodeCredential(credential)),
    signatureKey,
    lifetime,
    leafExtensions: [encodeLeafProfile(OWN_LEAF_PROFILE)],
  };
}
