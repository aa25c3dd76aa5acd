import { MlsError } from "../errors.ts";
import { type Aead, aes128Gcm, chaCha20Poly1305 } from "./aead.ts";
import { ed25519KeyPair, ed25519Sign, ed25519Verify, importEd25519Seed } from "./ed25519.ts";
import { type Hpke, hpke, type HpkeCiphertext } from "./hpke.ts";
import { hkdfSha256, type KeyDerivation, withLabel } from "./key-derivation.ts";
import type { Random } from "./random.ts";
import type { CryptoKey, SignaturePrivateKey } from "./web-crypto.ts";
import { dhkemX25519 } from "./x25519.ts";

export type { CryptoKey, HpkeCiphertext, Random, SignaturePrivateKey };

export interface SignatureKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: SignaturePrivateKey;
}

export interface HpkeKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** Everything that RFC 9420 §5.1 asks of a cipher suite. Secrets and keys are raw bytes. */
export interface CipherSuite extends KeyDerivation, Aead, Hpke {
  readonly id: number;
  readonly name: string;
  signatureKeyPair(random: Random): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }>;
  /** The seed as a non-extractable key. */
  importSignatureKey(seed: Uint8Array): Promise<CryptoKey>;
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

export const SUITE_X25519_AES128GCM_SHA256_ED25519 = 0x0001;
export const SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 = 0x0003;

/** The suite with this number of the IANA registry (RFC 9420 §17.1). Throws SUITE_UNSUPPORTED. */
export function cipherSuite(id: number): CipherSuite {
  const suite = suites.get(id);
  if (suite === undefined) throw new MlsError("SUITE_UNSUPPORTED", `cipher suite ${id} is not supported`);
  return suite;
}

/** The numbers of the suites that this build has. */
export function supportedCipherSuites(): number[] {
  return [...suites.keys()];
}

const NO_AAD = new Uint8Array();

/** The last EncryptContext of each context: sealed to many, it stays one value that HPKE hashes once. */
const encryptInfos = new WeakMap<Uint8Array, { readonly label: string; readonly info: Uint8Array }>();

function encryptInfo(label: string, context: Uint8Array): Uint8Array {
  const known = encryptInfos.get(context);
  if (known?.label === label) return known.info;
  const info = withLabel(label, context);
  encryptInfos.set(context, { label, info });
  return info;
}

function curve25519Suite(id: number, name: string, aead: Aead, aeadId: number): CipherSuite {
  const kem = dhkemX25519(hkdfSha256);
  const publicKeyEncryption = hpke(kem, hkdfSha256, 0x0001, aead, aeadId);
  return {
    id,
    name,
    ...hkdfSha256,
    ...aead,
    ...publicKeyEncryption,
    signatureKeyPair: ed25519KeyPair,
    importSignatureKey: importEd25519Seed,
    signWithLabel: (privateKey, label, content) => ed25519Sign(privateKey, withLabel(label, content)),
    verifyWithLabel: (publicKey, label, content, signature) =>
      ed25519Verify(publicKey, withLabel(label, content), signature),
    deriveKeyPair: kem.deriveKeyPair,
    hpkePublicKey: kem.publicKeyOf,
    isHpkePublicKey: kem.isPublicKey,
    encryptWithLabel: (publicKey, label, context, plaintext, random) =>
      publicKeyEncryption.sealBase(publicKey, encryptInfo(label, context), NO_AAD, plaintext, random),
    decryptWithLabel: (privateKey, publicKey, label, context, sealed) =>
      publicKeyEncryption.openBase(privateKey, publicKey, withLabel(label, context), NO_AAD, sealed),
  };
}

const suites = new Map<number, CipherSuite>(
  [
    curve25519Suite(
      SUITE_X25519_AES128GCM_SHA256_ED25519,
      "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
      aes128Gcm,
      0x0001,
    ),
    curve25519Suite(
      SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
      "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
      chaCha20Poly1305,
      0x0003,
    ),
  ].map((suite) => [suite.id, suite]),
);
