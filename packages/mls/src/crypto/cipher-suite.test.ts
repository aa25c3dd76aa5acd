import { utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test, vi } from "vitest";
import { MlsError } from "../errors.ts";
import { errorCode } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { openChaChaInScript, sealChaChaInScript } from "./aead.ts";
import { cipherSuite, loadCipherSuite, supportedCipherSuites } from "./cipher-suite.ts";
import { equalConstantTime } from "./equal-bytes.ts";

const content = utf8ToBytes("content");
const before = supportedCipherSuites().map((id) => [id, codeOf(() => cipherSuite(id))]);
const suites = await Promise.all(supportedCipherSuites().map((id) => loadCipherSuite(id)));

/** WebCrypto draws the nonces of ECDSA itself, and the randomness of ML-KEM where it has that. */
const WITH_ECDSA = new Set([2, 5, 7]);
const WITH_ML_KEM = new Set([0xf001]);

describe.each(suites)("cipher suite $id, $name", (suite) => {
  test("[CRYPTO-1] the same random source gives the same keys and ciphertexts", async () => {
    const run = async (): Promise<unknown> => {
      const random = seededRandom("replay");
      const signature = await suite.signatureKeyPair(random);
      const hpke = await suite.deriveKeyPair(random.bytes(32));
      const sealed = await suite.encryptWithLabel(hpke.publicKey, "test", content, content, random);
      const signed = await suite.signWithLabel(signature.privateKey, "test", content);
      return {
        signature,
        hpke,
        sealed: WITH_ML_KEM.has(suite.id) ? undefined : sealed,
        signed: WITH_ECDSA.has(suite.id) ? undefined : signed,
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
    expect(await suite.verifyWithLabel(publicKey, "one", content, new Uint8Array())).toBe(false);
    expect(await suite.verifyWithLabel(publicKey.subarray(1), "one", content, signature)).toBe(false);
    expect(await suite.verifyWithLabel(new Uint8Array(), "one", content, signature)).toBe(false);
  });

  test("several labels expand to what each of them does alone", () => {
    const random = seededRandom("expand");
    const lengths = { key: suite.keyLength, nonce: 1, secret: suite.hashLength, long: suite.hashLength + 1 };
    for (const secretLength of [suite.hashLength, 200]) {
      const [one, two] = [random.bytes(secretLength), random.bytes(secretLength)];
      const alone = (secret: Uint8Array, context: Uint8Array) =>
        Object.fromEntries(
          Object.entries(lengths).map(([label, length]) => [
            label,
            suite.expandWithLabel(secret, label, context, length),
          ]),
        );
      expect(suite.expandEach(one, content, lengths)).toEqual(alone(one, content));
      const expand = [suite.expander(one), suite.expander(two)] as const;
      for (const context of [content, random.bytes(100)]) {
        expect(expand[0](context, lengths)).toEqual(alone(one, context));
        expect(expand[1](context, lengths)).toEqual(alone(two, context));
        expect(suite.expandEach(two, context, lengths)).toEqual(alone(two, context));
      }
    }
  });

  test("many calls at once don't take each other's inputs, nor see what becomes of them after the call", async () => {
    const random = seededRandom("at once");
    const sealed = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const [key, nonce] = [random.bytes(suite.keyLength), random.bytes(suite.nonceLength)];
        const [aad, plaintext] = [random.bytes(40), random.bytes(random.bytes(1)[0] ?? 0)];
        const ciphertext = await suite.seal(key.slice(), nonce, aad, plaintext);
        return { key, nonce, aad, plaintext, ciphertext };
      }),
    );
    const opened = await Promise.all(
      sealed.map(({ key, nonce, aad, ciphertext }) => suite.open(key, nonce, aad, ciphertext)),
    );
    expect(opened).toEqual(sealed.map(({ plaintext }) => plaintext));
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
    expect(await errorCode(() => suite.open(key, nonce, content, sealed.subarray(0, 15)))).toBe(
      "AEAD_OPEN_FAILED",
    );
  });

  test("HPKE opens with the right key, label and context only, and refuses keys of a wrong length", async () => {
    const random = seededRandom("hpke");
    const { publicKey, privateKey } = await suite.deriveKeyPair(random.bytes(32));
    const other = await suite.deriveKeyPair(random.bytes(32));
    expect(await suite.hpkePublicKey(privateKey)).toEqual(publicKey);
    expect(suite.isHpkePublicKey(publicKey)).toBe(true);
    expect(suite.isHpkePublicKey(publicKey.subarray(1))).toBe(false);
    expect(suite.isHpkePublicKey(Uint8Array.of(...publicKey, 0))).toBe(false);
    const sealed = await suite.encryptWithLabel(publicKey, "one", content, content, random);
    const open = (key: Uint8Array, label: string, context: Uint8Array, ct = sealed) =>
      errorCode(() => suite.decryptWithLabel(key, undefined, label, context, ct));
    expect(await open(privateKey, "one", content)).toBeUndefined();
    expect(await open(other.privateKey, "one", content)).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey, "two", content)).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey, "one", flip(content))).toBe("AEAD_OPEN_FAILED");
    expect(await open(privateKey.subarray(1), "one", content)).toBe("KEY_INVALID");
    for (const kemOutput of [sealed.kemOutput.subarray(1), Uint8Array.of(...sealed.kemOutput, 0)]) {
      expect(await open(privateKey, "one", content, { ...sealed, kemOutput })).toBe("KEY_INVALID");
    }
    expect(
      await errorCode(() => suite.encryptWithLabel(publicKey.subarray(1), "one", content, content, random)),
    ).toBe("KEY_INVALID");
    expect(await errorCode(() => suite.hpkePublicKey(privateKey.subarray(1)))).toBe("KEY_INVALID");
  });

  test("both ends of an HPKE export agree", async () => {
    const random = seededRandom("export");
    const { publicKey, privateKey } = await suite.deriveKeyPair(random.bytes(32));
    const sent = await suite.sendExport(publicKey, content, content, 32, random);
    const receive = (own: Uint8Array | undefined, context: Uint8Array) =>
      suite.receiveExport(sent.kemOutput, privateKey, own, content, context, 32);
    expect(await receive(publicKey, content)).toEqual(sent.secret);
    expect(await receive(undefined, content)).toEqual(sent.secret);
    expect(await receive(publicKey, flip(content))).not.toEqual(sent.secret);
  });

  test("lengths beyond the KDF are refused", async () => {
    const secret = new Uint8Array(suite.hashLength);
    const longest = 255 * suite.hashLength;
    expect(suite.expandWithLabel(secret, "x", content, longest).length).toBe(longest);
    expect(await errorCode(() => suite.expandWithLabel(secret, "x", content, longest + 1))).toBe(
      "LENGTH_INVALID",
    );
    expect(await errorCode(() => suite.expandWithLabel(secret, "x", content, -1))).toBe("LENGTH_INVALID");
  });
});

