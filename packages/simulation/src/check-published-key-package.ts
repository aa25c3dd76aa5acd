import {
  type AsKey,
  checkCredential,
  createVerifiedCache,
  describe,
  fromMlsCredential,
} from "@thicket/credential";
import type { KeyPackageCheck } from "@thicket/delivery-service";
import {
  checkKeyPackage,
  cipherSuite,
  findExtension,
  keyPackageRef,
  LAST_RESORT,
  MlsError,
  verifyEd25519,
} from "@thicket/mls/public";

/** The relay's judgement of a published key package: the engine's rules and the credential's. */
export function createKeyPackageCheck(asKeys: readonly AsKey[]): KeyPackageCheck {
  const cache = createVerifiedCache(1_000);
  return async (message, { suite, owner }) => {
    const keyPackage = await checkKeyPackage(message, { suite }).catch((error: unknown) => {
      if (error instanceof MlsError) return undefined;
      throw error;
    });
    if (keyPackage?.leafNode.source.kind !== "keyPackage") return undefined;
    const { credential, signatureKey, source } = keyPackage.leafNode;
    const bytes = fromMlsCredential(credential);
    if (bytes === undefined) return undefined;
    const verdict = await checkCredential(bytes, {
      leafSignatureKey: signatureKey,
      cipherSuite: suite,
      trustedAsKeys: asKeys,
      verify: verifyEd25519,
      cache,
    });
    if (!verdict.ok) return undefined;
    const { userId, deviceId } = describe(verdict.credential);
    if (userId !== owner.userId || deviceId !== owner.deviceId) return undefined;
    return {
      ref: keyPackageRef(cipherSuite(suite), keyPackage),
      notBefore: Number(source.lifetime.notBefore) * 1000,
      notAfter: Number(source.lifetime.notAfter) * 1000,
      lastResort: findExtension(keyPackage.extensions, LAST_RESORT) !== undefined,
    };
  };
}
