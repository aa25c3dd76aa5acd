import { NO_BYTES } from "../codec/shared.ts";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { opaque, struct } from "../codec/codec.ts";
import type { Aead } from "./aead.ts";
import type { Random } from "./random.ts";
import type { KeyDerivation } from "./key-derivation.ts";
import { hpkeLabels, type Kem } from "./kem.ts";

/** HPKECiphertext of RFC 9420 §7.6. */
export interface HpkeCiphertext {
  readonly kemOutput: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export const hpkeCiphertextCodec = struct<HpkeCiphertext>({ kemOutput: opaque, ciphertext: opaque });

/** Single-shot HPKE in mode Base (RFC 9180 §6.1), and the secret export that external commits use (§6.2). */
export interface Hpke {
  sealBase(
    publicKey: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    random: Random,
  ): Promise<HpkeCiphertext>;
  /** Throws AEAD_OPEN_FAILED or KEY_INVALID. */
  openBase(
    privateKey: Uint8Array,
    publicKey: Uint8Array | undefined,
    info: Uint8Array,
    aad: Uint8Array,
    sealed: HpkeCiphertext,
  ): Promise<Uint8Array>;
  sendExport(
    publicKey: Uint8Array,
    info: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
    random: Random,
  ): Promise<{ kemOutput: Uint8Array; secret: Uint8Array }>;
  receiveExport(
    kemOutput: Uint8Array,
    privateKey: Uint8Array,
    publicKey: Uint8Array | undefined,
    info: Uint8Array,
    exporterContext: Uint8Array,
    length: number,
  ): Promise<Uint8Array>;
}

export function hpke(kem: Kem, kdf: KeyDerivation, aead: Aead): Hpke {
  const ids = [kem.id, kdf.hpkeKdfId, aead.hpkeAeadId].flatMap((id) => [id >> 8, id & 0xff]);
  const labels = hpkeLabels(kdf, concatBytes(utf8ToBytes("HPKE"), Uint8Array.from(ids)));
  const pskIdHash = labels.extract("psk_id_hash", NO_BYTES);

  // One Welcome or path is sealed to many receivers under the same info, and a Welcome's holds the whole tree:
  // hashed once for all of them, or the cost would be quadratic in the group's size.
  const infoHashes = new WeakMap<Uint8Array, Uint8Array>();

  function infoHash(info: Uint8Array): Uint8Array {
    const known = infoHashes.get(info);
    if (known !== undefined) return known;
    const hash = labels.extract("info_hash", info);
    infoHashes.set(info, hash);
    return hash;
  }

  function keySchedule(
    sharedSecret: Uint8Array,
    info: Uint8Array,
  ): { secret: Uint8Array; context: Uint8Array } {
    const modeBase = Uint8Array.of(0);
    return {
      context: concatBytes(modeBase, pskIdHash, infoHash(info)),
      secret: labels.extract("secret", NO_BYTES, sharedSecret),
    };
  }

  function messageKey(sharedSecret: Uint8Array, info: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
    const { secret, context } = keySchedule(sharedSecret, info);
    return {
      key: labels.expand(secret, "key", context, aead.keyLength),
      nonce: labels.expand(secret, "base_nonce", context, aead.nonceLength), // sequence number 0
    };
  }

  function exported(sharedSecret: Uint8Array, info: Uint8Array, exporterContext: Uint8Array, length: number) {
    const { secret, context } = keySchedule(sharedSecret, info);
    return labels.expand(
      labels.expand(secret, "exp", context, kdf.hashLength),
      "sec",
      exporterContext,
      length,
    );
  }

  return {
    async sealBase(publicKey, info, aad, plaintext, random) {
      const { sharedSecret, output } = await kem.encapsulate(publicKey, random);
      const { key, nonce } = messageKey(sharedSecret, info);
      return { kemOutput: output, ciphertext: await aead.seal(key, nonce, aad, plaintext) };
    },
    async openBase(privateKey, publicKey, info, aad, sealed) {
      const sharedSecret = await kem.decapsulate(sealed.kemOutput, privateKey, publicKey);
      const { key, nonce } = messageKey(sharedSecret, info);
      return aead.open(key, nonce, aad, sealed.ciphertext);
    },
    async sendExport(publicKey, info, exporterContext, length, random) {
      const { sharedSecret, output } = await kem.encapsulate(publicKey, random);
      return { kemOutput: output, secret: exported(sharedSecret, info, exporterContext, length) };
    },
    async receiveExport(kemOutput, privateKey, publicKey, info, exporterContext, length) {
      return exported(await kem.decapsulate(kemOutput, privateKey, publicKey), info, exporterContext, length);
    },
  };
}
