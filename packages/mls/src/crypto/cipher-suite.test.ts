import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { openChaChaInScript } from "./aead.ts";
import { cipherSuite, supportedCipherSuites } from "./cipher-suite.ts";
import { isCanonicalCoordinate } from "./curve25519.ts";
import { isStrongPublicKey } from "./ed25519.ts";
import { equalConstantTime } from "./equal-bytes.ts";
import { SMALL_ORDER_U } from "./x25519.ts";

const content = utf8ToBytes("content");

describe.each(supportedCipherSuites())("cipher suite %i", (id) => {
  const suite = cipherSuite(id);

  test("[CRYPTO-1] the same random source gives the same keys and ciphertexts", async () => {
    const run = async (): Promise<unknown> => {
      const random = seededRandom("replay");
      const signature = await suite.signatureKeyPair(random);
      const hpke = await suite.deriveKeyPair(random.bytes(32));
      const sealed = await suite.encryptWithLabel(hpke.publicKey, "test", content, content, random);
      return {
        signature,
        hpke,
        sealed,
        signed: await suite.signWithLabel(signature.privateKey, "test", content),
      };
    };
    expect(await run()).toEqual(await run());
  });

  test("a signature holds for its key, label and content only", async () => {
    const random = seededRandom("signature");
    const { publicKey, privateKey } = await suite.signatureKeyPair(random);
    const other = await suite.signatureKeyPair(random);
    const signature = await suite.signWithLabel(privateKey, "one", content);
    expect(await suite.verifyWithLabel(publicKey, "one", content, signature)).toBe(true);
    expect(await suite.verifyWithLabel(publicKey, "two", content, signature)).toBe(false);
    expect(await suite.verifyWithLabel(publicKey, "one", utf8ToBytes("other"), signature)).toBe(false);
    expect(await suite.verifyWithLabel(other.publicKey, "one", content, signature)).toBe(false);
    expect(await suite.verifyWithLabel(publicKey, "one", content, signature.subarray(1))).toBe(false);
    expect(await suite.verifyWithLabel(publicKey.subarray(1), "one", content, signature)).toBe(false);
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

  test("an imported signature key signs alike and cannot be read back", async () => {
    const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("import"));
    const key = await suite.importSignatureKey(privateKey);
    expect(key.extractable).toBe(false);
    const signature = await suite.signWithLabel(key, "one", content);
    expect(await suite.verifyWithLabel(publicKey, "one", content, signature)).toBe(true);
    expect(await errorCode(() => suite.importSignatureKey(privateKey.subarray(1)))).toBe("KEY_INVALID");
  });

  test("a changed key, nonce, AAD, ciphertext or tag does not open", async () => {
    const random = seededRandom("aead");
    const key = random.bytes(suite.keyLength);
    const nonce = random.bytes(suite.nonceLength);
    const sealed = await suite.seal(key, nonce, content, content);
    expect(sealed.length).toBe(content.length + 16);
    expect(await suite.open(key, nonce, content, sealed)).toEqual(content);
    expect(await errorCode(() => suite.open(flip(key), nonce, content, sealed))).toBe("AEAD_OPEN_FAILED");
    expect(await errorCode(() => suite.open(key, flip(nonce), content, sealed))).toBe("AEAD_OPEN_FAILED");
    expect(await errorCode(() => suite.open(key, nonce, flip(content), sealed))).toBe("AEAD_OPEN_FAILED");
    expect(await errorCode(() => suite.open(key, nonce, content, flip(sealed)))).toBe("AEAD_OPEN_FAILED");
    expect(await errorCode(() => suite.open(key, nonce, content, sealed.subarray(0, 10)))).toBe(
      "AEAD_OPEN_FAILED",
    );
  });

  test("HPKE opens with the right key, label and context only, and refuses keys of a wrong length", async () => {
    const random = seededRandom("hpke");
    const { publicKey, privateKey } = await suite.deriveKeyPair(random.bytes(32));
    const other = await suite.deriveKeyPair(random.bytes(32));
    const sealed = await suite.encryptWithLabel(publicKey, "one", content, content, random);
    const open = (key: Uint8Array, label: string, context: Uint8Array, ct = sealed) =>
      errorCode(() => suite.decryptWithLabel(key, undefined, label, context, ct));
    expect(await open(privateKey, "one", content)).toBeUndefined();
    expect(await open(other.privateKey, "one", content)).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey, "two", content)).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey, "one", flip(content))).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey.subarray(1), "one", content)).toBe("KEY_INVALID");
    expect(await open(privateKey, "one", content, { ...sealed, kemOutput: new Uint8Array(31) })).toBe(
      "KEY_INVALID",
    );
    expect(
      await errorCode(() => suite.encryptWithLabel(publicKey.subarray(1), "one", content, content, random)),
    ).toBe("KEY_INVALID");
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

  test("both ends of an HPKE export agree", async () => {
    const random = seededRandom("export");
    const { publicKey, privateKey } = await suite.deriveKeyPair(random.bytes(32));
    const sent = await suite.sendExport(publicKey, content, content, 32, random);
    const received = await suite.receiveExport(sent.kemOutput, privateKey, publicKey, content, content, 32);
    expect(received).toEqual(sent.secret);
    const elsewhere = await suite.receiveExport(
      sent.kemOutput,
      privateKey,
      publicKey,
      content,
      flip(content),
      32,
    );
    expect(elsewhere).not.toEqual(sent.secret);
  });

  test("lengths beyond the KDF are refused", async () => {
    const secret = new Uint8Array(32);
    expect(suite.expandWithLabel(secret, "x", content, 255 * 32).length).toBe(255 * 32);
    expect(await errorCode(() => suite.expandWithLabel(secret, "x", content, 255 * 32 + 1))).toBe(
      "LENGTH_INVALID",
    );
    expect(await errorCode(() => suite.expandWithLabel(secret, "x", content, -1))).toBe("LENGTH_INVALID");
  });
});

