import {
  ATTESTATION_MAX_SECONDS,
  checkCredential,
  createVerifiedCache,
  type DeviceCredential,
  fromMlsCredential,
  isSuccessor,
  readCredential,
  sameClient,
} from "@thicket/credential";
import { type AuthenticationPolicy, type Credential, type LifetimeBounds, verifyEd25519 } from "@thicket/mls";
import { toHex } from "@thicket/protocol";
import { readPolicy } from "../groups/policy.ts";

/** Verified attestations and device certificates that are remembered: about 300 bytes each. */
const CACHE_LIMIT = 20_000;

/**
 * How long a leaf may live (RFC 9420 §7.2): as long as an attestation. The same at everybody, so that it decides with
 * the others what is valid; the clock has no part in it.
 */
export const LEAF_LIFETIMES: LifetimeBounds = { longest: ATTESTATION_MAX_SECONDS };

/**
 * The application's verdict on credentials, asked by the engine at every event of RFC 9420 §5.3.1: a function of
 * the bytes and of the AS keys in the group's signed policy. Clock, pins and revocations have no part in it.
 */
export function createEngineAuthentication(): AuthenticationPolicy {
  const cache = createVerifiedCache(CACHE_LIMIT);
  return {
    async validate({ credential, signatureKey, cipherSuite, contextExtensions }) {
      const bytes = fromMlsCredential(credential);
      if (bytes === undefined) throw new RefusedCredential("CREDENTIAL_TYPE");
      const policy = readPolicy(contextExtensions);
      if (policy === undefined) throw new RefusedCredential("POLICY_UNREADABLE");
      const verdict = await checkCredential(bytes, {
        leafSignatureKey: signatureKey,
        cipherSuite,
        trustedAsKeys: policy.trustedAsKeys,
        verify: verifyEd25519,
        cache,
      });
      if (!verdict.ok) throw new RefusedCredential(verdict.reason);
    },
    sameClient(a, b) {
      const [one, other] = [credentialOf(a), credentialOf(b)];
      return one !== undefined && other !== undefined && sameClient(one, other);
    },
    isSuccessor(before, after) {
      const [one, other] = [credentialOf(before), credentialOf(after)];
      return one !== undefined && other !== undefined && isSuccessor(one, other);
    },
    clientId(credential) {
      const read = credentialOf(credential);
      if (read === undefined) throw new RefusedCredential("MALFORMED");
      return `${toHex(read.userId)}/${toHex(read.device.deviceId)}`;
    },
  };
}

/** Why a credential was refused; the engine carries it as the cause of CREDENTIAL_INVALID. */
export class RefusedCredential extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.name = "RefusedCredential";
    this.reason = reason;
  }
}

const read = new WeakMap<Credential, DeviceCredential>();

/** What a credential says, whether or not it is true; undefined for one of another kind. Read once per object. */
export function credentialOf(credential: Credential): DeviceCredential | undefined {
  const known = read.get(credential);
  if (known !== undefined) return known;
  const bytes = fromMlsCredential(credential);
  const result = bytes && readCredential(bytes);
  if (result?.ok !== true) return undefined;
  read.set(credential, result.value);
  return result.value;
}
