import { p256 as scriptP256, p384 as scriptP384, p521 as scriptP521 } from "@noble/curves/nist.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { loadCipherSuite } from "./cipher-suite.ts";
import { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-der.ts";
import { drawPrivateKey, firstPrivateKey, type NistCurve, nistPublicKeyInScript } from "./nist-curve.ts";
import { p384, p521 } from "./nist-suites.ts";
import { p256 } from "./p256.ts";

const content = utf8ToBytes("content");
const withCurve = [
  { suite: await loadCipherSuite(2), curve: p256, script: scriptP256 },
  { suite: await loadCipherSuite(5), curve: p521, script: scriptP521 },
  { suite: await loadCipherSuite(7), curve: p384, script: scriptP384 },
];

describe.each(withCurve)("$curve.name, in suite $suite.id", ({ suite, curve, script }) => {
  test("keys are those of their private half, with WebCrypto and in script", async () => {
    const random = seededRandom(curve.name);
    for (let i = 0; i < 4; i++) {
      const pair = await suite.signatureKeyPair(random);
      expect(pair.publicKey).toEqual(script.getPublicKey(pair.privateKey, false));
      expect(await nistPublicKeyInScript(curve, pair.privateKey)).toEqual(pair.publicKey);
      const hpke = await suite.deriveKeyPair(random.bytes(curve.length));
      expect(hpke.publicKey).toEqual(script.getPublicKey(hpke.privateKey, false));
    }
  });

  test("[CRYPTO-6] a P-curve key is an uncompressed point of the curve, and nothing else is", async () => {
    const random = seededRandom("points");
    const { publicKey, privateKey } = await suite.deriveKeyPair(content);
    const signing = await suite.signatureKeyPair(random);
    const signature = await suite.signWithLabel(signing.privateKey, "one", content);
    expect(suite.isHpkePublicKey(publicKey)).toBe(true);
    expect(suite.isHpkePublicKey(signing.publicKey)).toBe(true);
    const sealed = await suite.encryptWithLabel(publicKey, "one", content, content, random);
    for (const [what, spoil] of Object.entries(spoiltPoints(curve))) {
      const noKey = spoil(publicKey);
      expect(suite.isHpkePublicKey(noKey), what).toBe(false);
      expect(
        await errorCode(() => suite.encryptWithLabel(noKey, "one", content, content, random)),
        what,
      ).toBe("KEY_INVALID");
      const toNoKey = { ...sealed, kemOutput: spoil(sealed.kemOutput) };
      const opened = errorCode(() => suite.decryptWithLabel(privateKey, publicKey, "one", content, toNoKey));
      expect(await opened, what).toBe("KEY_INVALID");
      expect(await suite.verifyWithLabel(spoil(signing.publicKey), "one", content, signature), what).toBe(
        false,
      );
    }
  });

  test("[CRYPTO-6] a coordinate has one spelling, below p", async () => {
    let x = 0n;
    while (!isOnCurve(x)) x++;
    const point = script.Point.fromBytes(Uint8Array.of(2, ...numberBytes(curve, x))).toBytes(false);
    const y = point.subarray(1 + curve.length);
    expect(suite.isHpkePublicKey(point)).toBe(true);
    expect(suite.isHpkePublicKey(Uint8Array.of(4, ...numberBytes(curve, x + curve.p), ...y))).toBe(false);

    function isOnCurve(candidate: bigint): boolean {
      try {
        script.Point.fromBytes(Uint8Array.of(2, ...numberBytes(curve, candidate)));
        return true;
      } catch {
        return false;
      }
    }
  });

  test("[CRYPTO-7] a private key of a P-curve is above zero and below the order", async () => {
    const zero = new Uint8Array(curve.length);
    const above = numberBytes(curve, orderOf(curve) + 1n);
    const five = numberBytes(curve, 5n);
    for (const wrong of [zero, curve.order, above, five.subarray(1), Uint8Array.of(...five, 0)]) {
      expect(await errorCode(() => suite.importSignatureKey(wrong))).toBe("KEY_INVALID");
      expect(await errorCode(() => suite.hpkePublicKey(wrong))).toBe("KEY_INVALID");
      expect(await errorCode(() => suite.signWithLabel(wrong, "one", content))).toBe("KEY_INVALID");
    }
    for (const right of [numberBytes(curve, 1n), numberBytes(curve, orderOf(curve) - 1n)]) {
      expect(await suite.hpkePublicKey(right)).toEqual(script.getPublicKey(right, false));
    }
  });

  test("candidates out of range are passed over, and after 256 of them there is no key", async () => {
    const zero = new Uint8Array(curve.length);
    const right = numberBytes(curve, 5n);
    const drawn = [curve.order, zero, numberBytes(curve, orderOf(curve) + 1n), right];
    expect(drawPrivateKey(curve, { bytes: () => drawn.shift() ?? zero })).toEqual(right);
    expect(firstPrivateKey(curve, (counter) => (counter === 255 ? right : zero))).toEqual(right);
    expect(await errorCode(() => firstPrivateKey(curve, () => zero))).toBe("KEY_INVALID");
    expect(drawPrivateKey(curve, { bytes: (length) => new Uint8Array(length).fill(0x5a) })[0]).toBe(
      0x5a & curve.firstByteMask,
    );
  });

  test("an imported ECDSA key signs and cannot be read back", async () => {
    const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("import"));
    const key = await suite.importSignatureKey(privateKey);
    expect(key.extractable).toBe(false);
    const signature = await suite.signWithLabel(key, "one", content);
    expect(await suite.verifyWithLabel(publicKey, "one", content, signature)).toBe(true);
  });

  test("[CRYPTO-8] an ECDSA signature is verified in its one DER encoding only", async () => {
    const { publicKey, privateKey } = await suite.signatureKeyPair(seededRandom("DER"));
    // Until both numbers need a leading zero: a lax reader takes them without it, and with two.
    let raw = new Uint8Array();
    do {
      const signed = await suite.signWithLabel(privateKey, "one", content);
      raw = Uint8Array.from(decodeEcdsaSignature(signed, curve.length) ?? []);
    } while (halvesOf(raw).some(([first = 0]) => first < 0x80));
    const der = encodeEcdsaSignature(raw);
    const verify = (signature: Uint8Array): Promise<boolean> =>
      suite.verifyWithLabel(publicKey, "one", content, signature);
    expect(await verify(der)).toBe(true);
    expect(await verify(raw)).toBe(false);
    for (const [what, lax] of Object.entries(laxEncodings(der, raw))) {
      expect(await verify(lax), what).toBe(false);
    }
    const zero = new Uint8Array(2 * curve.length);
    expect(await verify(encodeEcdsaSignature(zero))).toBe(false);
    const order = Uint8Array.of(...raw.subarray(0, curve.length), ...curve.order);
    expect(await verify(encodeEcdsaSignature(order))).toBe(false);
  });
});

