import { MlsError } from "../errors.ts";
import { type DhGroup, dhkem, type Kem, kemLabels } from "./kem.ts";
import type { KeyDerivation } from "./key-derivation.ts";
import {
  firstPrivateKey,
  importNistPrivate,
  importNistPublic,
  isNistPublicKey,
  type NistCurve,
  nistPublicKey,
} from "./nist-curve.ts";
import { subtle } from "./web-crypto.ts";

/** DHKEM over a P-curve (RFC 9180 §7.1). Throws KEY_INVALID on what is no key of the curve (§7.1.4). */
export function dhkemNist(curve: NistCurve, kemId: number, kdf: KeyDerivation): Kem {
  const labels = kemLabels(kdf, kemId);

  function derivePrivateKey(ikm: Uint8Array): Uint8Array {
    const prk = labels.extract("dkp_prk", ikm);
    return firstPrivateKey(curve, (counter) =>
      labels.expand(prk, "candidate", Uint8Array.of(counter), curve.length),
    );
  }

  async function diffieHellman(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array> {
    const other = await importNistPublic(curve, "ECDH", publicKey);
    const own = await importNistPrivate(curve, "ECDH", privateKey);
    try {
      const bits = await subtle().deriveBits({ name: "ECDH", public: other }, own, 8 * curve.length);
      return new Uint8Array(bits);
    } catch (cause) {
      throw new MlsError("KEY_INVALID", `no ${curve.name} secret with this public key`, { cause });
    }
  }

  const group: DhGroup = {
    kemId,
    derivePrivateKey,
    ephemeralKey: (random) => derivePrivateKey(random.bytes(curve.length)),
    publicKeyOf: (privateKey) => nistPublicKey(curve, privateKey),
    isPublicKey: (publicKey) => isNistPublicKey(curve, publicKey),
    async exchange(privateKey, publicKey) {
      const [own, shared] = await Promise.all([
        nistPublicKey(curve, privateKey),
        diffieHellman(privateKey, publicKey),
      ]);
      return { own, shared };
    },
    diffieHellman,
  };
  return dhkem(group, kdf);
}
