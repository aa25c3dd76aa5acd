import { describe, expect, test } from "vitest";
import { verifyEd25519 } from "@thicket/mls/public";
import {
  type LoginChallenge,
  type LoginFailure,
  type LoginPolicy,
  checkLogin,
  encodeAttestation,
  encodeDeviceCertificate,
  signLogin,
  signRegistration,
  verifyRegistration,
} from "./index.ts";
import { type Changes, DAY, NOW, asKey, bytesFrom, issue, keys } from "./testing/issue.ts";

const challenge: LoginChallenge = {
  role: "ds",
  nonce: bytesFrom(60, 32),
  origin: "https://chat.example:8080",
  socketId: "A1b2-_c3",
};
const policy: LoginPolicy = { trustedAsKeys: [asKey], now: NOW + DAY, verify: verifyEd25519 };

async function proofOf(changes: Changes = {}, signer = keys.device, signed = challenge) {
  const credential = await issue(changes);
  return {
    attestation: encodeAttestation(credential.attestation),
    deviceCertificate: encodeDeviceCertificate(credential.device),
    signature: await signLogin(signer.sign, signed),
  };
}

test("[LOGIN-1] a device that signs the challenge with its certified key is let in as that device", async () => {
  const { attestation, device } = await issue();
  expect(await checkLogin(await proofOf(), challenge, policy)).toEqual({ ok: true, attestation, device });
});

describe("[LOGIN-2] a signature opens nothing but the connection it was made for", () => {
  const others: [string, Partial<LoginChallenge>][] = [
    ["the other service", { role: "as" }],
    ["another nonce", { nonce: bytesFrom(61, 32) }],
    ["another origin", { origin: "https://chat.example:8081" }],
    ["another socket", { socketId: "A1b2-_c4" }],
  ];
  test.each(others)("%s", async (_story, other) => {
    const proof = await proofOf({}, keys.device, { ...challenge, ...other });
    expect(await checkLogin(proof, challenge, policy)).toEqual({
      ok: false,
      reason: "LOGIN_SIGNATURE_INVALID",
    });
  });

  test("origin and socket id can't lend each other characters", async () => {
    const shifted = { ...challenge, origin: `${challenge.origin}A`, socketId: challenge.socketId.slice(1) };
    const proof = await proofOf({}, keys.device, shifted);
    expect((await checkLogin(proof, challenge, policy)).ok).toBe(false);
  });
});

const refused: [LoginFailure, string, Changes][] = [
  ["USER_MISMATCH", "somebody else's device certificate", { device: { userId: bytesFrom(70, 16) } }],
  ["AS_KEY_UNTRUSTED", "an attestation of an unknown AS", { attestation: { asKeyId: bytesFrom(71, 8) } }],
  ["ATTESTATION_SIGNATURE_INVALID", "a forged attestation", { signers: { attestation: keys.stranger } }],
  ["DEVICE_SIGNATURE_INVALID", "a forged device certificate", { signers: { device: keys.stranger } }],
  ["ATTESTATION_TOO_LONG", "an attestation for 91 days", { attestation: { notAfter: NOW + 91n * DAY } }],
  ["ATTESTATION_EXPIRED", "an attestation that has run out", { attestation: { notAfter: NOW + DAY - 1n } }],
  ["DEVICE_EXPIRED", "a device certificate that has run out", { device: { notAfter: NOW + DAY - 1n } }],
];
test.each(refused)("[LOGIN-3] %s: %s", async (reason, _story, changes) => {
  expect(await checkLogin(await proofOf(changes), challenge, policy)).toEqual({ ok: false, reason });
});

test("[LOGIN-3] a key that the root hasn't certified is refused", async () => {
  const proof = await proofOf({}, keys.stranger);
  expect(await checkLogin(proof, challenge, policy)).toEqual({
    ok: false,
    reason: "LOGIN_SIGNATURE_INVALID",
  });
});

test("[LOGIN-3] bytes that are no attestation or no certificate are malformed", async () => {
  const proof = await proofOf();
  const malformed = { ok: false, reason: "MALFORMED" };
  expect(await checkLogin({ ...proof, attestation: bytesFrom(1, 90) }, challenge, policy)).toEqual(malformed);
  expect(await checkLogin({ ...proof, deviceCertificate: bytesFrom(1, 90) }, challenge, policy)).toEqual(
    malformed,
  );
});

test("the AS lets a device in that comes to renew an expired attestation", async () => {
  const proof = await proofOf({ attestation: { notAfter: NOW + 1n } });
  expect((await checkLogin(proof, challenge, { ...policy, attestationMayBeExpired: true })).ok).toBe(true);
});

describe("the proof of a registration", () => {
  const registration = {
    handle: "alice",
    userId: bytesFrom(20, 16),
    rootKey: keys.root.publicKey,
    deviceCertificate: bytesFrom(80, 150),
    nonce: bytesFrom(81, 32),
  };

  test("[LOGIN-4] holds for exactly what was signed", async () => {
    const proof = await signRegistration(keys.root.sign, registration);
    const holds = (changed: Partial<typeof registration>) =>
      verifyRegistration(verifyEd25519, { ...registration, ...changed }, proof);
    expect(await holds({})).toBe(true);
    expect(await holds({ handle: "alicf" })).toBe(false);
    expect(await holds({ userId: bytesFrom(22, 16) })).toBe(false);
    expect(await holds({ rootKey: keys.stranger.publicKey })).toBe(false);
    expect(await holds({ deviceCertificate: bytesFrom(82, 150) })).toBe(false);
    expect(await holds({ nonce: bytesFrom(83, 32) })).toBe(false);
  });

  test("is no login: labels differ", async () => {
    const proof = { ...(await proofOf()), signature: await signRegistration(keys.device.sign, registration) };
    expect((await checkLogin(proof, challenge, policy)).ok).toBe(false);
  });
});