test("numbers of every length survive DER", () => {
  const random = seededRandom("numbers");
  for (const length of [32, 48, 66]) {
    for (let zeros = 0; zeros < length; zeros++) {
      const number = random.bytes(length).fill(0, 0, zeros);
      number[length - 1] = 0x80 | zeros;
      const raw = Uint8Array.of(...number, ...random.bytes(length - 1), 1);
      expect(decodeEcdsaSignature(encodeEcdsaSignature(raw), length)).toEqual(raw);
      expect(decodeEcdsaSignature(encodeEcdsaSignature(raw), length - zeros - 1)).toBeUndefined();
    }
  }
});

test("[CRYPTO-8] whatever is read as a signature is the encoding of what was read", () => {
  const random = seededRandom("mutations");
  const below = (limit: number): number =>
    (((random.bytes(2)[0] ?? 0) << 8) | (random.bytes(1)[0] ?? 0)) % limit;
  let read = 0;
  for (let round = 0; round < 6_000; round++) {
    const length = [32, 48, 66][round % 3] ?? 32;
    const raw = random.bytes(2 * length).fill(0, 0, below(4));
    let der = encodeEcdsaSignature(raw);
    const at = below(3) === 0 ? below(der.length) : below(8);
    der = der.with(at, [0, 1, 0x02, 0x30, 0x7f, 0x80, 0x81, below(256)][below(8)] ?? 0);
    if (below(4) === 0) der = Uint8Array.of(...der.subarray(0, at), 0, ...der.subarray(at));
    if (below(4) === 0) der = der.subarray(0, below(der.length + 1));
    const decoded = decodeEcdsaSignature(der, length);
    if (decoded === undefined) continue;
    read++;
    expect(encodeEcdsaSignature(decoded)).toEqual(der);
  }
  expect(read).toBeGreaterThan(100);
});

