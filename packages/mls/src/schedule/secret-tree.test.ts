import { expect } from "vitest";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { senderDataKey } from "../framing/private-message.ts";
import { describeVectors, hex } from "../testing/vectors.ts";
import { createSecretTree, type SecretTree, takeReceiveKey } from "./secret-tree.ts";

interface SecretTreeVector {
  cipher_suite: number;
  sender_data: { sender_data_secret: string; ciphertext: string; key: string; nonce: string };
  encryption_secret: string;
  leaves: {
    generation: number;
    handshake_key: string;
    handshake_nonce: string;
    application_key: string;
    application_nonce: string;
  }[][];
}

describeVectors<SecretTreeVector>("secret-tree", (vector) => {
  const suite = cipherSuite(vector.cipher_suite);
  const data = vector.sender_data;
  expect(senderDataKey(suite, hex(data.sender_data_secret), hex(data.ciphertext))).toEqual({
    key: hex(data.key),
    nonce: hex(data.nonce),
  });

  let tree: SecretTree = createSecretTree(hex(vector.encryption_secret), vector.leaves.length);
  for (const [leaf, generations] of vector.leaves.entries()) {
    expect(generations.length).toBeGreaterThan(0);
    for (const expected of generations) {
      const handshake = takeReceiveKey(suite, tree, leaf, "handshake", expected.generation);
      expect(handshake.key).toEqual({
        key: hex(expected.handshake_key),
        nonce: hex(expected.handshake_nonce),
      });
      const application = takeReceiveKey(suite, handshake.tree, leaf, "application", expected.generation);
      expect(application.key).toEqual({
        key: hex(expected.application_key),
        nonce: hex(expected.application_nonce),
      });
      tree = application.tree;
    }
  }
});
