import {
  type Attestation,
  chainFailure,
  encodeAttestation,
  readAttestation,
  readDeviceCertificate,
  signAttestation,
  signRegistration,
} from "@thicket/credential";
import { verifyEd25519 } from "@thicket/mls/public";
import { type WireErrorCode, fromHex, normaliseHandle } from "@thicket/protocol";
import { alter, describeOnEachKeptDatabase } from "@thicket/storage/contract";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuthenticationService } from "../index.ts";
import {
  DAY,
  NOW,
  type Person,
  bytesFrom,
  keyFrom,
  newPlace,
  openService,
  person,
  place,
  signUp,
} from "../testing/people.ts";

const refusal = (code: WireErrorCode) => ({ ok: false, error: { code } });
const alice = await person("alice");
const bob = await person("bobby");
const register = async (
  service: AuthenticationService,
  who: Person,
  changes?: Parameters<Person["request"]>[0],
) => service.register(await who.request(changes), place.nonce);

function read(attestation: Uint8Array): Attestation {
  const result = readAttestation(attestation);
  if (!result.ok) throw new Error("no attestation");
  return result.value;
}

/** Past all rules, as no code of ours does it. */
const FORGET_ACCOUNTS = {
  file: "PRAGMA foreign_keys = OFF; DELETE FROM devices; DELETE FROM accounts;",
  postgres: `
    ALTER TABLE events DISABLE TRIGGER USER; ALTER TABLE events DROP CONSTRAINT events_user_id_fkey;
    DELETE FROM devices; DELETE FROM accounts;`,
};

