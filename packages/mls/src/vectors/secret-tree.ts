import { cipherSuite } from "../crypto/cipher-suite.ts";
import { senderDataKey } from "../framing/private-message.ts";
import { createSecretTree, findReceiveKey, type SecretTree, useUp } from "../schedule/secret-tree.ts";
import { hex, sameBytes } from "./compare.ts";

interface GenerationKeys {
  generation: number;
  handshake_key: string;
  handshake_nonce: string;
  application_key: string;
  application_nonce: string;
}

export interface SecretTreeVector {
  cipher_suite: number;
  sender_data: { sender_data_secret: string; ciphertext: string; key: string; nonce: string };
  encryption_secret: string;
  leaves: GenerationKeys[][];
}

/** A file may ask for any generation in any order. */
const NO_LIMITS = { maxForward: Infinity, maxSkipped: Infinity, maxSkippedAge: Infinity };

export async function checkSecretTree(vector: SecretTreeVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const data = vector.sender_data;
  const outer = senderDataKey(suite, hex(data.sender_data_secret), hex(data.ciphertext));
  sameBytes("sender_data.key", outer.key, data.key);
  sameBytes("sender_data.nonce", outer.nonce, data.nonce);

  let tree: SecretTree = createSecretTree(hex(vector.encryption_secret), vector.leaves.length);
  for (const [leaf, generations] of vector.leaves.entries()) {
    for (const expected of generations) {
      const { generation } = expected;
      for (const type of ["handshake", "application"] as const) {
        const found = findReceiveKey(suite, tree, leaf, type, generation, NO_LIMITS);
        const what = `of leaf ${leaf}, generation ${generation}`;
        sameBytes(`${type}_key ${what}`, found.key.key, expected[`${type}_key`]);
        sameBytes(`${type}_nonce ${what}`, found.key.nonce, expected[`${type}_nonce`]);
        tree = useUp(found, undefined);
      }
    }
  }
}
