import type { SignatureScheme } from "./compose-suite.ts";
import { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-der.ts";
import { remember } from "../remember.ts";
import { rememberPublic } from "./imported-keys.ts";
import {
  drawPrivateKey,
  importNistPrivate,
  importNistPublic,
  type NistCurve,
  nistPublicKey,
} from "./nist-curve.ts";
import { subtle } from "./web-crypto.ts";

/**
 * ECDSA with signatures in DER (RFC 9420 §5.1.2, RFC 8446 §4.2.3). The platform draws each signature's nonce itself,
 * so that, unlike all else, signatures of these suites don't repeat with a seeded random source.
 */
export function ecdsa(curve: NistCurve, hash: "SHA-256" | "SHA-384" | "SHA-512"): SignatureScheme {
  const algorithm = { name: "ECDSA", hash };
  const importPrivate = (privateKey: Uint8Array) => importNistPrivate(curve, "ECDSA", privateKey);
  const signingKeyOf = remember(importPrivate);
  const verifyingKeys = rememberPublic((publicKey) => importNistPublic(curve, "ECDSA", publicKey));
  return {
    async keyPair(random) {
      const privateKey = drawPrivateKey(curve, random);
      return { publicKey: await nistPublicKey(curve, privateKey), privateKey };
    },
    importPrivate,
    async sign(privateKey, content) {
      const key = privateKey instanceof Uint8Array ? await signingKeyOf(privateKey) : privateKey;
      return encodeEcdsaSignature(new Uint8Array(await subtle().sign(algorithm, key, content)));
    },
    async verify(publicKey, content, signature) {
      const raw = decodeEcdsaSignature(signature, curve.length);
      const key = raw === undefined ? undefined : await verifyingKeys.find(publicKey);
      return raw === undefined || key === undefined ? false : subtle().verify(algorithm, key, raw, content);
    },
  };
}
