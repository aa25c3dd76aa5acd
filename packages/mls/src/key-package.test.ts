import { describe, expect, test } from "vitest";
import { checkDecodedKeyPackage, checkKeyPackage } from "./check-key-package.ts";
import { decode, encode } from "./codec/codec.ts";
import { createKeyPackage, type KeyPackageOptions } from "./create-key-package.ts";
import { credentialCodec, credentialType } from "./credential.ts";
import { cipherSuite } from "./crypto/cipher-suite.ts";
import {
  EXTENSION_APPLICATION_ID,
  extensionsCodec,
  GREASE_VALUES,
  EXTENSION_LAST_RESORT,
} from "./extension.ts";
import { mlsMessageCodec } from "./framing/message.ts";
import { type KeyPackage, signKeyPackage } from "./key-package.ts";
import { type LeafNode, parentNodeCodec, signLeafNode, verifyLeafNode } from "./leaf-node.ts";
import { parseHeader } from "./parse-header.ts";
import { errorCode, refusal } from "./testing/error-code.ts";
import { seededRandom } from "./testing/seeded-random.ts";

const suite = cipherSuite(1);
const random = seededRandom("key package");
const signatureKey = await suite.signatureKeyPair(random);
const options: KeyPackageOptions = {
  suite: 1,
  credential: { kind: "other", type: 0xf0c1, body: Uint8Array.of(1, 2, 3) },
  signatureKey,
  capabilities: {
    versions: [1],
    cipherSuites: [1, 3, GREASE_VALUES[0] ?? 0],
    extensions: [EXTENSION_LAST_RESORT, 0xf001, GREASE_VALUES[2] ?? 0],
    proposals: [GREASE_VALUES[3] ?? 0],
    credentials: [0xf0c1, GREASE_VALUES[4] ?? 0],
  },
  lifetime: { notBefore: 1000n, notAfter: 2000n },
  random,
};

/** A key package that differs from a good one in its fields or its leaf, with both signatures made anew. */
async function changed(
  fields: Partial<KeyPackage> = {},
  leaf: Partial<LeafNode> = {},
  signer = signatureKey.privateKey,
): Promise<KeyPackage> {
  const { keyPackage } = await createKeyPackage(options);
  const place = { groupId: Uint8Array.of(1), leafIndex: 0 };
  const leafNode = await signLeafNode(suite, { ...keyPackage.leafNode, ...leaf }, signer, place);
  return signKeyPackage(suite, { ...keyPackage, leafNode, ...fields }, signer);
}

const check = async (keyPackage: Promise<KeyPackage>, wanted = 1): Promise<string | undefined> => {
  const given = await keyPackage;
  return errorCode(() => checkDecodedKeyPackage(given, { suite: wanted }));
};

