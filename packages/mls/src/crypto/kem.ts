import { NO_BYTES } from "../codec/shared.ts";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { KeyDerivation } from "./key-derivation.ts";
import type { Random } from "./random.ts";

/** A key pair of a KEM: what HPKE seals to and opens with. */
export interface HpkeKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A key encapsulation mechanism as HPKE uses it (RFC 9180 §4). */
export interface Kem {
  /** The KEM's number in the HPKE registry. */
  readonly id: number;
  readonly deriveKeyPair: (ikm: Uint8Array) => Promise<HpkeKeyPair>;
  readonly publicKeyOf: (privateKey: Uint8Array) => Promise<Uint8Array>;
  readonly isPublicKey: (publicKey: Uint8Array) => boolean;
  encapsulate(
    publicKey: Uint8Array,
    random: Random,
  ): Promise<{ sharedSecret: Uint8Array; output: Uint8Array }>;
  readonly decapsulate: (
    output: Uint8Array,
    privateKey: Uint8Array,
    publicKey?: Uint8Array,
  ) => Promise<Uint8Array>;
}

/** The curve under a DHKEM. All of it throws KEY_INVALID on keys that are none of the curve's. */
export interface DhGroup {
  readonly kemId: number;
  /** DeriveKeyPair of RFC 9180 §7.1.3, the private half. */
  derivePrivateKey(ikm: Uint8Array): Uint8Array;
  /** A private key for one encapsulation. Draws from the random source before it returns. */
  ephemeralKey(random: Random): Uint8Array;
  publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array>;
  isPublicKey(publicKey: Uint8Array): boolean;
  /** The Diffie-Hellman value with another's key, and the public half of one's own. */
  exchange(privateKey: Uint8Array, publicKey: Uint8Array): Promise<{ own: Uint8Array; shared: Uint8Array }>;
  /** The Diffie-Hellman value alone. */
  diffieHellman(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array>;
}

/** DHKEM of RFC 9180 §4.1 over one curve; Nsecret is the hash's length. */
export function dhkem(group: DhGroup, kdf: KeyDerivation): Kem {
  const labels = kemLabels(kdf, group.kemId);

  function sharedSecretOf(dh: Uint8Array, output: Uint8Array, publicKey: Uint8Array): Uint8Array {
    const prk = labels.extract("eae_prk", dh);
    return labels.expand(prk, "shared_secret", concatBytes(output, publicKey), kdf.hashLength);
  }

  return {
    id: group.kemId,
    async deriveKeyPair(ikm) {
      const privateKey = group.derivePrivateKey(ikm);
      return { privateKey, publicKey: await group.publicKeyOf(privateKey) };
    },
    publicKeyOf: (privateKey) => group.publicKeyOf(privateKey),
    isPublicKey: (publicKey) => group.isPublicKey(publicKey),
    async encapsulate(publicKey, random) {
      // Drawn before the first await: callers seal concurrently, and a seeded run must replay to the byte.
      const ephemeral = group.ephemeralKey(random);
      const { own: output, shared } = await group.exchange(ephemeral, publicKey);
      return { sharedSecret: sharedSecretOf(shared, output, publicKey), output };
    },
    async decapsulate(output, privateKey, publicKey) {
      if (publicKey !== undefined) {
        return sharedSecretOf(await group.diffieHellman(privateKey, output), output, publicKey);
      }
      const { own, shared } = await group.exchange(privateKey, output);
      return sharedSecretOf(shared, output, own);
    },
  };
}

interface HpkeLabels {
  extract(label: string, ikm: Uint8Array, salt?: Uint8Array): Uint8Array;
  expand(secret: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array;
}

/** The labelled forms under the suite_id of a KEM (RFC 9180 §4.1). */
export function kemLabels(kdf: KeyDerivation, kemId: number): HpkeLabels {
  return hpkeLabels(kdf, concatBytes(utf8ToBytes("KEM"), Uint8Array.of(kemId >> 8, kemId & 0xff)));
}

/** LabeledExtract (with no salt) and LabeledExpand of RFC 9180 §4, for the KEM and for HPKE itself. */
export function hpkeLabels(kdf: KeyDerivation, id: Uint8Array): HpkeLabels {
  const version = utf8ToBytes("HPKE-v1");
  const prefixes = new Map<string, Uint8Array>(); // of the few labels that RFC 9180 names
  const prefixOf = (label: string): Uint8Array => {
    let prefix = prefixes.get(label);
    if (prefix === undefined) {
      prefix = concatBytes(version, id, utf8ToBytes(label));
      prefixes.set(label, prefix);
    }
    return prefix;
  };
  return {
    extract: (label, ikm, salt = NO_BYTES) => kdf.extract(salt, concatBytes(prefixOf(label), ikm)),
    expand: (secret, label, info, length) =>
      kdf.expand(
        secret,
        concatBytes(Uint8Array.of(length >> 8, length & 0xff), prefixOf(label), info),
        length,
      ),
  };
}
