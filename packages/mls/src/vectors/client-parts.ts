import { decode, encode } from "../codec/codec.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { equalBytes } from "../crypto/equal-bytes.ts";
import type { EngineDeps } from "../group/authentication.ts";
import { type KeyPackage, keyPackageCodec } from "../key-package.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { hex, holds, sameBytes } from "./compare.ts";

/** A key package in either form that files have: the MLSMessage, or the structure alone. */
export function readKeyPackage(text: string): KeyPackage {
  const bytes = hex(text);
  try {
    const message = decode(mlsMessageCodec, bytes);
    if (message.kind === "keyPackage") {
      sameBytes("key_package encoded again", encode(mlsMessageCodec, message), text);
      return message.keyPackage;
    }
  } catch {
    // Then it is no MLSMessage, or nothing at all: the next line says which.
  }
  const keyPackage = decode(keyPackageCodec, bytes);
  sameBytes("key_package encoded again", encode(keyPackageCodec, keyPackage), text);
  return keyPackage;
}

/** A client that trusts every credential and takes what comes from outside. Files are made by clients that have names of no meaning, often the same. */
export function trustingDeps(preSharedKey: (id: PreSharedKeyId) => Uint8Array | undefined): EngineDeps {
  return {
    random: seededRandom("vectors"),
    authentication: {
      validate: () => Promise.resolve(),
      sameClient: () => false,
      isSuccessor: () => true,
    },
    external: { allowCommit: () => Promise.resolve(true), allowProposal: () => Promise.resolve(true) },
    preSharedKey: (id) => Promise.resolve(preSharedKey(id)),
  };
}

/** A signature key as the engine has it. Some files give EdDSA's as the seed and the public key behind it. */
export function signaturePrivateKey(text: string, publicKey: Uint8Array): Uint8Array {
  const bytes = hpkePrivateKey(text, publicKey);
  const seed = bytes.length - publicKey.length;
  return seed > 0 && equalBytes(bytes.subarray(seed), publicKey) ? bytes.subarray(0, seed) : bytes;
}

/** A private key as the engine has it. Some files leave out the leading zeros of a P-curve's: the public key says how many. */
export function hpkePrivateKey(text: string, publicKey: Uint8Array): Uint8Array {
  const bytes = hex(text);
  const missing =
    publicKey[0] === 0x04 && publicKey.length % 2 === 1 ? (publicKey.length - 1) / 2 - bytes.length : 0;
  return missing > 0 ? Uint8Array.of(...new Uint8Array(missing), ...bytes) : bytes;
}

/** Throws VectorMismatch unless what the private key signs verifies under the public key. */
export async function checkSignatureKey(
  suite: CipherSuite,
  publicKey: Uint8Array,
  privateKey: string,
): Promise<void> {
  const content = Uint8Array.of(1, 2, 3);
  const signature = await suite.signWithLabel(signaturePrivateKey(privateKey, publicKey), "vectors", content);
  const fits = await suite.verifyWithLabel(publicKey, "vectors", content, signature);
  holds("signature_priv is the private half of the leaf's signature key", fits);
}