describe("a key package", () => {
  test("that was just made passes the check, with its GREASE values as they were", async () => {
    const created = await createKeyPackage({
      ...options,
      extensions: [{ type: EXTENSION_LAST_RESORT, data: new Uint8Array() }],
    });
    const checked = await checkKeyPackage(created.message, { suite: 1 });
    expect(checked).toEqual(created.keyPackage);
    expect(checked.leafNode.capabilities).toEqual(options.capabilities);
    expect(await suite.hpkePublicKey(created.initPrivateKey)).toEqual(checked.initKey);
    expect(await suite.hpkePublicKey(created.encryptionPrivateKey)).toEqual(checked.leafNode.encryptionKey);
    const again = await createKeyPackage(options);
    expect(again.ref).not.toEqual(created.ref);
    expect(await check(changed())).toBeUndefined();
  });

  test("[KEYPACKAGE-1] of another suite or version than wanted is refused (§10.1)", async () => {
    expect(await check(changed(), 3)).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({ version: 2 }))).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({ cipherSuite: 3 }), 1)).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({ cipherSuite: 8 }), 8)).toBe("SUITE_UNSUPPORTED");
  });

  test("[KEYPACKAGE-2] with a wrong signature, of the package or of its leaf, is refused (§10.1, §7.3)", async () => {
    const good = await changed();
    const wrong = good.signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    expect(await check(Promise.resolve({ ...good, signature: wrong }))).toBe("SIGNATURE_INVALID");
    const leafNode = { ...good.leafNode, signature: good.signature };
    expect(await check(signKeyPackage(suite, { ...good, leafNode }, signatureKey.privateKey))).toBe(
      "SIGNATURE_INVALID",
    );
    const other = await suite.signatureKeyPair(random);
    expect(await check(changed({}, {}, other.privateKey))).toBe("SIGNATURE_INVALID");
  });

  test("[KEYPACKAGE-3] whose init key is its encryption key is refused (§10.1)", async () => {
    const { leafNode } = await changed();
    const same = changed({ leafNode, initKey: leafNode.encryptionKey });
    expect(await check(same)).toBe("KEY_PACKAGE_INVALID");
  });

  test("[KEYPACKAGE-4] whose leaf is not of source key_package is refused (§7.3)", async () => {
    expect(await check(changed({}, { source: { kind: "update" } }))).toBe("KEY_PACKAGE_INVALID");
    const commit = { kind: "commit" as const, parentHash: new Uint8Array() };
    const wrong = await changed({}, { source: commit });
    expect(await refusal(() => checkDecodedKeyPackage(wrong, { suite: 1 }))).toBe("KEY_PACKAGE_INVALID §7.3");
  });

  test("[KEYPACKAGE-5] whose keys are no keys of the suite is refused (§10)", async () => {
    expect(await check(changed({ initKey: new Uint8Array(32) }))).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({ initKey: new Uint8Array(31).fill(9) }))).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({}, { encryptionKey: new Uint8Array(32) }))).toBe("KEY_PACKAGE_INVALID");
    expect(await check(changed({}, { signatureKey: new Uint8Array(32) }))).toBe("SIGNATURE_INVALID");
  });

  test("[KEYPACKAGE-6] whose capabilities leave out what it uses is refused (§7.2, §7.3, §10)", async () => {
    const { capabilities } = options;
    const leaf = (change: Partial<typeof capabilities>, extensions: LeafNode["extensions"] = []) =>
      check(changed({}, { capabilities: { ...capabilities, ...change }, extensions }));
    expect(await leaf({ versions: [] })).toBe("LEAF_NODE_INVALID");
    expect(await leaf({ cipherSuites: [3] })).toBe("LEAF_NODE_INVALID");
    expect(await leaf({ credentials: [1] })).toBe("LEAF_NODE_INVALID");
    const custom = [{ type: 0xf001, data: new Uint8Array() }];
    expect(await leaf({}, custom)).toBeUndefined();
    expect(await leaf({ extensions: [] }, custom)).toBe("LEAF_NODE_INVALID");
    const applicationId = [{ type: EXTENSION_APPLICATION_ID, data: new Uint8Array() }];
    expect(await leaf({ extensions: [] }, applicationId)).toBeUndefined(); // a default needs no listing
    const unlisted = changed({ extensions: [{ type: 0xf009, data: new Uint8Array() }] });
    expect(await check(unlisted)).toBe("KEY_PACKAGE_INVALID");
  });

  test("[KEYPACKAGE-7] whose lifetime ends before it begins is refused", async () => {
    const source = { kind: "keyPackage" as const, lifetime: { notBefore: 2n, notAfter: 1n } };
    expect(await check(changed({}, { source }))).toBe("KEY_PACKAGE_INVALID");
  });

  test("that the check would refuse is not made in the first place", async () => {
    const capabilities = { ...options.capabilities, credentials: [1] };
    expect(await errorCode(() => createKeyPackage({ ...options, capabilities }))).toBe("LEAF_NODE_INVALID");
    expect(await errorCode(() => createKeyPackage({ ...options, suite: 8 }))).toBe("SUITE_UNSUPPORTED");
  });

  test("in bytes that are something else is refused by code", async () => {
    const { message } = await createKeyPackage(options);
    expect(await errorCode(() => checkKeyPackage(message.subarray(0, -1), { suite: 1 }))).toBe(
      "DECODE_TRUNCATED",
    );
    expect(await errorCode(() => checkKeyPackage(Uint8Array.of(...message, 0), { suite: 1 }))).toBe(
      "DECODE_TRAILING",
    );
  });

  test("[RULE-85] in a message of another protocol version is refused (§6)", async () => {
    const { message } = await createKeyPackage(options);
    const version2 = Uint8Array.of(0, 2, ...message.subarray(2));
    expect(await refusal(() => checkKeyPackage(version2, { suite: 1 }))).toBe("VERSION_UNSUPPORTED §6");
    expect(await refusal(() => parseHeader(version2))).toBe("VERSION_UNSUPPORTED §6");
  });

  test("[RULE-89] is refused where another kind of message is wanted, and another kind for it (§6)", async () => {
    const { message } = await createKeyPackage(options);
    const welcome = encode(mlsMessageCodec, {
      kind: "welcome",
      welcome: { cipherSuite: 1, secrets: [], encryptedGroupInfo: new Uint8Array() },
    });
    expect(await errorCode(() => checkKeyPackage(welcome, { suite: 1 }))).toBe("WIRE_FORMAT_UNEXPECTED");
    expect(await errorCode(() => parseHeader(message))).toBe("WIRE_FORMAT_UNEXPECTED");
  });
});

