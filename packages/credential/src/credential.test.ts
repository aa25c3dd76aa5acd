import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodeCredential as encodeMlsCredential, decodeCredential } from "@thicket/mls/public";
import {
  checkCredential,
  describe as describeCredential,
  encodeAttestation,
  encodeCredential,
  encodeDeviceCertificate,
  fromMlsCredential,
  isSuccessor,
  readAttestation,
  readCredential,
  readDeviceCertificate,
  sameClient,
  toMlsCredential,
  userWithTwoRoots,
} from "./index.ts";
import { bytesFrom, issue, keys, policy } from "./testing/issue.ts";

const good = await issue();
const goodBytes = encodeCredential(good);

test("a credential decodes to what was encoded, and is about half a kilobyte", () => {
  expect(readCredential(goodBytes)).toEqual({ ok: true, value: good });
  expect(goodBytes.length).toBeLessThan(520);
});

test("its parts decode by themselves", () => {
  expect(readAttestation(encodeAttestation(good.attestation))).toEqual({ ok: true, value: good.attestation });
  expect(readDeviceCertificate(encodeDeviceCertificate(good.device))).toEqual({
    ok: true,
    value: good.device,
  });
});

test("it travels in an MLS credential of type 0xF0C1, and other types are none of ours", () => {
  const carried = decodeCredential(encodeMlsCredential(toMlsCredential(goodBytes)));
  expect(fromMlsCredential(carried)).toEqual(goodBytes);
  expect(fromMlsCredential({ kind: "basic", identity: goodBytes })).toBeUndefined();
  expect(fromMlsCredential({ kind: "other", type: 0xf0c2, body: goodBytes })).toBeUndefined();
});

test("every shortened form, and one byte more, is malformed", async () => {
  for (let length = 0; length < goodBytes.length; length++) {
    expect(readCredential(goodBytes.subarray(0, length)).ok).toBe(false);
  }
  expect(readCredential(Uint8Array.of(...goodBytes, 0))).toEqual({ ok: false, reason: "MALFORMED" });
});

test.each([
  ["a handle in capitals", { ...good.attestation, handle: "Alice" }],
  ["a handle of two characters", { ...good.attestation, handle: "al" }],
  ["a handle that ends in a dot", { ...good.attestation, handle: "alice." }],
  ["a root key of 31 bytes", { ...good.attestation, rootKey: bytesFrom(1, 31) }],
  ["a signature of 63 bytes", { ...good.attestation, signature: bytesFrom(1, 63) }],
])("%s is malformed", (_story, attestation) => {
  expect(readAttestation(encodeAttestation(attestation))).toEqual({ ok: false, reason: "MALFORMED" });
});

test("a text of a million bytes is malformed like any other", () => {
  const flood = new Uint8Array(1_000_000).fill(0x61);
  // A user id, then a handle with a four-byte header that spans all the rest.
  flood.set([0x80, 0x0f, 0x42, 0x2c], 16);
  expect(readAttestation(flood)).toEqual({ ok: false, reason: "MALFORMED" });
});

test("[CRED-5] no change of any bytes is valid, and none does more than give a reason", async () => {
  const change = fc.tuple(fc.nat(goodBytes.length - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = goodBytes.slice();
      for (const [at, flip] of changes) bytes[at] = (bytes[at] ?? 0) ^ flip;
      const verdict = await checkCredential(bytes, policy);
      fc.pre(bytes.some((byte, at) => byte !== goodBytes[at]));
      expect(verdict.ok).toBe(false);
    }),
    { numRuns: 1500 },
  );
});

test("random bytes never do more than give a reason, and what decodes encodes to the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(600), (noise, at) => {
      const spliced = Uint8Array.of(...goodBytes.subarray(0, at), ...noise);
      for (const bytes of [noise, spliced]) {
        const read = readCredential(bytes);
        if (read.ok) expect(encodeCredential(read.value)).toEqual(bytes);
      }
    }),
    { numRuns: 3000 },
  );
});

test("[CRED-6] the same client is the same device of the same user", async () => {
  const again = await issue({ device: { deviceSeq: 8 }, attestation: { handle: "alicia" } });
  const laptop = await issue({ device: { deviceId: bytesFrom(50, 16) } });
  const bob = await issue({ attestation: { userId: bytesFrom(51, 16) } });
  expect(sameClient(good, again)).toBe(true);
  expect(sameClient(good, laptop)).toBe(false);
  expect(sameClient(good, bob)).toBe(false);
});

test("[CRED-7] a successor keeps client and root, and its device_seq isn't lower", async () => {
  const seq = async (deviceSeq: number) => issue({ device: { deviceSeq } });
  expect(isSuccessor(good, await seq(7))).toBe(true);
  expect(isSuccessor(good, await seq(8))).toBe(true);
  expect(isSuccessor(good, await seq(6))).toBe(false);
  expect(isSuccessor(good, await issue({ device: { deviceId: bytesFrom(50, 16) } }))).toBe(false);
  expect(isSuccessor(good, await issue({ attestation: { rootKey: keys.stranger.publicKey } }))).toBe(false);
});

test("[CRED-8] a user under two roots in one set is found", async () => {
  const laptop = await issue({ device: { deviceId: bytesFrom(50, 16) } });
  const bob = await issue({ attestation: { userId: bytesFrom(51, 16), rootKey: keys.stranger.publicKey } });
  const impostor = await issue({ attestation: { rootKey: keys.stranger.publicKey } });
  expect(userWithTwoRoots([good, laptop, bob])).toBeUndefined();
  expect(userWithTwoRoots([good, bob, impostor])).toEqual(good.userId);
});

test("it says whom it speaks of, with ids in lower-case hexadecimal", async () => {
  const userId = Uint8Array.from({ length: 16 }, (_, index) => index);
  const deviceId = new Uint8Array(16).fill(0xab);
  expect(describeCredential(await issue({ attestation: { userId }, device: { deviceId } }))).toEqual({
    userId: "000102030405060708090a0b0c0d0e0f",
    deviceId: "abababababababababababababababab",
    handle: "alice",
    rootKey: keys.root.publicKey,
  });
});
