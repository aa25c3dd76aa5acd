import { expect } from "vitest";
import { describeVectors, hex } from "../testing/vectors.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { cipherSuite } from "./cipher-suite.ts";

interface CryptoBasics {
  cipher_suite: number;
  ref_hash: { label: string; value: string; out: string };
  expand_with_label: { secret: string; label: string; context: string; length: number; out: string };
  derive_secret: { secret: string; label: string; out: string };
  derive_tree_secret: { secret: string; label: string; generation: number; length: number; out: string };
  sign_with_label: { priv: string; pub: string; content: string; label: string; signature: string };
  encrypt_with_label: {
    priv: string;
    pub: string;
    label: string;
    context: string;
    plaintext: string;
    kem_output: string;
    ciphertext: string;
  };
}

describeVectors<CryptoBasics>("crypto-basics", async (vector) => {
  const suite = cipherSuite(vector.cipher_suite);

  const ref = vector.ref_hash;
  expect(suite.refHash(ref.label, hex(ref.value))).toEqual(hex(ref.out));

  const expand = vector.expand_with_label;
  expect(suite.expandWithLabel(hex(expand.secret), expand.label, hex(expand.context), expand.length)).toEqual(
    hex(expand.out),
  );

  const derive = vector.derive_secret;
  expect(suite.deriveSecret(hex(derive.secret), derive.label)).toEqual(hex(derive.out));

  const tree = vector.derive_tree_secret;
  expect(suite.deriveTreeSecret(hex(tree.secret), tree.label, tree.generation, tree.length)).toEqual(
    hex(tree.out),
  );

  const sign = vector.sign_with_label;
  const content = hex(sign.content);
  expect(await suite.verifyWithLabel(hex(sign.pub), sign.label, content, hex(sign.signature))).toBe(true);
  const signature = await suite.signWithLabel(hex(sign.priv), sign.label, content);
  expect(signature).toEqual(hex(sign.signature)); // Ed25519 is deterministic
  const imported = await suite.importSignatureKey(hex(sign.priv));
  expect(await suite.signWithLabel(imported, sign.label, content)).toEqual(signature);

  const sealed = vector.encrypt_with_label;
  const context = hex(sealed.context);
  const given = { kemOutput: hex(sealed.kem_output), ciphertext: hex(sealed.ciphertext) };
  expect(
    await suite.decryptWithLabel(hex(sealed.priv), hex(sealed.pub), sealed.label, context, given),
  ).toEqual(hex(sealed.plaintext));
  const own = await suite.encryptWithLabel(
    hex(sealed.pub),
    sealed.label,
    context,
    hex(sealed.plaintext),
    seededRandom("crypto-basics"),
  );
  expect(await suite.decryptWithLabel(hex(sealed.priv), undefined, sealed.label, context, own)).toEqual(
    hex(sealed.plaintext),
  );
});
