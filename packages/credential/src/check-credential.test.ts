import { describe, expect, test } from "vitest";
import {
  type CredentialFailure,
  type CredentialPolicy,
  checkCredential,
  createVerifiedCache,
  encodeCredential,
} from "./index.ts";
import { type Changes, DAY, NOW, asKey, bytesFrom, issue, keyFrom, keys, policy } from "./testing/issue.ts";

const failureOf = async (bytes: Uint8Array, against: CredentialPolicy = policy) => {
  const verdict = await checkCredential(bytes, against);
  return verdict.ok ? undefined : verdict.reason;
};
const otherId = bytesFrom(99, 16);

test("[CRED-1] a credential whose three parts are signed and fit together is valid", async () => {
  const credential = await issue();
  expect(await checkCredential(encodeCredential(credential), policy)).toEqual({ ok: true, credential });
});

// Every changed part is signed by the key that should sign it, so that the rule under test is all that can refuse it.
const refused: [CredentialFailure, string, Changes][] = [
  ["USER_MISMATCH", "the device certificate names another user", { device: { userId: otherId } }],
  [
    "ATTESTATION_DATES_DISORDERED",
    "the attestation ends as it begins",
    { attestation: { notBefore: NOW + 80n * DAY, notAfter: NOW + 80n * DAY } },
  ],
  [
    "ATTESTATION_TOO_LONG",
    "the attestation lasts a second more than 90 days",
    { attestation: { notAfter: NOW + 90n * DAY + 1n } },
  ],
  [
    "DEVICE_DATES_DISORDERED",
    "the device certificate ends as it begins",
    { device: { notBefore: NOW + 80n * DAY, notAfter: NOW + 80n * DAY } },
  ],
  [
    "DEVICE_TOO_LONG",
    "the device certificate lasts a second more than a year",
    { device: { notAfter: NOW + 365n * DAY + 1n } },
  ],
  [
    "AS_KEY_UNTRUSTED",
    "the attestation names an AS key that isn't listed",
    { attestation: { asKeyId: bytesFrom(98, 8) } },
  ],
  [
    "ATTESTATION_SIGNATURE_INVALID",
    "a stranger signed the attestation",
    { signers: { attestation: keys.stranger } },
  ],
  [
    "DEVICE_SIGNATURE_INVALID",
    "a stranger signed the device certificate",
    { signers: { device: keys.stranger } },
  ],
  ["DEVICE_SIGNATURE_INVALID", "the AS signed the device certificate", { signers: { device: keys.as } }],
  ["LEAF_SIGNATURE_INVALID", "a stranger signed the leaf binding", { signers: { leaf: keys.stranger } }],
  ["LEAF_SIGNATURE_INVALID", "the root signed the leaf binding", { signers: { leaf: keys.root } }],
  ["LEAF_USER_MISMATCH", "the leaf binding names another user", { leaf: { userId: otherId } }],
  ["LEAF_DEVICE_MISMATCH", "the leaf binding names another device", { leaf: { deviceId: otherId } }],
  [
    "LEAF_KEY_MISMATCH",
    "the leaf binding is for another key",
    { leaf: { leafSignatureKey: keys.stranger.publicKey } },
  ],
  ["CIPHER_SUITE_MISMATCH", "the leaf binding is for another cipher suite", { leaf: { cipherSuite: 3 } }],
  [
    "LEAF_DATES_DISORDERED",
    "the leaf binding ends as it begins",
    { leaf: { notBefore: NOW + 80n * DAY, notAfter: NOW + 80n * DAY } },
  ],
  [
    "LEAF_OUTSIDE_ATTESTATION",
    "the leaf binding outlives the attestation by a second",
    { leaf: { notAfter: NOW + 90n * DAY + 1n } },
  ],
  [
    "LEAF_OUTSIDE_ATTESTATION",
    "the leaf binding ended before the attestation began",
    { leaf: { notBefore: NOW - 9n, notAfter: NOW - 1n }, device: { notBefore: NOW - DAY, notAfter: NOW } },
  ],
  [
    "LEAF_OUTSIDE_DEVICE",
    "the leaf binding outlives the device certificate by a second",
    { device: { notAfter: NOW + 80n * DAY - 1n } },
  ],
  [
    "LEAF_OUTSIDE_DEVICE",
    "the leaf binding ended before the device certificate began",
    { device: { notBefore: NOW + 80n * DAY + 1n } },
  ],
];

