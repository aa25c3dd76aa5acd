import { cipherSuite } from "../crypto/cipher-suite.ts";
import { derivePskSecret } from "../schedule/psk-secret.ts";
import { hex, sameBytes } from "./compare.ts";

export interface PskSecretVector {
  cipher_suite: number;
  psks: { psk_id: string; psk: string; psk_nonce: string }[];
  psk_secret: string;
}

export async function checkPskSecret(vector: PskSecretVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const psks = vector.psks.map((entry) => ({
    id: { kind: "external" as const, pskId: hex(entry.psk_id), nonce: hex(entry.psk_nonce) },
    psk: hex(entry.psk),
  }));
  sameBytes("psk_secret", derivePskSecret(suite, psks), vector.psk_secret);
}
