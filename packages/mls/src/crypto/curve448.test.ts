import { ed448 as script, x448 } from "@noble/curves/ed448.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { loadCipherSuite } from "./cipher-suite.ts";

const content = utf8ToBytes("content");
const P = 2n ** 448n - 2n ** 224n - 1n;
const suites = [await loadCipherSuite(4), await loadCipherSuite(6)];

describe.each(suites)("the curves of suite $id", (suite) => {
  test("[CRYPTO-3] X448 keys of small order or of a second spelling are no keys", async () => {
    const { privateKey, publicKey } = await suite.deriveKeyPair(content);
    const random = seededRandom("X448");
    expect(publicKey).toEqual(x448.getPublicKey(privateKey));
    expect(suite.isHpkePublicKey(numberBytes(5n, 56))).toBe(true);
    expect(suite.isHpkePublicKey(numberBytes(P + 5n, 56))).toBe(false);
    for (const u of [0n, 1n, P - 1n, P, P + 1n]) {
      const key = numberBytes(u, 56);
      expect(suite.isHpkePublicKey(key)).toBe(false);
      const sealed = { kemOutput: key, ciphertext: new Uint8Array(32) };
      const opened = errorCode(() => suite.decryptWithLabel(privateKey, publicKey, "one", content, sealed));
      expect(await opened).toBe("KEY_INVALID");
      const sealing = errorCode(() => suite.encryptWithLabel(key, "one", content, content, random));
      expect(await sealing).toBe("KEY_INVALID");
    }
  });

  test("[CRYPTO-4] Ed448 keys of small order or of a second spelling verify nothing", async () => {
    const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("Ed448"));
    const signature = await suite.signWithLabel(privateKey, "one", content);
    expect(await suite.verifyWithLabel(publicKey, "one", content, signature)).toBe(true);
    const marked = publicKey.map((byte, i) => (i === 56 ? byte | 0x40 : byte));
    expect(await suite.verifyWithLabel(marked, "one", content, signature)).toBe(false);
    // With the neutral point as key, R = neutral and S = 0 would sign everything.
    const forged = Uint8Array.of(...script.Point.ZERO.toBytes(), ...new Uint8Array(57));
    for (const y of [1n, P - 1n, 0n, P, P + 1n]) {
      for (const sign of [0, 0x80]) {
        const key = numberBytes(y, 57);
        key[56] = sign;
        expect(await suite.verifyWithLabel(key, "one", content, forged)).toBe(false);
      }
    }
  });

  test("[CRYPTO-2] a signature whose S is not reduced is refused, so that each signature has one spelling", async () => {
    const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("malleable"));
    const signature = await suite.signWithLabel(privateKey, "one", content);
    let s = script.Point.Fn.ORDER;
    for (let i = 0; i < 57; i++) s += BigInt(signature[57 + i] ?? 0) << BigInt(8 * i);
    const shifted = Uint8Array.of(...signature.subarray(0, 57), ...numberBytes(s, 57));
    expect(await suite.verifyWithLabel(publicKey, "one", content, shifted)).toBe(false);
  });

  test("an Ed448 key stays the bytes that it is", async () => {
    const { privateKey } = await suite.signatureKeyPair(seededRandom("import"));
    const short = privateKey.subarray(1);
    expect(await errorCode(() => suite.importSignatureKey(privateKey))).toBe("CRYPTO_UNAVAILABLE");
    expect(await errorCode(() => suite.importSignatureKey(short))).toBe("KEY_INVALID");
    expect(await errorCode(() => suite.signWithLabel(short, "one", content))).toBe("KEY_INVALID");
    const foreign = await (await loadCipherSuite(1)).importSignatureKey(new Uint8Array(32));
    expect(await errorCode(() => suite.signWithLabel(foreign, "one", content))).toBe("KEY_INVALID");
  });
});

/** Little-endian. */
function numberBytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
