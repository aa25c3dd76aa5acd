import { expect, test } from "vitest";
import { engineChunks } from "./engine-size.ts";

test("suites beyond 1 to 3, certificates, and what stands in for primitives that the platform lacks, load when first used", async () => {
  const chunks = await engineChunks();
  const modules = chunks.flatMap((chunk) => chunk.modules);
  const late =
    /peculiar|asn1|certificate-chain|read-certificate|noble\/(curves|ciphers|post-quantum)\/|noble\/hashes\/sha3|crypto\/(curve448|nist-suites|post-quantum|x-wing|ml-kem)/;
  expect(modules.filter((name) => late.test(name))).toEqual([]);
  for (const early of ["index.ts", "crypto/ecdsa.ts", "crypto/ed25519.ts", "noble/hashes/sha2.js"]) {
    expect(modules.some((name) => name.endsWith(early))).toBe(true);
  }
  // Nothing of the engine was shaken off, or the list above would say nothing.
  expect(chunks.map(({ code }) => code).join("")).toContain("SUITE_NOT_LOADED");
});
