import { readFileSync } from "node:fs";
import { join } from "node:path";
import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { chaCha20Poly1305 } from "./aead.ts";
import { type Hpke, hpke } from "./hpke.ts";
import { hkdfSha256 } from "./key-derivation.ts";
import { isMlKemPublicKey, type MlKem768, nativeMlKem768, scriptMlKem768 } from "./ml-kem.ts";
import { postQuantumSuite } from "./post-quantum-suite.ts";
import type { Random } from "./random.ts";
import { xWing } from "./x-wing.ts";
import { SMALL_ORDER_U } from "./x25519.ts";

interface PublishedExamples {
  x_wing: { eseed: string; ss: string; sk: string; pk: string; ct: string }[];
  hpke: {
    info: string;
    ikmE: string;
    ikmR: string;
    skRm: string;
    pkRm: string;
    enc: string;
    encryption: { aad: string; pt: string; ct: string };
    export: { exporter_context: string; L: number; exported_value: string };
  };
}

const file = join(import.meta.dirname, "../testing/x-wing-vectors.json");
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of another shape fails its checks
const published = JSON.parse(readFileSync(file, "utf8")) as PublishedExamples;
const content = utf8ToBytes("content");

const script = await scriptMlKem768();
const native = await nativeMlKem768();
if (native === undefined) throw new Error("the Node of this repository has ML-KEM");
const both: { name: string; mlKem: MlKem768; other: MlKem768 }[] = [
  { name: "the platform's ML-KEM", mlKem: native, other: script },
  { name: "noble's ML-KEM", mlKem: script, other: native },
];

describe.each(both)("X-Wing with $name", ({ mlKem, other }) => {
  const kem = xWing(mlKem);
  const suite = postQuantumSuite(0xf001, mlKem);
  const otherSuite = postQuantumSuite(0xf001, other);

  test.each(published.x_wing)("opens the example of X-Wing's draft with the key $sk", async (example) => {
    const [privateKey, publicKey] = [hexToBytes(example.sk), hexToBytes(example.pk)];
    expect(await kem.publicKeyOf(privateKey)).toEqual(publicKey);
    expect(kem.isPublicKey(publicKey)).toBe(true);
    expect(await kem.decapsulate(hexToBytes(example.ct), privateKey)).toEqual(hexToBytes(example.ss));
  });

  test("derives keys, opens and exports as the example of HPKE's draft", async () => {
    const example = published.hpke;
    const keys = await kem.deriveKeyPair(hexToBytes(example.ikmR));
    expect(keys).toEqual({ privateKey: hexToBytes(example.skRm), publicKey: hexToBytes(example.pkRm) });
    const { aad, pt, ct } = example.encryption;
    const sealed = { kemOutput: hexToBytes(example.enc), ciphertext: hexToBytes(ct) };
    const info = hexToBytes(example.info);
    const encryption = exampleHpke(mlKem);
    const opened = encryption.openBase(keys.privateKey, undefined, info, hexToBytes(aad), sealed);
    expect(await opened).toEqual(hexToBytes(pt));
    const { exporter_context: context, L: length, exported_value: value } = example.export;
    const exported = encryption.receiveExport(
      sealed.kemOutput,
      keys.privateKey,
      keys.publicKey,
      info,
      hexToBytes(context),
      length,
    );
    expect(await exported).toEqual(hexToBytes(value));
  });

  test("has the keys of the other implementation, opens what that seals, and seals what that opens", async () => {
    const random = seededRandom("both");
    for (let i = 0; i < 4; i++) {
      const ikm = random.bytes(32);
      const { publicKey, privateKey } = await suite.deriveKeyPair(ikm);
      expect(await otherSuite.deriveKeyPair(ikm)).toEqual({ publicKey, privateKey });
      const own = await suite.encryptWithLabel(publicKey, "one", content, content, random);
      expect(await otherSuite.decryptWithLabel(privateKey, publicKey, "one", content, own)).toEqual(content);
      const theirs = await otherSuite.encryptWithLabel(publicKey, "one", content, content, random);
      expect(await suite.decryptWithLabel(privateKey, publicKey, "one", content, theirs)).toEqual(content);
      // A ciphertext for nobody has the same secret in both, too (FIPS 203 §6.3).
      const spoilt = flip(own.kemOutput, 7);
      expect(await kem.decapsulate(spoilt, privateKey)).toEqual(
        await xWing(other).decapsulate(spoilt, privateKey),
      );
    }
  });

  test("[CRYPTO-9] an ML-KEM key with a coefficient of q or more is no key", async () => {
    const random = seededRandom("modulus");
    const { publicKey } = await suite.deriveKeyPair(content);
    for (const at of [0, 1, 2, 383, 766, 767]) {
      expect(suite.isHpkePublicKey(withCoefficient(publicKey, at, 3328))).toBe(true);
      for (const value of [3329, 4095]) {
        const noKey = withCoefficient(publicKey, at, value);
        expect(suite.isHpkePublicKey(noKey)).toBe(false);
        const sealing = errorCode(() => suite.encryptWithLabel(noKey, "one", content, content, random));
        expect(await sealing).toBe("KEY_INVALID");
      }
    }
    expect(isMlKemPublicKey(publicKey.subarray(0, 1183))).toBe(false);
    expect(isMlKemPublicKey(publicKey.subarray(0, 1185))).toBe(false);
  });

  test("[CRYPTO-3] an X25519 part of small order or of a second spelling makes no key and opens nothing", async () => {
    const random = seededRandom("small order");
    const { publicKey, privateKey } = await suite.deriveKeyPair(content);
    const sealed = await suite.encryptWithLabel(publicKey, "one", content, content, random);
    for (const u of SMALL_ORDER_U) {
      const noKey = concatBytes(publicKey.subarray(0, 1184), hexToBytes(u));
      expect(suite.isHpkePublicKey(noKey)).toBe(false);
      const sealing = errorCode(() => suite.encryptWithLabel(noKey, "one", content, content, random));
      expect(await sealing).toBe("KEY_INVALID");
      const kemOutput = concatBytes(sealed.kemOutput.subarray(0, 1088), hexToBytes(u));
      const opening = errorCode(() =>
        suite.decryptWithLabel(privateKey, publicKey, "one", content, { ...sealed, kemOutput }),
      );
      expect(await opening).toBe("KEY_INVALID");
    }
    const second = publicKey.map((byte, i) => (i === 1215 ? byte | 0x80 : byte));
    expect(suite.isHpkePublicKey(second)).toBe(false);
  });

  test("a change to either part of a ciphertext, or to its length, opens nothing", async () => {
    const random = seededRandom("ciphertext");
    const { publicKey, privateKey } = await suite.deriveKeyPair(content);
    const sealed = await suite.encryptWithLabel(publicKey, "one", content, content, random);
    expect(sealed.kemOutput.length).toBe(1120);
    const open = (kemOutput: Uint8Array) =>
      errorCode(() =>
        suite.decryptWithLabel(privateKey, publicKey, "one", content, { ...sealed, kemOutput }),
      );
    expect(await open(sealed.kemOutput)).toBeUndefined();
    for (const at of [0, 500, 1087, 1088]) {
      expect(await open(flip(sealed.kemOutput, at))).toBe("AEAD_OPEN_FAILED");
    }
    for (const wrong of [new Uint8Array(), sealed.kemOutput.subarray(0, 1088), new Uint8Array(1121)]) {
      expect(await open(wrong)).toBe("KEY_INVALID");
    }
  });
});