describe("a leaf", () => {
  test("[LEAF-1] of source update or commit is signed for its group and place (§7.2)", async () => {
    const { keyPackage } = await createKeyPackage(options);
    const place = { groupId: Uint8Array.of(1), leafIndex: 4 };
    const unsigned = { ...keyPackage.leafNode, source: { kind: "update" as const } };
    const leaf = await signLeafNode(suite, unsigned, signatureKey.privateKey, place);
    expect(await verifyLeafNode(suite, leaf, place)).toBe(true);
    expect(await verifyLeafNode(suite, leaf, { ...place, leafIndex: 5 })).toBe(false);
    expect(await verifyLeafNode(suite, leaf, { ...place, groupId: Uint8Array.of(2) })).toBe(false);
    expect(await refusal(() => verifyLeafNode(suite, leaf))).toBe("LEAF_NODE_INVALID §7.2");
  });
});

describe("wire structures", () => {
  test("[CODEC-4] unmerged leaves out of order or twice are refused (§7.1)", async () => {
    const parent = (...leaves: number[]) =>
      Uint8Array.of(1, 9, 0, 4 * leaves.length, ...leaves.flatMap((leaf) => [0, 0, 0, leaf]));
    expect(decode(parentNodeCodec, parent(0, 2, 5)).unmergedLeaves).toEqual([0, 2, 5]);
    expect(await refusal(() => decode(parentNodeCodec, parent(2, 1)))).toBe("DECODE_VALUE §7.1");
    expect(await refusal(() => decode(parentNodeCodec, parent(1, 1)))).toBe("DECODE_VALUE §7.1");
  });

  test("a credential of unknown type goes through byte for byte", () => {
    const bytes = Uint8Array.of(0xf0, 0xc1, 3, 7, 8, 9);
    const credential = decode(credentialCodec, bytes);
    expect(credential).toEqual({ kind: "other", type: 0xf0c1, body: Uint8Array.of(7, 8, 9) });
    expect(credentialType(credential)).toBe(0xf0c1);
    expect(encode(credentialCodec, credential)).toEqual(bytes);
  });

  test("[CODEC-3] two extensions of one type in a list are refused (§13.4)", async () => {
    const twice = Uint8Array.of(6, 0, 1, 0, 0, 1, 0);
    expect(await refusal(() => decode(extensionsCodec, twice))).toBe("EXTENSION_DUPLICATE §13.4");
    expect(decode(extensionsCodec, Uint8Array.of(6, 0, 1, 0, 0, 2, 0)).length).toBe(2);
  });
});