test("a cipher suite that this build lacks is refused by code", async () => {
  for (const id of [0, 2, 4, 0x0a0a, 0xffff]) {
    expect(await errorCode(() => cipherSuite(id))).toBe("SUITE_UNSUPPORTED");
  }
});

test("[CRYPTO-4] Ed25519 keys of small order or of a second spelling verify nothing", async () => {
  const suite = cipherSuite(1);
  const torsion = ed25519.Point.BASE.multiply(7n); // any point of the large subgroup
  expect(isStrongPublicKey(torsion.toBytes())).toBe(true);
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

test("ChaCha20-Poly1305 in script agrees with the built-in one", async () => {
  const suite = cipherSuite(3);
  const random = seededRandom("chacha");
  const key = random.bytes(32);
  const nonce = random.bytes(12);
  const sealed = await suite.seal(key, nonce, content, content);
  expect(chacha20poly1305(key, nonce, content).encrypt(content)).toEqual(sealed);
  expect(openChaChaInScript(key, nonce, content, sealed)).toEqual(content);
  expect(await errorCode(() => openChaChaInScript(key, nonce, content, flip(sealed)))).toBe(
    "AEAD_OPEN_FAILED",
  );
});

test("[CRYPTO-5] comparing tags reads every byte, wherever they differ", () => {
  const tag = seededRandom("tag").bytes(32);
  const reads: number[] = [];
  for (let differsAt = 0; differsAt <= 32; differsAt++) {
    let count = 0;
    const counting = new Proxy(
      tag.map((byte, i) => (i === differsAt ? byte ^ 0x10 : byte)),
      {
        get(target, property) {
          if (property !== "length") count++;
          return Reflect.get(target, property, target);
        },
      },
    );
    expect(equalConstantTime(counting, tag)).toBe(differsAt === 32);
    reads.push(count);
  }
  expect(new Set(reads)).toEqual(new Set([32]));
  expect(equalConstantTime(tag, tag.subarray(1))).toBe(false);
});

function flip(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
}