test("suites 1 to 3 are there at once, the others once they're loaded", async () => {
  expect(before).toEqual([
    [1, undefined],
    [2, undefined],
    [3, undefined],
    [4, "SUITE_NOT_LOADED"],
    [5, "SUITE_NOT_LOADED"],
    [6, "SUITE_NOT_LOADED"],
    [7, "SUITE_NOT_LOADED"],
    [0xf001, "SUITE_NOT_LOADED"],
  ]);
  for (const suite of suites) {
    expect(cipherSuite(suite.id)).toBe(suite);
    expect(await loadCipherSuite(suite.id)).toBe(suite);
  }
});

test("a suite that two ask for at the same time is one", async () => {
  vi.resetModules();
  const fresh = await import("./cipher-suite.ts");
  for (const id of fresh.supportedCipherSuites()) {
    const [one, other] = await Promise.all([fresh.loadCipherSuite(id), fresh.loadCipherSuite(id)]);
    expect(one).toBe(other);
  }
});

test("a cipher suite that this build lacks is refused by code", async () => {
  for (const id of [0, 8, 0x0a0a, 0xffff]) {
    expect(await errorCode(() => cipherSuite(id))).toBe("SUITE_UNSUPPORTED");
    expect(await errorCode(() => loadCipherSuite(id))).toBe("SUITE_UNSUPPORTED");
  }
});

test("ChaCha20-Poly1305 in script agrees with the built-in one", async () => {
  const suite = cipherSuite(3);
  const random = seededRandom("chacha");
  const key = random.bytes(32);
  const nonce = random.bytes(12);
  const sealed = await suite.seal(key, nonce, content, content);
  expect(await sealChaChaInScript(key, nonce, content, content)).toEqual(sealed);
  expect(await openChaChaInScript(key, nonce, content, sealed)).toEqual(content);
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

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof MlsError ? error.code : String(error);
  }
}

function flip(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
}
