import { ed25519 } from "@noble/curves/ed25519.js";
import { hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { cipherSuite } from "./cipher-suite.ts";
import { isCanonicalCoordinate } from "./curve25519.ts";
import { isStrongPublicKey } from "./ed25519.ts";
import { SMALL_ORDER_U } from "./x25519.ts";

const content = utf8ToBytes("content");
const suite = cipherSuite(1);

test("a fresh Ed25519 key pair is that of its seed", async () => {
  const random = seededRandom("Ed25519");
  for (let i = 0; i < 8; i++) {
    const { publicKey, privateKey } = await suite.signatureKeyPair(random);
    expect(publicKey).toEqual(ed25519.getPublicKey(privateKey));
  }
});

test("an imported signature key signs alike and cannot be read back", async () => {
  const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("import"));
  const key = await suite.importSignatureKey(privateKey);
  expect(key.extractable).toBe(false);
  const signature = await suite.signWithLabel(key, "one", content);
  expect(await suite.verifyWithLabel(publicKey, "one", content, signature)).toBe(true);
  expect(await errorCode(() => suite.importSignatureKey(privateKey.subarray(1)))).toBe("KEY_INVALID");
});

test("[CRYPTO-2] a signature whose S is not reduced is refused, so that each signature has one spelling", async () => {
  const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("malleable"));
  const signature = await suite.signWithLabel(privateKey, "one", content);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = order;
  for (let i = 0; i < 32; i++) s += BigInt(signature[32 + i] ?? 0) << BigInt(8 * i);
  const shifted = signature.slice();
  for (let i = 0; i < 32; i++) shifted[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn);
  expect(await suite.verifyWithLabel(publicKey, "one", content, shifted)).toBe(false);
});

test("[CRYPTO-3] X25519 keys of small order or of a second spelling are no keys", async () => {
  const { privateKey, publicKey } = await suite.deriveKeyPair(content);
  expect(suite.isHpkePublicKey(publicKey)).toBe(true);
  expect(suite.isHpkePublicKey(publicKey.map((byte, i) => (i === 31 ? byte | 0x80 : byte)))).toBe(false);
  expect(suite.isHpkePublicKey(new Uint8Array(31).fill(9))).toBe(false);
  for (const u of SMALL_ORDER_U) {
    expect(suite.isHpkePublicKey(hexToBytes(u))).toBe(false);
    const sealed = { kemOutput: hexToBytes(u), ciphertext: new Uint8Array(32) };
    const opened = errorCode(() => suite.decryptWithLabel(privateKey, undefined, "one", content, sealed));
    expect(await opened).toBe("KEY_INVALID");
  }
});

test("[CRYPTO-4] Ed25519 keys of small order or of a second spelling verify nothing", async () => {
  const strong = ed25519.Point.BASE.multiply(7n); // any point of the large subgroup
  expect(isStrongPublicKey(strong.toBytes())).toBe(true);
  // The eight points whose order divides 8, from one of order 8.
  const eighth = ed25519.Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  let point = ed25519.Point.ZERO;
  const encodings = new Set<string>();
  for (let i = 0; i < 8; i++) {
    encodings.add(point.toHex());
    expect(isStrongPublicKey(point.toBytes()), point.toHex()).toBe(false);
    point = point.add(eighth);
  }
  expect(encodings.size).toBe(8);
  // With the neutral point as key, R = neutral and S = 0 would sign everything.
  const forged = new Uint8Array(64);
  forged[0] = 1;
  expect(await suite.verifyWithLabel(ed25519.Point.ZERO.toBytes(), "any", content, forged)).toBe(false);
  const aboveP = new Uint8Array(32).fill(0xff);
  aboveP[0] = 0xf0;
  aboveP[31] = 0x7f;
  expect(isCanonicalCoordinate(aboveP)).toBe(false);
  expect(isStrongPublicKey(aboveP)).toBe(false);
});