describeOnEachKeptDatabase("accounts", (make, kind) => {
  describe("registering", () => {
    test("[AS-1] gives an attestation of handle and root that holds with the device certificate", async () => {
      const service = await openService(newPlace(make));
      const attestation = read(await signUp(service, alice));
      const device = readDeviceCertificate(alice.deviceCertificate);
      expect(attestation).toMatchObject({
        handle: "alice",
        rootKey: alice.rootKey,
        rootSeq: 0,
        notBefore: BigInt(NOW),
      });
      expect(attestation.notAfter).toBe(BigInt(NOW + 90 * DAY));
      const failure = await chainFailure({
        userId: fromHex(alice.userId),
        rootKey: alice.rootKey,
        attestation,
        device: device.ok ? device.value : expect.unreachable(),
        trustedAsKeys: service.asKeys,
        verify: verifyEd25519,
      });
      expect(failure).toBeUndefined();
    });

    test("[AS-2] the same keys and handle give the same account and attestation, on whichever connection", async () => {
      let now = NOW * 1000;
      const service = await openService(newPlace(make), { now: () => now });
      const first = await signUp(service, alice);
      now += 5 * DAY * 1000;
      const otherNonce = bytesFrom("another nonce", 32);
      const again = await service.register(await alice.request({ nonce: otherNonce }), otherNonce);
      expect(again).toEqual({ ok: true, attestation: first });
      const typed = await register(service, alice, { handle: " @Alice", signedHandle: "alice" });
      expect(typed).toEqual({ ok: true, attestation: first });
    });

    test("[AS-3] a handle belongs to one account", async () => {
      const service = await openService(newPlace(make));
      await signUp(service, alice);
      expect(await register(service, bob, { handle: "alice" })).toEqual(refusal("HANDLE_TAKEN"));
      expect(await register(service, bob, { handle: "ALICE", signedHandle: "alice" })).toEqual(
        refusal("HANDLE_TAKEN"),
      );
      expect((await register(service, bob)).ok).toBe(true);
    });

    test("[AS-3] of twenty who want one handle at once, one gets it", async () => {
      const service = await openService(newPlace(make));
      const people = await Promise.all(Array.from({ length: 20 }, (_, index) => person(`person-${index}`)));
      const replies = await Promise.all(people.map((each) => register(service, each, { handle: "popular" })));
      expect(replies.filter((reply) => reply.ok)).toHaveLength(1);
      expect(replies.filter((reply) => !reply.ok && reply.error.code === "HANDLE_TAKEN")).toHaveLength(19);
    });

    test("[AS-4] an account keeps its handle, its root and its first device", async () => {
      const service = await openService(newPlace(make));
      await signUp(service, alice);
      expect(await register(service, alice, { handle: "alicia" })).toEqual(refusal("ACCOUNT_TAKEN"));
      const otherRoot = await person("alice", { root: "another root" });
      expect(await register(service, otherRoot)).toEqual(refusal("ACCOUNT_TAKEN"));
      const otherDevice = await person("alice", { device: "laptop" });
      expect(await register(service, otherDevice)).toEqual(refusal("ACCOUNT_TAKEN"));
      const otherDeviceKey = await person("alice", { deviceKey: (await keyFrom("thief")).publicKey });
      expect(await register(service, otherDeviceKey)).toEqual(refusal("ACCOUNT_TAKEN"));
    });

    test.each(["", "al", "alice!", "alice smith", "-alice", "a".repeat(33), "аlice"])(
      "%j is no handle",
      async (handle) => {
        const service = await openService(newPlace(make));
        expect(await register(service, alice, { handle, signedHandle: "alice" })).toEqual(
          refusal("HANDLE_MALFORMED"),
        );
        expect(await service.handleCheck({ handle })).toEqual(refusal("HANDLE_MALFORMED"));
        expect(await service.lookup({ handle })).toEqual(refusal("HANDLE_MALFORMED"));
      },
    );

    test("[AS-5] a proof over anything else than what is asked for is refused, and nothing is kept", async () => {
      const service = await openService(newPlace(make));
      const invalid = refusal("CREDENTIAL_INVALID");
      expect(await register(service, alice, { signedHandle: "alicf" })).toEqual(invalid);
      expect(await register(service, alice, { userId: bob.userId })).toEqual(invalid);
      expect(await register(service, alice, { nonce: bytesFrom("old nonce", 32) })).toEqual(invalid);
      const request = await alice.request();
      expect(await service.register({ ...request, rootKey: bob.rootKey }, place.nonce)).toEqual(invalid);
      expect(await service.register({ ...request, proof: bytesFrom("x", 64) }, place.nonce)).toEqual(invalid);
      const { deviceCertificate } = bob;
      expect(await service.register({ ...request, deviceCertificate }, place.nonce)).toEqual(invalid);
      expect(await service.handleCheck({ handle: "alice" })).toEqual({ ok: true });
    });

    // Each is proved by the right root, so that the certificate's own rule is all that can refuse it.
    test.each([
      ["is of another user", { userId: bytesFrom("somebody", 16) }],
      ["lasts longer than a year", { notAfter: BigInt(NOW + 366 * DAY) }],
      ["ends before it begins", { notBefore: BigInt(NOW + 9), notAfter: BigInt(NOW + 8) }],
      ["has run out", { notBefore: BigInt(NOW - 9), notAfter: BigInt(NOW - 1) }],
    ])("[AS-5] a device certificate that %s is refused", async (_story, certificate) => {
      const service = await openService(newPlace(make));
      expect(await register(service, await person("alice", certificate))).toEqual(
        refusal("CREDENTIAL_INVALID"),
      );
    });

    test("[AS-5] a device certificate that the root didn't sign, or that is none, is refused", async () => {
      const service = await openService(newPlace(make));
      const damaged = alice.deviceCertificate.slice();
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
      for (const deviceCertificate of [damaged, bytesFrom("noise", 50)]) {
        const proved = await personWithCertificate(deviceCertificate);
        expect(await service.register(proved, place.nonce)).toEqual(refusal("CREDENTIAL_INVALID"));
      }
    });
  });

  test("handles are free until somebody has them, and found exactly", async () => {
    const service = await openService(newPlace(make));
    expect(await service.handleCheck({ handle: "alice" })).toEqual({ ok: true });
    expect(await service.lookup({ handle: "alice" })).toEqual(refusal("HANDLE_UNKNOWN"));
    const attestation = await signUp(service, alice);
    expect(await service.handleCheck({ handle: "@Alice" })).toEqual(refusal("HANDLE_TAKEN"));
    const { userId, deviceId, deviceCertificate } = alice;
    const found = { ok: true, userId, attestation, devices: [{ deviceId, deviceCertificate }] };
    expect(await service.lookup({ handle: "@Alice" })).toEqual(found);
    expect(await service.lookup({ handle: "alic" })).toEqual(refusal("HANDLE_UNKNOWN"));
    expect(await service.lookup({ handle: "alic_" })).toEqual(refusal("HANDLE_MALFORMED"));
  });

  describe("logging in", () => {
    test("[AS-6] a registered device is let in as itself", async () => {
      const service = await openService(newPlace(make));
      const login = await alice.login(await signUp(service, alice));
      expect(await service.checkLogin(login, place)).toEqual({
        ok: true,
        userId: alice.userId,
        deviceId: alice.deviceId,
      });
    });

    test("[AS-6] a signature for another service, connection or place is refused", async () => {
      const service = await openService(newPlace(make));
      const attestation = await signUp(service, alice);
      const others = [
        { role: "ds" as const },
        { nonce: bytesFrom("another", 32) },
        { origin: "https://evil.example" },
        { socketId: "A1b3" },
      ];
      for (const other of others) {
        const login = await alice.login(attestation, other);
        expect(await service.checkLogin(login, place)).toEqual(refusal("LOGIN_REFUSED"));
      }
    });

    test("[AS-6] an attestation of another server opens nothing", async () => {
      const service = await openService(newPlace(make));
      const other = await openService(newPlace(make));
      await signUp(service, alice);
      const login = await alice.login(await signUp(other, alice));
      expect(await service.checkLogin(login, place)).toEqual(refusal("LOGIN_REFUSED"));
    });

    test("[AS-7] a device that isn't in the directory is refused though its root has signed it", async () => {
      const service = await openService(newPlace(make));
      const attestation = await signUp(service, alice);
      const laptop = await person("alice", { device: "laptop" });
      expect(await service.checkLogin(await laptop.login(attestation), place)).toEqual(
        refusal("LOGIN_REFUSED"),
      );
      const older = await person("alice", { deviceSeq: 0 });
      expect(await service.checkLogin(await older.login(attestation), place)).toEqual(
        refusal("LOGIN_REFUSED"),
      );
      const newer = await person("alice", { deviceSeq: 2 });
      expect((await service.checkLogin(await newer.login(attestation), place)).ok).toBe(true);
    });

    test("[AS-7] an attested person without an account here is refused", async () => {
      const at = newPlace(make);
      const service = await openService(at);
      const attestation = await signUp(service, alice);
      await service.close();
      await alter(at.database, FORGET_ACCOUNTS[kind]);
      const reopened = await openService(at);
      expect(await reopened.checkLogin(await alice.login(attestation), place)).toEqual(
        refusal("LOGIN_REFUSED"),
      );
    });
  });

  describe("renewing", () => {
    test("[AS-8] gives the same handle and root a new life, also after the old one ended", async () => {
      let now = NOW;
      const service = await openService(newPlace(make), { now: () => now * 1000 });
      const first = await signUp(service, alice);
      now += 100 * DAY;
      const login = await service.checkLogin(await alice.login(first), place);
      if (!login.ok) return expect.unreachable();
      const renewed = await service.renew(login);
      if (!renewed.ok) return expect.unreachable();
      const { notBefore, notAfter, signature, ...same } = read(renewed.attestation);
      expect(read(first)).toMatchObject(same);
      expect([notBefore, notAfter]).toEqual([BigInt(now), BigInt(now + 90 * DAY)]);
      expect(signature).not.toEqual(read(first).signature);
      expect(await service.lookup({ handle: "alice" })).toMatchObject({ attestation: renewed.attestation });
    });

    test("twice in a day gives the same attestation, the day after another", async () => {
      let now = NOW;
      const service = await openService(newPlace(make), { now: () => now * 1000 });
      const first = await signUp(service, alice);
      now += DAY - 1;
      expect(await service.renew(alice)).toEqual({ ok: true, attestation: first });
      now += 1;
      expect(await service.renew(alice)).not.toEqual({ ok: true, attestation: first });
    });

    test("is for accounts only", async () => {
      const service = await openService(newPlace(make));
      expect(await service.renew(alice)).toEqual(refusal("NOT_LOGGED_IN"));
    });
  });
});

/** Alice's request with a proof over this certificate. */
async function personWithCertificate(deviceCertificate: Uint8Array) {
  const root = await keyFrom("alice root");
  const request = await alice.request();
  const proof = await signRegistration(root.sign, {
    handle: "alice",
    userId: fromHex(alice.userId),
    rootKey: root.publicKey,
    deviceCertificate,
    nonce: place.nonce,
  });
  return { ...request, deviceCertificate, proof: Uint8Array.from(proof) };
}

test("the wire and the credential have one alphabet for handles", async () => {
  const letters = fc.constantFrom(...Array.from("abz019._-AÉ @/\u0430"));
  const good = await signAttestation((await keyFrom("as")).sign, {
    userId: bytesFrom("id", 16),
    handle: "alice",
    rootKey: alice.rootKey,
    rootSeq: 0,
    notBefore: 0n,
    notAfter: 1n,
    asKeyId: bytesFrom("key id", 8),
  });
  const isHandleToCredential = (handle: string) => {
    try {
      return readAttestation(encodeAttestation({ ...good, handle })).ok;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 34 }), (text) => {
      expect(isHandleToCredential(text)).toBe(normaliseHandle(text) === text);
    }),
    { numRuns: 3000 },
  );
});
