import { AsnConvert, AsnObjectIdentifierConverter } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Certificate } from "@peculiar/asn1-x509";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { readFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { describe, expect, test } from "vitest";
import { checkChain } from "./certificate-chain.ts";
import { checkDecodedKeyPackage, checkKeyPackage } from "./check-key-package.ts";
import { encode } from "./codec/codec.ts";
import { createKeyPackage } from "./create-key-package.ts";
import { loadCipherSuite, type SignatureKeyPair } from "./crypto/cipher-suite.ts";
import type { Credential } from "./credential.ts";
import { EXTENSION_EXTERNAL_SENDERS, externalSendersCodec } from "./extension.ts";
import type { AuthenticationPolicy } from "./group/authentication.ts";
import { createGroup } from "./group/create-group.ts";
import { members } from "./group/group-state.ts";
import { stageCommit } from "./group/stage-commit.ts";
import { type KeyPackage, signKeyPackage } from "./key-package.ts";
import { type LeafNode, signLeafNode } from "./leaf-node.ts";
import { forgeCommit } from "./testing/forge.ts";
import { type CertificateParts, commonName, der, forgeCertificate } from "./testing/forge-certificate.ts";
import { CAPABILITIES, join, nextOf, takeCommit, testDeps } from "./testing/people.ts";
import { refusal } from "./testing/error-code.ts";

interface Certified {
  readonly suite: number;
  readonly signatureKey: SignatureKeyPair;
  readonly ann: Uint8Array;
  readonly middle: Uint8Array;
  readonly root: Uint8Array;
}

const file = readFileSync(joinPath(import.meta.dirname, "testing/certificates.json"), "utf8");
const stored: Record<"ed25519" | "p256", Record<string, string> & { suite: number }> = JSON.parse(file);
const certified = (of: "ed25519" | "p256"): Certified => {
  const bytes = (name: string): Uint8Array => hexToBytes(stored[of][name] ?? "");
  return {
    suite: stored[of].suite,
    signatureKey: { publicKey: bytes("publicKey"), privateKey: bytes("privateKey") },
    ann: bytes("ann"),
    middle: bytes("middle"),
    root: bytes("root"),
  };
};
const ED25519 = certified("ed25519");
const P256 = certified("p256");

/** Takes every certificate and says for whom it was asked. */
function openPolicy(asked: Credential[] = []): AuthenticationPolicy {
  return {
    validate({ credential }) {
      asked.push(credential);
      return Promise.resolve();
    },
    sameClient: () => false,
    isSuccessor: () => true,
  };
}

const deps = testDeps("certificate rules", openPolicy());
const capabilities = { ...CAPABILITIES, cipherSuites: [1, 2, 3], credentials: [1, 2, 0xf0c1] };
const x509 = (...certificates: Uint8Array[]): Credential => ({ kind: "x509", certificates });

function packageOf(who: Pick<Certified, "suite" | "signatureKey">, credential: Credential) {
  return createKeyPackage({
    suite: who.suite,
    credential,
    signatureKey: who.signatureKey,
    capabilities,
    lifetime: { notBefore: 1n, notAfter: 2n },
    random: deps.random,
  });
}

const verdict = (who: Certified, ...chain: Uint8Array[]): Promise<string | undefined> =>
  refusal(() => packageOf(who, x509(...chain)));
const REFUSED = "CERTIFICATE_INVALID §5.3";

function founded(
  credential: Credential,
  signatureKey: SignatureKeyPair,
  suite: number,
  policy = openPolicy(),
) {
  return createGroup({
    suite,
    groupId: utf8ToBytes("a group"),
    credential,
    signatureKey,
    capabilities,
    lifetime: { notBefore: 1n, notAfter: 2n },
    deps: { ...deps, authentication: policy },
  });
}

describe.each([
  ["Ed25519", ED25519, P256],
  ["P-256", P256, ED25519],
])("an x509 credential, %s,", (_name, own, other) => {
  const { ann, middle, root } = own;

  test("[X509-1] is taken with the whole chain, with a part of it, and with the end entity alone (§5.3)", async () => {
    for (const chain of [[ann, middle, root], [ann, middle], [ann, root], [ann]]) {
      expect(await verdict(own, ...chain)).toBeUndefined();
    }
    const made = await packageOf(own, x509(ann, middle));
    expect(await checkKeyPackage(made.message, { suite: own.suite })).toEqual(made.keyPackage);
  });

  test("[X509-2] is for the leaf's signature key and none other (§5.3)", async () => {
    expect(await verdict(own)).toBe(REFUSED);
    expect(await verdict(own, middle)).toBe(REFUSED);
    expect(await verdict(own, other.ann)).toBe(REFUSED);
    const suite = await loadCipherSuite(own.suite);
    // The same bits as a key of another scheme: what says so stands right before the bit string of the key.
    const at = bytesToHex(ann).indexOf(bytesToHex(own.signatureKey.publicKey)) / 2 - 4;
    expect(
      await verdict(
        own,
        ann.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      ),
    ).toBe(REFUSED);
    const stranger = { ...own, signatureKey: await suite.signatureKeyPair(deps.random) };
    expect(await verdict(stranger, ann, middle, root)).toBe(REFUSED);
  });

  test("[X509-3] has the end entity first, and nobody before who certified it (§5.3)", async () => {
    for (const chain of [
      [middle, ann, root],
      [root, middle, ann],
      [ann, root, middle],
    ]) {
      expect(await verdict(own, ...chain)).toBe(REFUSED);
    }
    // An authority that has a new key under its old name certifies itself.
    expect(await verdict(own, ann, middle, root, root)).toBeUndefined();
  });

  test("[X509-4] holds certificates in DER and nothing else (§5.3)", async () => {
    const longer = new Uint8Array([...ann, 0]);
    const spoilt = [
      new Uint8Array(),
      ann.subarray(0, -1),
      longer,
      ann.map((byte, i) => (i === 0 ? 0x31 : byte)),
      new Uint8Array([0x30, 0x80, ...ann.subarray(4), 0, 0]),
      new Uint8Array([0x30, 0x81, 0x80, ...new Uint8Array(128)]),
      utf8ToBytes("-----BEGIN CERTIFICATE-----"),
    ];
    for (const bytes of spoilt) {
      expect(await verdict(own, bytes)).toBe(REFUSED);
      expect(await verdict(own, ann, bytes)).toBe(REFUSED);
    }
  });

  test("[X509-5] is checked in every leaf: who founds, who is added, in whose tree one joins, who commits (§5.3)", async () => {
    const { signatureKey, suite } = own;
    expect(await refusal(() => founded(x509(middle), signatureKey, suite))).toBe(REFUSED);
    const asked: Credential[] = [];
    const group = await founded(x509(ann, middle), signatureKey, suite, openPolicy(asked));
    expect(asked).toEqual([x509(ann, middle)]);

    const loaded = await loadCipherSuite(suite);
    const bob = { suite, signatureKey: await loaded.signatureKeyPair(deps.random) };
    const made = await packageOf(bob, { kind: "basic", identity: utf8ToBytes("bob") });
    const { staged } = await stageCommit(group, { add: [made.keyPackage] }, deps);
    const welcome = staged.welcome ?? new Uint8Array();
    const who = { name: "bob", credential: made.keyPackage.leafNode.credential, ...bob };
    const atBob = await join(who, made, welcome, deps);
    expect(members(atBob).map(({ leafNode }) => leafNode.credential.kind)).toEqual(["x509", "basic"]);

    const alice = nextOf(staged);
    const renewed = await stageCommit(alice, { leaf: { credential: x509(ann) } }, deps);
    expect((await takeCommit(atBob, renewed.staged.message, deps)).effects.updated.length).toBe(1);
    const change = { leaf: { credential: x509(middle, root) } };
    expect(await refusal(() => stageCommit(alice, change, deps))).toBe(REFUSED);
    const forged = await forgeCommit(alice, { leaf: (leaf) => ({ ...leaf, ...change.leaf }) }, deps);
    expect(await refusal(() => takeCommit(atBob, forged, deps))).toBe(REFUSED);
  });

  test("[X509-6] of an external sender is for the key that stands beside it (§12.1.8.1, §5.3)", async () => {
    const senders = (credential: Credential) => ({
      type: EXTENSION_EXTERNAL_SENDERS,
      data: encode(externalSendersCodec, [{ signatureKey: own.signatureKey.publicKey, credential }]),
    });
    const group = await founded(x509(ann), own.signatureKey, own.suite);
    const naming = (credential: Credential) =>
      stageCommit(group, { contextExtensions: [senders(credential)] }, deps);
    expect((await naming(x509(ann, middle))).staged.effects.contextExtensions?.after.length).toBe(1);
    expect(await refusal(() => naming(x509(middle)))).toBe(REFUSED);
  });
});

test("[X509-4] a certificate is formed as RFC 5280 §4.1 says down to its last value", async () => {
  const { publicKey } = ED25519.signatureKey;
  const verdictOn = (parts: Omit<CertificateParts, "publicKey">) =>
    refusal(() => checkChain([forgeCertificate({ publicKey, ...parts })], publicKey, 1));
  const text = "0c03616e6e";
  const nameOf = (...attribute: string[]) => ({ subject: der(0x31, der(0x30, ...attribute)) });
  const OID = "0603550403";
  const good: Omit<CertificateParts, "publicKey">[] = [
    {},
    nameOf(OID, text),
    { issuer: commonName("ann") + commonName("authority") },
    { subject: der(0x31, der(0x30, OID, text), der(0x30, OID, text)) },
    { parameters: "0500" },
    { parameters: der(0x30, OID, der(0x30, "020101")) },
    { extensions: der(0x30, OID, "0101ff", "04023000") + der(0x30, OID, "0400") },
    { uniqueIds: "810200ff820100" },
    nameOf(OID, "1c0400000041"),
  ];
  for (const parts of good) expect(await verdictOn(parts), JSON.stringify(parts)).toBeUndefined();
  const bad: Omit<CertificateParts, "publicKey">[] = [
    { subject: "3100" }, // a part of a name without an attribute
    { subject: "3000" },
    { issuer: "3100" },
    nameOf(OID),
    nameOf(text, OID),
    nameOf(OID, text, text),
    nameOf("0600", text),
    nameOf("0603550483", text), // a number that doesn't end
    nameOf(OID, "0c8103616e6e"), // a length in more bytes than it needs
    nameOf(OID, "1f0161"), // a tag of several bytes
    nameOf(OID, "0000"),
    nameOf(OID, "1c03000041"), // half a character
    nameOf(OID, "300204ff"), // a value that is longer than what it stands in
    nameOf(OID, der(0x30, der(0x30, "0600"))),
    { parameters: "05000500" },
    { parameters: "0200" },
    { parameters: "0300" },
    { parameters: "030101" },
    { parameters: "030208ff" },
    { parameters: "0100" },
    { extensions: "" },
    { extensions: der(0x30, OID) },
    { extensions: der(0x30, OID, "0102ffff", "0400") },
    { extensions: der(0x30, OID, "0400", "0400") },
    { extensions: der(0x30, "0400") },
    { uniqueIds: "820100810100" },
    { uniqueIds: "8100" },
    { signature: der(0x03, "01", "5a") },
    { signature: "0300" },
    { signature: der(0x03, "00", "5a") + "0500" },
    { version: "a000" },
    { version: "a006020102020102" },
    { version: "a103020102" },
    { serial: "0200" },
    { notAfter: der(0x17, bytesToHex(utf8ToBytes("2501010000Z"))) },
    { notAfter: der(0x17, bytesToHex(utf8ToBytes("20250101000000Z"))) },
    { notAfter: der(0x18, bytesToHex(utf8ToBytes("20250101000000+"))) },
    { notAfter: der(0x04, bytesToHex(utf8ToBytes("250101000000Z"))) },
    { notAfter: "" },
  ];
  for (const parts of bad) expect(await verdictOn(parts), JSON.stringify(parts)).toBe(REFUSED);
});

test("[X509-8] the key in a certificate is of the scheme that the suite signs with, and of no other (§5.1, §5.3)", () => {
  const curve = (oid: string) => ({ algorithm: "1.2.840.10045.2.1", parameters: encodeOid(oid) });
  const schemes = {
    ed25519: { algorithm: "1.3.101.112" },
    ed448: { algorithm: "1.3.101.113" },
    p256: curve("1.2.840.10045.3.1.7"),
    p384: curve("1.3.132.0.34"),
    p521: curve("1.3.132.0.35"),
  } as const;
  const schemeOf: Record<number, keyof typeof schemes> = {
    1: "ed25519",
    2: "p256",
    3: "ed25519",
    4: "ed448",
    5: "p521",
    6: "ed448",
    7: "p384",
    0xf001: "ed25519",
  };
  const key = ED25519.signatureKey.publicKey;
  for (const [suite, scheme] of Object.entries(schemeOf)) {
    for (const [name, identifier] of Object.entries(schemes)) {
      const certificate = AsnConvert.parse(ED25519.ann, Certificate);
      certificate.tbsCertificate.subjectPublicKeyInfo.algorithm = new AlgorithmIdentifier(identifier);
      const check = () => checkChain([new Uint8Array(AsnConvert.serialize(certificate))], key, Number(suite));
      if (name === scheme) expect(check).not.toThrow();
      else expect(check).toThrow(expect.objectContaining({ code: "CERTIFICATE_INVALID" }));
    }
  }
});

/** An OBJECT IDENTIFIER in DER. */
function encodeOid(oid: string): ArrayBuffer {
  return AsnConvert.serialize(AsnObjectIdentifierConverter.toASN(oid));
}

test("[X509-9] a chain has at most 10 certificates, none over 64 KiB, and at most 128 KiB together (§5.3)", () => {
  const { publicKey } = ED25519.signatureKey;
  const padded = (bytes: number) => forgeCertificate({ publicKey, uniqueIds: der(0x81, "00".repeat(bytes)) });
  const ofLength = (length: number) => padded(length - (padded(60_000).length - 60_000));
  const check = (chain: Uint8Array[]) => refusal(() => checkChain(chain, publicKey, 1));
  const tiny = forgeCertificate({ publicKey });
  const [longest, tooLong] = [ofLength(64 * 1024), ofLength(64 * 1024 + 1)];
  expect([longest.length, tooLong.length]).toEqual([65_536, 65_537]);
  return Promise.all([
    expect(check(Array.from({ length: 10 }, () => tiny))).resolves.toBeUndefined(),
    expect(check(Array.from({ length: 11 }, () => tiny))).resolves.toBe(REFUSED),
    expect(check([tiny, longest])).resolves.toBeUndefined(),
    expect(check([tiny, tooLong])).resolves.toBe(REFUSED),
    expect(check([longest, longest])).resolves.toBeUndefined(),
    expect(check([longest, longest, tiny])).resolves.toBe(REFUSED),
  ]);
});

test("[X509-10] a certificate is read once the signatures over it hold, and not before (§5.3, §7.3)", async () => {
  const { signatureKey, suite, ann } = ED25519;
  const made = await packageOf(ED25519, x509(ann));
  const { keyPackage } = made;
  const loaded = await loadCipherSuite(suite);
  const spoil = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  const others = { ...keyPackage.leafNode, credential: x509(ED25519.middle) };
  const check = (changed: KeyPackage) => refusal(() => checkDecodedKeyPackage(changed, { suite }));
  const signed = async (leafNode: LeafNode) =>
    signKeyPackage(loaded, { ...keyPackage, leafNode }, signatureKey.privateKey);
  const leafNode = await signLeafNode(loaded, others, signatureKey.privateKey);
  expect(await check(await signed(leafNode))).toBe(REFUSED);
  expect(await check({ ...(await signed(leafNode)), signature: spoil(keyPackage.signature) })).toBe(
    "SIGNATURE_INVALID §10.1",
  );
  expect(await check(await signed(others))).toBe("SIGNATURE_INVALID §7.3");

  const group = await founded(x509(ann), signatureKey, suite);
  const bob = { suite, signatureKey: await loaded.signatureKeyPair(deps.random) };
  const bobs = await packageOf(bob, { kind: "basic", identity: utf8ToBytes("bob") });
  const { staged } = await stageCommit(group, { add: [bobs.keyPackage] }, deps);
  const who = { name: "bob", credential: bobs.keyPackage.leafNode.credential, ...bob };
  const atBob = await join(who, bobs, staged.welcome ?? new Uint8Array(), deps);
  const commitOf = (signature: (bytes: Uint8Array) => Uint8Array) =>
    forgeCommit(
      nextOf(staged),
      {
        leaf: (leaf) => ({ ...leaf, credential: others.credential }),
        path: (path) => ({
          ...path,
          leafNode: { ...path.leafNode, signature: signature(path.leafNode.signature) },
        }),
      },
      deps,
    );
  expect(await refusal(async () => takeCommit(atBob, await commitOf((bytes) => bytes), deps))).toBe(REFUSED);
  expect(await refusal(async () => takeCommit(atBob, await commitOf(spoil), deps))).toBe(
    "LEAF_NODE_INVALID §7.3",
  );
});

test("[X509-7] whom a chain leads to is the application's to judge (§5.3.1)", async () => {
  const { signatureKey, suite, ann } = ED25519;
  const policy: AuthenticationPolicy = {
    ...openPolicy(),
    validate: () => Promise.reject(new Error("no such authority")),
  };
  expect(await refusal(() => founded(x509(ann), signatureKey, suite, policy))).toBe(
    "CREDENTIAL_INVALID §5.3.1",
  );
});

describe("a credential of another type", () => {
  test("[RULE-81] is carried as it is, and judged by the application alone (§5.3)", async () => {
    const custom: Credential = { kind: "other", type: 0xf0c1, body: utf8ToBytes("anything at all") };
    const asked: Credential[] = [];
    const suite = await loadCipherSuite(1);
    const keys = await suite.signatureKeyPair(deps.random);
    const group = await founded(custom, keys, 1, openPolicy(asked));
    expect(asked).toEqual([custom]);
    const carol = { suite: 1, signatureKey: await suite.signatureKeyPair(deps.random) };
    const made = await packageOf(carol, custom);
    const { staged } = await stageCommit(group, { add: [made.keyPackage] }, deps);
    const who = { name: "carol", credential: custom, ...carol };
    const joined = await join(who, made, staged.welcome ?? new Uint8Array(), deps);
    expect(members(joined).map(({ leafNode }) => leafNode.credential)).toEqual([custom, custom]);
    const wary: AuthenticationPolicy = { ...openPolicy(), sameClient: () => true };
    expect(
      await refusal(() => stageCommit(group, { add: [made.keyPackage] }, { ...deps, authentication: wary })),
    ).toBe("CLIENT_REPEATED §12.2");
  });
});
