import { NO_BYTES } from "../codec/shared.ts";
import type { Aead } from "./aead.ts";
import { type Hpke, hpke, type HpkeCiphertext } from "./hpke.ts";
import type { HpkeKeyPair, Kem } from "./kem.ts";
import { type KeyDerivation, withLabel } from "./key-derivation.ts";
import type { Random } from "./random.ts";
import type { CryptoKey, SignaturePrivateKey } from "./web-crypto.ts";

export interface SignatureKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: SignaturePrivateKey;
}

/** Everything that RFC 9420 §5.1 asks of a cipher suite. Secrets and keys are raw bytes. */
export interface CipherSuite extends KeyDerivation, Aead, Hpke {
  readonly id: number;
  readonly name: string;
  signatureKeyPair(random: Random): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }>;
  /**
   * The private key as a non-extractable CryptoKey. Throws KEY_INVALID, and CRYPTO_UNAVAILABLE for a signature scheme
   * that WebCrypto doesn't have (Ed448).
   */
  importSignatureKey(privateKey: Uint8Array): Promise<CryptoKey>;
  /** Signs an encoded SignContent (§5.1.2) that the caller has put together; `verify` is the other side. */
  sign(privateKey: SignaturePrivateKey, signContent: Uint8Array): Promise<Uint8Array>;
  verify(publicKey: Uint8Array, signContent: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** SignWithLabel of §5.1.2; `label` without the "MLS 1.0 " prefix. */
  signWithLabel(privateKey: SignaturePrivateKey, label: string, content: Uint8Array): Promise<Uint8Array>;
  verifyWithLabel(
    publicKey: Uint8Array,
    label: string,
    content: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
  /** DeriveKeyPair of the suite's KEM. */
  deriveKeyPair(ikm: Uint8Array): Promise<HpkeKeyPair>;
  /** The public half of an HPKE private key. */
  hpkePublicKey(privateKey: Uint8Array): Promise<Uint8Array>;
  /** Whether the bytes are a public key that the suite's KEM can encrypt to. */
  isHpkePublicKey(publicKey: Uint8Array): boolean;
  /** EncryptWithLabel of §5.1.3. Throws KEY_INVALID. */
  encryptWithLabel(
    publicKey: Uint8Array,
    label: string,
    context: Uint8Array,
    plaintext: Uint8Array,
    random: Random,
  ): Promise<HpkeCiphertext>;
  /** DecryptWithLabel of §5.1.3; without `publicKey` it is computed. Throws AEAD_OPEN_FAILED or KEY_INVALID. */
  decryptWithLabel(
    privateKey: Uint8Array,
    publicKey: Uint8Array | undefined,
    label: string,
    context: Uint8Array,
    sealed: HpkeCiphertext,
  ): Promise<Uint8Array>;
}

/** Keys and signatures are in the encodings of RFC 9420 §5.1.1 and §5.1.2. */
export interface SignatureScheme {
  keyPair(random: Random): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }>;
  importPrivate(privateKey: Uint8Array): Promise<CryptoKey>;
  readonly sign: (privateKey: SignaturePrivateKey, content: Uint8Array) => Promise<Uint8Array>;
  /** False for a public key or a signature that isn't well-formed; never throws on them. */
  readonly verify: (publicKey: Uint8Array, content: Uint8Array, signature: Uint8Array) => Promise<boolean>;
}

export interface SuiteParts {
  /** Number and name of the IANA registry (RFC 9420 §17.1). */
  readonly id: number;
  readonly name: string;
  readonly kem: Kem;
  readonly kdf: KeyDerivation;
  readonly aead: Aead;
  readonly signature: SignatureScheme;
}

export function composeSuite({ id, name, kem, kdf, aead, signature }: SuiteParts): CipherSuite {
  const publicKeyEncryption = hpke(kem, kdf, aead);
  return {
    id,
    name,
    ...kdf,
    ...aead,
    ...publicKeyEncryption,
    signatureKeyPair: (random) => signature.keyPair(random),
    importSignatureKey: (privateKey) => signature.importPrivate(privateKey),
    sign: signature.sign,
    verify: signature.verify,
    signWithLabel: (privateKey, label, content) => signature.sign(privateKey, withLabel(label, content)),
    verifyWithLabel: (publicKey, label, content, signed) =>
      signature.verify(publicKey, withLabel(label, content), signed),
    deriveKeyPair: kem.deriveKeyPair,
    hpkePublicKey: kem.publicKeyOf,
    isHpkePublicKey: kem.isPublicKey,
    encryptWithLabel: (publicKey, label, context, plaintext, random) =>
      publicKeyEncryption.sealBase(publicKey, encryptInfo(label, context), NO_BYTES, plaintext, random),
    decryptWithLabel: (privateKey, publicKey, label, context, sealed) =>
      publicKeyEncryption.openBase(privateKey, publicKey, withLabel(label, context), NO_BYTES, sealed),
  };
}

/** The last EncryptContext of each context: sealed to many, it stays one value that HPKE hashes once. */
const encryptInfos = new WeakMap<Uint8Array, { readonly label: string; readonly info: Uint8Array }>();

function encryptInfo(label: string, context: Uint8Array): Uint8Array {
  const known = encryptInfos.get(context);
  if (known?.label === label) return known.info;
  const info = withLabel(label, context);
  encryptInfos.set(context, { label, info });
  return info;
}