// The platform draws the randomness of an encapsulation itself; noble takes it.
describe("with noble's ML-KEM", () => {
  test.each(published.x_wing)("X-Wing seals the draft's example to the key of $sk", async (example) => {
    const { sharedSecret, output } = await xWing(script).encapsulate(
      hexToBytes(example.pk),
      bytesOf(hexToBytes(example.eseed)),
    );
    expect(sharedSecret).toEqual(hexToBytes(example.ss));
    expect(output).toEqual(hexToBytes(example.ct));
  });

  test("HPKE seals the example of its draft", async () => {
    const { pkRm, info, ikmE, enc, encryption } = published.hpke;
    const random = bytesOf(hexToBytes(ikmE));
    const sealed = await exampleHpke(script).sealBase(
      hexToBytes(pkRm),
      hexToBytes(info),
      hexToBytes(encryption.aad),
      hexToBytes(encryption.pt),
      random,
    );
    expect(sealed).toEqual({ kemOutput: hexToBytes(enc), ciphertext: hexToBytes(encryption.ct) });
  });
});

function exampleHpke(mlKem: MlKem768): Hpke {
  return hpke(xWing(mlKem), hkdfSha256, chaCha20Poly1305);
}

/** A random source that hands out these bytes in turn. */
function bytesOf(given: Uint8Array): Random {
  let at = 0;
  return {
    bytes(length) {
      at += length;
      return given.slice(at - length, at);
    },
  };
}

/** The key with another number of 12 bits in one place. */
function withCoefficient(publicKey: Uint8Array, at: number, value: number): Uint8Array {
  const changed = publicKey.slice();
  const i = 3 * (at >> 1);
  const middle = changed[i + 1] ?? 0;
  if (at % 2 === 0) {
    changed[i] = value & 0xff;
    changed[i + 1] = (middle & 0xf0) | (value >> 8);
  } else {
    changed[i + 1] = (middle & 0x0f) | ((value & 0x0f) << 4);
    changed[i + 2] = value >> 4;
  }
  return changed;
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}