/** What is no key, made from a key. */
function spoiltPoints(curve: NistCurve): Record<string, (key: Uint8Array) => Uint8Array> {
  const { length } = curve;
  return {
    compressed: (key) => Uint8Array.of(2 + ((key.at(-1) ?? 0) & 1), ...key.subarray(1, 1 + length)),
    "without its prefix": (key) => key.subarray(1),
    "with a hybrid prefix": (key) => Uint8Array.of(6 + ((key.at(-1) ?? 0) & 1), ...key.subarray(1)),
    "off the curve": (key) => key.map((byte, i) => (i === 2 * length ? byte ^ 1 : byte)),
    "the point at infinity": () => Uint8Array.of(0),
    "x and y zero": () => Uint8Array.of(4, ...new Uint8Array(2 * length)),
    "a byte too long": (key) => Uint8Array.of(...key, 0),
  };
}

/** Other encodings of the same two numbers, as BER or a lax reader would take them. */
function laxEncodings(der: Uint8Array, raw: Uint8Array): Record<string, Uint8Array> {
  const header = der[1] === 0x81 ? 3 : 2;
  const body = [...der.subarray(header)];
  const integer = (...bytes: number[]): number[] => [0x02, bytes.length, ...bytes];
  const sequence = (inner: number[]): Uint8Array =>
    Uint8Array.from([0x30, ...(inner.length < 0x80 ? [] : [0x81]), inner.length, ...inner]);
  const [r, s] = halvesOf(raw);
  return {
    "a byte after it": Uint8Array.of(...der, 0),
    "a byte within it": sequence([...body, 0]),
    "a third number": sequence([...body, ...integer(1)]),
    "one number": sequence(integer(0, ...r)),
    "the length in two bytes more": Uint8Array.of(0x30, 0x82, 0, body.length, ...body),
    "an indefinite length": Uint8Array.of(0x30, 0x80, ...body, 0, 0),
    "a length of no need in the long form":
      body.length < 0x80
        ? Uint8Array.of(0x30, 0x81, body.length, ...body)
        : Uint8Array.of(0x30, body.length, ...body),
    "a length too short": der.map((byte, i) => (i === header - 1 ? byte - 1 : byte)),
    "another tag": der.map((byte, i) => (i === 0 ? 0x31 : byte)),
    "r without its zero": sequence([...integer(...r), ...integer(0, ...s)]),
    "s without its zero": sequence([...integer(0, ...r), ...integer(...s)]),
    "r with two zeros": sequence([...integer(0, 0, ...r), ...integer(0, ...s)]),
    "s with two zeros": sequence([...integer(0, ...r), ...integer(0, 0, ...s)]),
    "a number's length in the long form": sequence([0x02, 0x81, r.length + 1, 0, ...r, ...integer(0, ...s)]),
    "an empty number": sequence([...integer(0, ...r), 0x02, 0]),
    "a number that ends outside": sequence([...integer(0, ...r), 0x02, s.length + 2, 0, ...s]),
    "a bit string": sequence([0x03, r.length + 1, 0, ...r, ...integer(0, ...s)]),
    "a truncated one": der.subarray(0, -1),
    "nothing but a tag": Uint8Array.of(0x30),
  };
}

/** Both numbers without leading zeros. */
function halvesOf(raw: Uint8Array): [Uint8Array, Uint8Array] {
  const half = raw.length / 2;
  const trim = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return [trim(raw.subarray(0, half)), trim(raw.subarray(half))];
}

function orderOf(curve: NistCurve): bigint {
  return BigInt(`0x${bytesToHex(curve.order)}`);
}

function numberBytes(curve: NistCurve, value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(2 * curve.length, "0"));
}
