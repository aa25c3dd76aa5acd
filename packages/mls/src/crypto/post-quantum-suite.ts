import { aes128Gcm } from "./aead.ts";
import { type CipherSuite, composeSuite } from "./compose-suite.ts";
import { ed25519 } from "./ed25519.ts";
import { hkdfSha256 } from "./key-derivation.ts";
import { type MlKem768, mlKem768 } from "./ml-kem.ts";
import { xWing } from "./x-wing.ts";

/**
 * TBD1 of draft-ietf-mls-pq-ciphersuites, under a private-use number until it has its own: secrets are safe from a
 * quantum computer, signatures are not.
 */
export function postQuantumSuite(id: number, mlKem: MlKem768): CipherSuite {
  return composeSuite({
    id,
    name: "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519",
    kem: xWing(mlKem),
    kdf: hkdfSha256,
    aead: aes128Gcm,
    signature: ed25519,
  });
}

/** The same with the best ML-KEM that there is here. */
export async function loadPostQuantumSuite(id: number): Promise<CipherSuite> {
  return postQuantumSuite(id, await mlKem768());
}
