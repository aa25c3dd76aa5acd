import { sha384, sha512 } from "@noble/hashes/sha2.js";
import { hexToBytes } from "@noble/hashes/utils.js";
import { aesGcm } from "./aead.ts";
import { composeSuite } from "./compose-suite.ts";
import { ecdsa } from "./ecdsa.ts";
import { hkdf } from "./key-derivation.ts";
import type { NistCurve } from "./nist-curve.ts";
import { dhkemNist } from "./nist-kem.ts";

const P384_B =
  "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef";
const P384_ORDER =
  "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
const P521_B =
  "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1" +
  "56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00";
const P521_ORDER =
  "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa" +
  "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409";

/** NIST SP 800-186 §3.2.1.4 */
export const p384: NistCurve = {
  name: "P-384",
  length: 48,
  firstByteMask: 0xff,
  p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  b: BigInt(`0x${P384_B}`),
  order: hexToBytes(P384_ORDER),
  oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
};

/** NIST SP 800-186 §3.2.1.5 */
export const p521: NistCurve = {
  name: "P-521",
  length: 66,
  firstByteMask: 0x01,
  p: 2n ** 521n - 1n,
  b: BigInt(`0x${P521_B}`),
  order: hexToBytes(P521_ORDER),
  oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
};

const hkdfSha384 = hkdf(sha384, 0x0002);
const hkdfSha512 = hkdf(sha512, 0x0003);
const aes256Gcm = aesGcm(0x0002, 32);

export const suite5 = composeSuite({
  id: 0x0005,
  name: "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
  kem: dhkemNist(p521, 0x0012, hkdfSha512),
  kdf: hkdfSha512,
  aead: aes256Gcm,
  signature: ecdsa(p521, "SHA-512"),
});

export const suite7 = composeSuite({
  id: 0x0007,
  name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
  kem: dhkemNist(p384, 0x0011, hkdfSha384),
  kdf: hkdfSha384,
  aead: aes256Gcm,
  signature: ecdsa(p384, "SHA-384"),
});
