import { cipherSuite } from "../crypto/cipher-suite.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { hpkePrivateKey, signaturePrivateKey } from "./client-parts.ts";
import { hex, holds, sameBytes } from "./compare.ts";

export interface CryptoBasicsVector {
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

/** EdDSA signatures have one value; those of ECDSA are as many as there are nonces. */
const ECDSA_SUITES = new Set([2, 5, 7]);
/** WebCrypto has no Ed448 to import its keys into. */
const ED448_SUITES = new Set([4, 6]);

export async function checkCryptoBasics(vector: CryptoBasicsVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const ref = vector.ref_hash;
  sameBytes("ref_hash", suite.refHash(ref.label, hex(ref.value)), ref.out);
  const expand = vector.expand_with_label;
  sameBytes(
    "expand_with_label",
    suite.expandWithLabel(hex(expand.secret), expand.label, hex(expand.context), expand.length),
    expand.out,
  );
  const derive = vector.derive_secret;
  sameBytes("derive_secret", suite.deriveSecret(hex(derive.secret), derive.label), derive.out);
  const tree = vector.derive_tree_secret;
  sameBytes(
    "derive_tree_secret",
    suite.deriveTreeSecret(hex(tree.secret), tree.label, tree.generation, tree.length),
    tree.out,
  );
  await checkSignature(vector);
  await checkEncryption(vector);
}

async function checkSignature(vector: CryptoBasicsVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const { pub, priv, label, content, signature } = vector.sign_with_label;
  const verifies = (given: Uint8Array): Promise<boolean> =>
    suite.verifyWithLabel(hex(pub), label, hex(content), given);
  holds("sign_with_label.signature verifies", await verifies(hex(signature)));
  const privateKey = signaturePrivateKey(priv, hex(pub));
  const own = await suite.signWithLabel(privateKey, label, hex(content));
  holds("an own signature with sign_with_label.priv verifies", await verifies(own));
  if (!ECDSA_SUITES.has(suite.id)) sameBytes("sign_with_label", own, signature);
  if (ED448_SUITES.has(suite.id)) return;
  const imported = await suite.importSignatureKey(privateKey);
  const again = await suite.signWithLabel(imported, label, hex(content));
  holds("a signature with the imported key verifies", await verifies(again));
}

async function checkEncryption(vector: CryptoBasicsVector): Promise<void> {
  const suite = cipherSuite(vector.cipher_suite);
  const { pub, priv, label, context, plaintext, kem_output, ciphertext } = vector.encrypt_with_label;
  const privateKey = hpkePrivateKey(priv, hex(pub));
  sameBytes("the public half of encrypt_with_label.priv", await suite.hpkePublicKey(privateKey), pub);
  const given = { kemOutput: hex(kem_output), ciphertext: hex(ciphertext) };
  const opened = await suite.decryptWithLabel(privateKey, hex(pub), label, hex(context), given);
  sameBytes("encrypt_with_label opened", opened, plaintext);
  const random = seededRandom("crypto-basics");
  const own = await suite.encryptWithLabel(hex(pub), label, hex(context), hex(plaintext), random);
  const back = await suite.decryptWithLabel(privateKey, undefined, label, hex(context), own);
  sameBytes("encrypt_with_label sealed and opened", back, plaintext);
}
