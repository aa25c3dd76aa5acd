// Signs real credentials for tests: every key is made from a number, so that a failure replays.
import { ed25519KeyPair, signEd25519, verifyEd25519 } from "@thicket/mls/public";
import {
  type AsKey,
  type AttestationContent,
  type CredentialPolicy,
  type DeviceCertificateContent,
  type DeviceCredential,
  type LeafBindingContent,
  type Signer,
  assembleCredential,
  signAttestation,
  signDeviceCertificate,
  signLeafBinding,
} from "../index.ts";

export const NOW = 1_800_000_000n;
export const DAY = 86_400n;
export const SUITE = 1;

export function bytesFrom(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (seed * 31 + index * 7 + 1) % 256);
}

export interface TestKey {
  publicKey: Uint8Array;
  sign: Signer;
}

export async function keyFrom(seed: number): Promise<TestKey> {
  const pair = await ed25519KeyPair({ bytes: (length) => bytesFrom(seed, length) });
  return { publicKey: pair.publicKey, sign: (message) => signEd25519(pair.privateKey, message) };
}

export const keys = {
  as: await keyFrom(1),
  root: await keyFrom(2),
  device: await keyFrom(3),
  leaf: await keyFrom(4),
  stranger: await keyFrom(5),
};

export const asKey: AsKey = { keyId: bytesFrom(10, 8), publicKey: keys.as.publicKey };

/** Contents that differ from the good ones, and keys that sign in another's place. */
export interface Changes {
  attestation?: Partial<AttestationContent>;
  device?: Partial<DeviceCertificateContent>;
  leaf?: Partial<LeafBindingContent>;
  signers?: { attestation?: TestKey; device?: TestKey; leaf?: TestKey };
}

/** A credential that is good in all that `changes` doesn't say; what it changes is signed like the rest. */
export async function issue(changes: Changes = {}): Promise<DeviceCredential> {
  const userId = bytesFrom(20, 16);
  const deviceId = bytesFrom(21, 16);
  const { signers } = changes;
  return assembleCredential(
    await signAttestation((signers?.attestation ?? keys.as).sign, {
      userId,
      handle: "alice",
      rootKey: keys.root.publicKey,
      rootSeq: 0,
      notBefore: NOW,
      notAfter: NOW + 90n * DAY,
      asKeyId: asKey.keyId,
      ...changes.attestation,
    }),
    await signDeviceCertificate((signers?.device ?? keys.root).sign, {
      userId,
      deviceId,
      deviceKey: keys.device.publicKey,
      deviceSeq: 7,
      notBefore: NOW,
      notAfter: NOW + 365n * DAY,
      ...changes.device,
    }),
    await signLeafBinding((signers?.leaf ?? keys.device).sign, {
      userId,
      deviceId,
      leafSignatureKey: keys.leaf.publicKey,
      cipherSuite: SUITE,
      notBefore: NOW,
      notAfter: NOW + 80n * DAY,
      ...changes.leaf,
    }),
  );
}

export const policy: CredentialPolicy = {
  leafSignatureKey: keys.leaf.publicKey,
  cipherSuite: SUITE,
  trustedAsKeys: [asKey],
  verify: verifyEd25519,
};
