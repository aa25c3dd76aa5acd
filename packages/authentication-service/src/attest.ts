import {
  ATTESTATION_MAX_SECONDS,
  type Attestation,
  type AttestationContent,
  signAttestation,
} from "@thicket/credential";
import { signEd25519 } from "@thicket/mls/public";
import type { AsKeyPair } from "./as-key-file.ts";

/** Attests, from now on and for as long as may be. `at` is in seconds since 1970 UTC. */
export function attest(
  key: AsKeyPair,
  at: number,
  account: Pick<AttestationContent, "userId" | "handle" | "rootKey" | "rootSeq">,
): Promise<Attestation> {
  return signAttestation((message) => signEd25519(key.seed, message), {
    ...account,
    notBefore: BigInt(at),
    notAfter: BigInt(at) + ATTESTATION_MAX_SECONDS,
    asKeyId: key.keyId,
  });
}