describe("[CRED-2] each rule refuses by itself", () => {
  test.each(refused)("%s: %s", async (reason, _story, changes) => {
    expect(await failureOf(encodeCredential(await issue(changes)))).toBe(reason);
  });

  test("USER_MISMATCH: the attestation names another user than the credential", async () => {
    const credential = await issue({ attestation: { userId: otherId } });
    expect(await failureOf(encodeCredential({ ...credential, userId: credential.device.userId }))).toBe(
      "USER_MISMATCH",
    );
  });

  test("ROOT_KEY_MISMATCH: the root that signs the device isn't the attested one", async () => {
    const credential = await issue({ signers: { device: keys.stranger } });
    const bytes = encodeCredential({ ...credential, rootKey: keys.stranger.publicKey });
    expect(await failureOf(bytes)).toBe("ROOT_KEY_MISMATCH");
  });

  test("VERSION_UNSUPPORTED: the first byte names a later form", async () => {
    const bytes = encodeCredential(await issue());
    bytes[0] = 2;
    expect(await failureOf(bytes)).toBe("VERSION_UNSUPPORTED");
  });

  test("LEAF_KEY_MISMATCH: the leaf that carries it has another key", async () => {
    const bytes = encodeCredential(await issue());
    expect(await failureOf(bytes, { ...policy, leafSignatureKey: keys.stranger.publicKey })).toBe(
      "LEAF_KEY_MISMATCH",
    );
  });

  test("ATTESTATION_SIGNATURE_INVALID: the listed key of that id is another", async () => {
    const bytes = encodeCredential(await issue());
    const trustedAsKeys = [{ keyId: asKey.keyId, publicKey: keys.stranger.publicKey }];
    expect(await failureOf(bytes, { ...policy, trustedAsKeys })).toBe("ATTESTATION_SIGNATURE_INVALID");
  });
});

test("[CRED-2] the longest lifetimes and a leaf that ends with its attestation are accepted", async () => {
  const credential = await issue({ leaf: { notAfter: NOW + 90n * DAY } });
  expect(await failureOf(encodeCredential(credential))).toBeUndefined();
});

test("[CRED-3] a credential of 1970 is as valid as one of today: no clock has a say", async () => {
  const past = { notBefore: 0n, notAfter: DAY };
  const credential = await issue({ attestation: past, device: past, leaf: past });
  expect(await failureOf(encodeCredential(credential))).toBeUndefined();
});

test("a rotated AS key is found among the listed ones, also where two share an id", async () => {
  const bytes = encodeCredential(await issue());
  const twin = { keyId: asKey.keyId, publicKey: (await keyFrom(77)).publicKey };
  expect(await failureOf(bytes, { ...policy, trustedAsKeys: [twin, asKey] })).toBeUndefined();
});

describe("[CRED-4] the cache spares signatures and never a judgement", () => {
  test("a second check verifies the leaf only", async () => {
    const bytes = encodeCredential(await issue());
    let verified = 0;
    const counting: CredentialPolicy = {
      ...policy,
      verify: (...parameters) => {
        verified++;
        return policy.verify(...parameters);
      },
      cache: createVerifiedCache(10),
    };
    expect(await failureOf(bytes, counting)).toBeUndefined();
    expect(verified).toBe(3);
    expect(await failureOf(bytes, counting)).toBeUndefined();
    expect(verified).toBe(4);
  });

  test("a bad signature is refused beside a cached good one, and again", async () => {
    const cached = { ...policy, cache: createVerifiedCache(10) };
    expect(await failureOf(encodeCredential(await issue()), cached)).toBeUndefined();
    const forged = encodeCredential(await issue({ signers: { attestation: keys.stranger } }));
    expect(await failureOf(forged, cached)).toBe("ATTESTATION_SIGNATURE_INVALID");
    expect(await failureOf(forged, cached)).toBe("ATTESTATION_SIGNATURE_INVALID");
  });

  test("what was verified under an AS key counts for nothing in a group that doesn't list it", async () => {
    const cached = { ...policy, cache: createVerifiedCache(10) };
    const bytes = encodeCredential(await issue());
    expect(await failureOf(bytes, cached)).toBeUndefined();
    expect(await failureOf(bytes, { ...cached, trustedAsKeys: [] })).toBe("AS_KEY_UNTRUSTED");
    const otherKey = [{ keyId: asKey.keyId, publicKey: keys.stranger.publicKey }];
    expect(await failureOf(bytes, { ...cached, trustedAsKeys: otherKey })).toBe(
      "ATTESTATION_SIGNATURE_INVALID",
    );
  });

  test("it holds no more than its limit and forgets what was asked for longest ago", () => {
    const cache = createVerifiedCache(2);
    const [a, b, c] = [bytesFrom(1, 40), bytesFrom(2, 40), bytesFrom(3, 40)];
    cache.add(asKey.publicKey, a);
    cache.add(asKey.publicKey, b);
    expect(cache.has(asKey.publicKey, a)).toBe(true);
    cache.add(asKey.publicKey, c);
    expect(cache.has(asKey.publicKey, b)).toBe(false);
    expect(cache.has(asKey.publicKey, a)).toBe(true);
    expect(cache.has(asKey.publicKey, c)).toBe(true);
  });
});
