import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { MlsError } from "../errors.ts";
import type { Kem } from "./kem.ts";
import {
  isMlKemPublicKey,
  ML_KEM_CIPHERTEXT_LENGTH,
  ML_KEM_PUBLIC_KEY_LENGTH,
  type MlKem768,
} from "./ml-kem.ts";
import { isX25519PublicKey, x25519Exchange, x25519PublicKey } from "./x25519.ts";

const KEM_ID = 0x647a;
const PRIVATE_KEY_LENGTH = 32;
const X25519_LENGTH = 32;
const LABEL = utf8ToBytes("\\.//^\\");

/**
 * ML-KEM-768 and X25519 as one KEM: X-Wing (draft-connolly-cfrg-xwing-kem), in HPKE under the same number as
 * MLKEM768-X25519 with the DeriveKeyPair of draft-ietf-hpke-pq, which draft-ietf-mls-pq-ciphersuites refers to. The
 * secret holds as long as one of the two does. Throws KEY_INVALID on keys and ciphertexts of a wrong length, on
 * encapsulation keys with a coefficient of q or more (FIPS 203 §7.2), and, beyond the draft, on X25519 parts of small
 * order, as the suites with X25519 alone do.
 */
export function xWing(mlKem: MlKem768): Kem {
  async function publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array> {
    const { seed, scalar } = expandPrivateKey(privateKey);
    const [ofMlKem, ofX25519] = await Promise.all([mlKem.publicKeyOf(seed), x25519PublicKey(scalar)]);
    return concatBytes(ofMlKem, ofX25519);
  }

  return {
    id: KEM_ID,
    async deriveKeyPair(ikm) {
      const privateKey = labeledDerive(ikm, "DeriveKeyPair", PRIVATE_KEY_LENGTH);
      return { privateKey, publicKey: await publicKeyOf(privateKey) };
    },
    publicKeyOf,
    isPublicKey: isXWingPublicKey,
    async encapsulate(publicKey, random) {
      if (!isXWingPublicKey(publicKey)) {
        throw new MlsError("KEY_INVALID", "not an encapsulation key of X-Wing");
      }
      const [keyM, keyX] = split(publicKey, ML_KEM_PUBLIC_KEY_LENGTH);
      // Both draw before the first await: callers seal concurrently.
      const encapsulating = mlKem.encapsulate(keyM, random);
      const exchanging = x25519Exchange(random.bytes(32), keyX);
      const [{ ciphertext, sharedSecret }, { own, shared }] = await Promise.all([encapsulating, exchanging]);
      return {
        sharedSecret: combine(sharedSecret, shared, own, keyX),
        output: concatBytes(ciphertext, own),
      };
    },
    async decapsulate(output, privateKey) {
      if (output.length !== ML_KEM_CIPHERTEXT_LENGTH + X25519_LENGTH) {
        throw new MlsError("KEY_INVALID", "a ciphertext of X-Wing has 1120 bytes");
      }
      const { seed, scalar } = expandPrivateKey(privateKey);
      const [ciphertext, ephemeral] = split(output, ML_KEM_CIPHERTEXT_LENGTH);
      const [sharedSecret, { own, shared }] = await Promise.all([
        mlKem.decapsulate(seed, ciphertext),
        x25519Exchange(scalar, ephemeral),
      ]);
      return combine(sharedSecret, shared, ephemeral, own);
    },
  };
}

function isXWingPublicKey(publicKey: Uint8Array): boolean {
  const [ofMlKem, ofX25519] = split(publicKey, ML_KEM_PUBLIC_KEY_LENGTH);
  return isMlKemPublicKey(ofMlKem) && isX25519PublicKey(ofX25519);
}

/** The seed of ML-KEM and the scalar of X25519 that a private key stands for. */
function expandPrivateKey(privateKey: Uint8Array): { seed: Uint8Array; scalar: Uint8Array } {
  if (privateKey.length !== PRIVATE_KEY_LENGTH) {
    throw new MlsError("KEY_INVALID", "a private key of X-Wing has 32 bytes");
  }
  const [seed, scalar] = split(shake256(privateKey, { dkLen: 96 }), 64);
  return { seed, scalar };
}

function combine(
  secretM: Uint8Array,
  secretX: Uint8Array,
  ciphertextX: Uint8Array,
  publicKeyX: Uint8Array,
): Uint8Array {
  return sha3_256(concatBytes(secretM, secretX, ciphertextX, publicKeyX, LABEL));
}

/** SHAKE256.LabeledDerive of draft-ietf-hpke-hpke, with no context, under the suite_id of this KEM. */
function labeledDerive(ikm: Uint8Array, label: string, length: number): Uint8Array {
  const suiteId = concatBytes(utf8ToBytes("KEM"), u16(KEM_ID));
  const name = utf8ToBytes(label);
  const input = concatBytes(ikm, utf8ToBytes("HPKE-v1"), suiteId, u16(name.length), name, u16(length));
  return shake256(input, { dkLen: length });
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function split(bytes: Uint8Array, at: number): [Uint8Array, Uint8Array] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
