import {
  type AsKey,
  checkCredential,
  createVerifiedCache,
  describe,
  fromMlsCredential,
} from "@thicket/credential";
import {
  checkKeyPackage,
  cipherSuite,
  isLastResort,
  type KeyPackage,
  keyPackageRef,
  MlsError,
  verifyEd25519,
} from "@thicket/mls/public";
import type { DeviceIdentity } from "../device-identity.ts";
import type { CheckedKeyPackage, KeyPackageCheck } from "./key-package-check.ts";

/**
 * The check of a real relay: RFC 9420 §10.1, and a credential that is valid under the AS's keys (`identity.md`) and
 * names the device that publishes. `trustedAsKeys` is asked at every check, since the AS rotates its keys.
 */
export function createKeyPackageCheck(options: { trustedAsKeys: () => readonly AsKey[] }): KeyPackageCheck {
  // A device publishes many packages under the same attestation and certificate.
  const cache = createVerifiedCache(1000);
  return async (message, { suite, owner }) => {
    const keyPackage = await readValid(message, suite);
    if (keyPackage === undefined) return undefined;
    const { credential, signatureKey } = keyPackage.leafNode;
    const bytes = fromMlsCredential(credential);
    if (bytes === undefined) return undefined;
    const verdict = await checkCredential(bytes, {
      leafSignatureKey: signatureKey,
      cipherSuite: suite,
      trustedAsKeys: options.trustedAsKeys(),
      verify: verifyEd25519,
      cache,
    });
    if (!verdict.ok || !isOwner(describe(verdict.credential), owner)) return undefined;
    return summarise(keyPackage);
  };
}

async function readValid(message: Uint8Array, suite: number): Promise<KeyPackage | undefined> {
  try {
    return await checkKeyPackage(message, { suite });
  } catch (error) {
    if (error instanceof MlsError) return undefined;
    throw error;
  }
}

function isOwner(named: { userId: string; deviceId: string }, owner: DeviceIdentity): boolean {
  return named.userId === owner.userId && named.deviceId === owner.deviceId;
}

function summarise(keyPackage: KeyPackage): CheckedKeyPackage | undefined {
  const { source } = keyPackage.leafNode;
  if (source.kind !== "keyPackage") return undefined;
  return {
    ref: keyPackageRef(cipherSuite(keyPackage.cipherSuite), keyPackage),
    notBefore: milliseconds(source.lifetime.notBefore),
    notAfter: milliseconds(source.lifetime.notAfter),
    lastResort: isLastResort(keyPackage),
  };
}

/** A date beyond what a number holds is as good as the last one that it does. */
function milliseconds(seconds: bigint): number {
  return Number(
    seconds * 1000n > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : seconds * 1000n,
  );
}
