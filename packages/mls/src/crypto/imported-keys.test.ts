import { describe, expect, test } from "vitest";
import { MlsError } from "../errors.ts";
import { errorCode } from "../testing/error-code.ts";
import { rememberPublic } from "./imported-keys.ts";
import { subtle } from "./web-crypto.ts";

describe("a public key that can't be imported", () => {
  const key = new Uint8Array(32).fill(1);

  test("is no key where it is malformed, and stays none", async () => {
    let imports = 0;
    const { find: keyOf } = rememberPublic(async () => {
      imports += 1;
      throw new MlsError("KEY_INVALID", "off the curve");
    });
    expect(await keyOf(key)).toBeUndefined();
    expect(await keyOf(key)).toBeUndefined();
    expect(imports).toBe(1);
  });

  test("is not called a bad one where the platform is what fails, and is asked about again", async () => {
    const missing = Object.assign(new Error("no such algorithm"), { name: "NotSupportedError" });
    const failures: Error[] = [new MlsError("CRYPTO_UNAVAILABLE", "no WebCrypto"), missing];
    const { find: keyOf } = rememberPublic(async (publicKey) => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return subtle().importKey("raw", publicKey, "X25519", true, []);
    });
    expect(await errorCode(() => keyOf(key))).toBe("CRYPTO_UNAVAILABLE");
    await expect(keyOf(key)).rejects.toBe(missing);
    expect((await keyOf(key))?.type).toBe("public");
  });
});

describe("a public key that was imported", () => {
  test("is met again in the same array for as long as that says the same", async () => {
    const keys = rememberPublic((publicKey) => subtle().importKey("raw", publicKey, "X25519", true, []));
    const array = new Uint8Array(32).fill(1);
    expect(keys.met(array)).toBeUndefined();
    const first = await keys.find(array);
    expect(first?.type).toBe("public");
    expect(keys.met(array)).toBe(first);
    expect(keys.met(array.slice())).toBeUndefined();
    array[0] = 2;
    expect(keys.met(array)).toBeUndefined();
    const second = await keys.find(array);
    expect(second).not.toBe(first);
    expect(keys.met(array)).toBe(second);
  });
});
