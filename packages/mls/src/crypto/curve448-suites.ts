import { sha512 } from "@noble/hashes/sha2.js";
import { aesGcm, chaCha20Poly1305 } from "./aead.ts";
import { composeSuite } from "./compose-suite.ts";
import { dhkemX448, ed448 } from "./curve448.ts";
import { hkdf } from "./key-derivation.ts";

const hkdfSha512 = hkdf(sha512, 0x0003);
const kem = dhkemX448(hkdfSha512);

export const suite4 = composeSuite({
  id: 0x0004,
  name: "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
  kem,
  kdf: hkdfSha512,
  aead: aesGcm(0x0002, 32),
  signature: ed448,
});

export const suite6 = composeSuite({
  id: 0x0006,
  name: "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
  kem,
  kdf: hkdfSha512,
  aead: chaCha20Poly1305,
  signature: ed448,
});
