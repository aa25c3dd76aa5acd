import process from "node:process";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { type Codec, decode, encode } from "./codec/codec.ts";
import { Writer } from "./codec/writer.ts";
import { checkChain } from "./certificate-chain.ts";
import { checkKeyPackage } from "./check-key-package.ts";
import { commitCodec } from "./commit.ts";
import { type Credential, credentialCodec } from "./credential.ts";
import { cipherSuite } from "./crypto/cipher-suite.ts";
import { extensionsCodec, externalSendersCodec, requiredCapabilitiesCodec } from "./extension.ts";
import type { EngineDeps } from "./group/authentication.ts";
import { pendingProposals, withProposal } from "./group/group-state.ts";
import { checkGroupSupport } from "./group/leaf-rules.ts";
import { processMessage } from "./group/process-message.ts";
import { storedTree } from "./group/records.ts";
import { createProposal } from "./group/send-message.ts";
import { stageCommit } from "./group/stage-commit.ts";
import {
  checkLeafItself,
  type LeafNode,
  type Node,
  ratchetTreeCodec,
  type UnsignedLeafNode,
} from "./leaf-node.ts";
import type { Proposal } from "./proposal.ts";
import { createSecretTree, findReceiveKey, useUp } from "./schedule/secret-tree.ts";
import { errorCode } from "./testing/error-code.ts";
import { commonName, der, forgeCertificate } from "./testing/forge-certificate.ts";
import { byValue, forgeCommit, ownLeafNode } from "./testing/forge.ts";
import { found, groupOf, packageOf, person, testDeps } from "./testing/people.ts";
import { hasEqualKeys, repeatedKey } from "./tree/key-uniqueness.ts";
import {
  addLeaf,
  encryptionKeyAt,
  leafAt,
  leafSlot,
  membersOf,
  removeLeaf,
  slotAt,
  treeWidth,
} from "./tree/ratchet-tree.ts";
import { filteredDirectPath, resolution } from "./tree/resolution.ts";
import { changeTree } from "./tree/tree-changes.ts";
import { decodeTree, encodeTree, MAX_LEAVES } from "./tree/tree-extension.ts";
import { treeHash, treeHashWithout } from "./tree/tree-hash.ts";
import { validateTree } from "./tree/validate-tree.ts";
import { groupSecretsCodec, welcomeCodec } from "./welcome.ts";

const suite = cipherSuite(1);
const deps = testDeps("depth");
let leaf: LeafNode;

beforeAll(async () => {
  const state = await found(await person("deep", deps.random), deps);
  leaf = ownLeafNode(state);
});

/** Most bytes that reading may allocate for one byte of input, what is thrown away at once included. */
const MULTIPLE = 150;

describe("[DEPTH-1] what is allocated stays within a multiple of the input", () => {
  const around =
    (before: number[], after: number[] = []) =>
    (vector: Uint8Array): Uint8Array =>
      bytes(before, vector, after);
  const commit = { codec: commitCodec, input: around([], [0]) };
  const welcome = { codec: welcomeCodec, input: around([0, 1], [0]) };
  const units: [string, number[], { codec: Codec<unknown>; input: (vector: Uint8Array) => Uint8Array }][] = [
    ["a commit of references without bytes", [2, 0], commit],
    ["a commit of references of one byte", [2, 1, 7], commit],
    ["a commit of Removes", [1, 0, 3, 0, 0, 0, 1], commit],
    ["a commit of empty extension lists", [1, 0, 7, 0], commit],
    ["a commit of extension lists of two", [1, 0, 7, 8, 0, 1, 1, 1, 0, 2, 1, 1], commit],
    ["a commit of empty external inits", [1, 0, 6, 0], commit],
    ["a Welcome for nobody, often", [0, 0, 0], welcome],
    ["a Welcome with secrets of one byte", [1, 1, 1, 1, 1, 1], welcome],
    ["required capabilities", [0, 9], { codec: requiredCapabilitiesCodec, input: around([], [0, 0]) }],
    ["external senders without bytes", [0, 0, 1, 0], { codec: externalSendersCodec, input: around([]) }],
    ["external senders of one byte", [1, 1, 0, 1, 1, 1], { codec: externalSendersCodec, input: around([]) }],
    ["pre-shared keys", [1, 0, 0], { codec: groupSecretsCodec, input: around([0, 0]) }],
    ["pre-shared keys of one byte", [1, 1, 1, 1, 1], { codec: groupSecretsCodec, input: around([0, 0]) }],
    ["blank nodes", [0], { codec: ratchetTreeCodec, input: around([]) }],
    ["certificates without bytes", [0], { codec: credentialCodec, input: around([0, 2]) }],
    ["certificates of one byte", [1, 1], { codec: credentialCodec, input: around([0, 2]) }],
  ];

  test.each(units)("%s", (_what, unit, { codec, input: inputOf }) => {
    const input = inputOf(vectorOf(unit, 400_000));
    const multiple = allocatedBy(() => decode(codec, input)) / input.length;
    expect(multiple).toBeGreaterThan(1); // or the input was refused at its start
    expect(multiple).toBeLessThan(MULTIPLE);
  });

  test("65,000 extensions of one byte", () => {
    const extensions = Array.from({ length: 65_000 }, (_, type) => ({ type, data: Uint8Array.of(1) }));
    const input = encode(extensionsCodec, extensions);
    expect(allocatedBy(() => decode(extensionsCodec, input)) / input.length).toBeLessThan(MULTIPLE);
  });

  test("[RULE-86] the widest tree that is taken, blank but for its last leaf (§12.4.3.3)", async () => {
    const input = mostlyBlank(MAX_LEAVES);
    const read = allocatedBy(() => {
      const tree = decodeTree(input);
      validateTree(suite, tree);
      expect(membersOf(tree).length).toBe(1);
      expect(resolution(tree)).toEqual([2 * (MAX_LEAVES - 1)]);
    });
    expect(encodeTree(decodeTree(input))).toEqual(input);
    expect(read / input.length).toBeLessThan(MULTIPLE);
    expect(await errorCode(() => decodeTree(mostlyBlank(MAX_LEAVES + 1)))).toBe("TREE_INVALID");
  });

  test("the hash of a tree of blanks leaves little behind", () => {
    const input = mostlyBlank(2 ** 16);
    const tree = decodeTree(input);
    treeHash(suite, decodeTree(mostlyBlank(2 ** 9))); // what the first hash of all costs
    expect(retainedBy(() => treeHash(suite, tree)) / input.length).toBeLessThan(MULTIPLE);
  });

  const key = new Uint8Array(32).fill(9);
  const LONGEST = 64_500;
  /** As many of this value as a certificate may hold, in hexadecimal. */
  const full = (value: string): string => value.repeat(Math.floor((LONGEST * 2) / value.length));
  const once = (parts: object): Uint8Array[] => [forgeCertificate({ publicKey: key, ...parts })];
  const twice = (parts: object): Uint8Array[] => [...once(parts), ...once(parts)];
  const OID = "060100";
  const NULL = "0500";
  const TEXT = "0c03414243"; // short enough that a name has a value for every three bytes
  const nest = (depth: number): string => {
    let value = NULL;
    for (let n = 0; n < depth; n++) value = der(0x30, value);
    return value;
  };
  const chains: [string, () => Uint8Array[]][] = [
    ["ten tiny certificates", () => Array.from({ length: 10 }, () => forgeCertificate({ publicKey: key }))],
    ["a name of one part", () => twice({ subject: der(0x31, der(0x30, OID, der(0x0c, full("41")))) })],
    ["a name of many parts", () => twice({ subject: full(der(0x31, der(0x30, OID, TEXT))) })],
    ["a name of many ordinary parts", () => twice({ issuer: full(commonName("A")) })],
    ["many attributes in a part of a name", () => twice({ issuer: der(0x31, full(der(0x30, OID, TEXT))) })],
    ["a long object identifier", () => twice({ subject: der(0x31, der(0x30, der(0x06, full("01")), NULL)) })],
    ["many extensions", () => twice({ extensions: full(der(0x30, OID, "04023000")) })],
    ["parameters of many values", () => once({ parameters: der(0x30, "050100".repeat(10_600)) })],
    ["parameters of sequences", () => once({ parameters: der(0x30, "30040502abcd".repeat(5_300)) })],
    ["parameters within parameters", () => once({ parameters: nest(8_000) })],
  ];

  test.each(chains)("x509: %s", (_what, make) => {
    const chain = make();
    const size = chain.reduce((sum, { length }) => sum + length, 0);
    const rounds = Math.ceil(400_000 / size);
    const read = (): void => {
      for (let n = 0; n < rounds; n++) checkChain(chain, key, 1);
    };
    read(); // what the first of all costs
    expect(allocatedBy(read) / (rounds * size)).toBeLessThan(MULTIPLE);
  });

  test("x509: values of two bytes, more than any certificate has, are not all looked at", async () => {
    for (const value of [NULL, "3000", "0c00"]) {
      for (const parts of [{ parameters: der(0x30, value.repeat(16_000)) }, { extensions: full(value) }]) {
        const chain = once(parts);
        const size = chain.reduce((sum, { length }) => sum + length, 0);
        const read = (): Promise<unknown> => errorCode(() => checkChain(chain, key, 1));
        expect(await read()).toBe("CERTIFICATE_INVALID");
        expect(allocatedBy(() => void read()) / size).toBeLessThan(MULTIPLE);
      }
    }
  });

  test("x509: more certificates than a chain may have are not looked at", async () => {
    const one = forgeCertificate({ publicKey: key });
    const chain = Array.from({ length: 10_000 }, () => one);
    const read = (): Promise<unknown> => errorCode(() => checkChain(chain, key, 1));
    expect(await read()).toBe("CERTIFICATE_INVALID");
    expect(allocatedBy(() => void read())).toBeLessThan(chain.length * one.length);
  });

  test("x509: key packages by themselves, and in a commit of somebody who has all the keys", async () => {
    const mallory = await person("mallory", deps.random);
    const { publicKey } = mallory.signatureKey;
    const certificate = forgeCertificate({ publicKey, subject: full(der(0x31, der(0x30, OID, TEXT))) });
    const credential: Credential = { kind: "x509", certificates: [certificate, certificate] };
    const capabilities = { ...leaf.capabilities, credentials: [1, 2] };
    const made = await packageOf({ ...mallory, credential }, deps.random, { capabilities });
    const check = (): Promise<unknown> => errorCode(() => checkKeyPackage(made.message, { suite: 1 }));
    expect(await check()).toBeUndefined();
    expect((await allocatedMeanwhile(check)) / made.message.length).toBeLessThan(MULTIPLE);

    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const proposals = byValue({ kind: "add", keyPackage: made.keyPackage });
    const sent = await forgeCommit(alice, { proposals }, deps);
    const take = (): Promise<unknown> => errorCode(() => processMessage(bob, sent, deps));
    expect(await take()).toBe("CAPABILITY_MISSING");
    expect((await allocatedMeanwhile(take)) / sent.length).toBeLessThan(MULTIPLE);
  });

  test("a tree of nothing but blanks is refused before it is built", async () => {
    const input = vectorOf([0], 4_000_001);
    expect(await errorCode(() => decodeTree(input))).toBe("TREE_INVALID");
  });

  test("a tree that claims to be longer than its message is refused before anything is allocated", async () => {
    const input = Uint8Array.from([0xbf, 0xff, 0xff, 0xff, 0, 0, 0]);
    const read = (): Promise<unknown> => errorCode(() => decode(ratchetTreeCodec, input));
    expect(await read()).toBe("DECODE_TRUNCATED");
    expect(allocatedBy(() => void read())).toBeLessThan(2 ** 24);
  });
});

// Each of these would take minutes if every entry were compared with every other.
describe("[DEPTH-2] long lists cost in proportion to their length", () => {
  const LONG = 800_000;

  test("capabilities of a leaf against its extensions (§7.2)", async () => {
    const listed = Array.from({ length: LONG }, () => 0xf000);
    // A zero byte is an empty list, which an app_data_dictionary among the extensions has to be at least.
    const data = Uint8Array.of(0);
    const long: UnsignedLeafNode = {
      ...leaf,
      capabilities: { ...leaf.capabilities, extensions: [...listed, ...Array(0xe000).keys()] },
      extensions: Array.from({ length: 0xe000 }, (_, type) => ({ type, data })),
    };
    expect(await errorCode(() => checkLeafItself(long, 1))).toBeUndefined();
  });

  test("what the group requires against what its members support (§11.1)", async () => {
    const listed = [...Array.from({ length: LONG }, () => 0xf000), 0xf001];
    const of = (name: string): LeafNode => ({
      ...leaf,
      credential: { kind: "basic", identity: Uint8Array.from(name, (c) => c.charCodeAt(0)) },
      capabilities: { ...leaf.capabilities, extensions: listed, proposals: listed },
    });
    const tree = addLeaf(addLeaf(leafSlot(0, of("a")), of("b")).tree, of("c")).tree;
    const wanted = Array.from({ length: LONG }, () => 0xf001);
    const required = { extensions: wanted, proposals: wanted, credentials: [1] };
    const data = encode(requiredCapabilitiesCodec, required);
    expect(await errorCode(() => checkGroupSupport(tree, [{ type: 3, data }]))).toBeUndefined();
    const more = encode(requiredCapabilitiesCodec, { ...required, extensions: [...wanted, 0xf002] });
    expect(await errorCode(() => checkGroupSupport(tree, [{ type: 3, data: more }]))).toBe(
      "CAPABILITY_MISSING",
    );
  });

  test("keys that agree in their last bytes, in a path and in a tree (§7.3)", () => {
    const keyOf = (n: number): Uint8Array => {
      const key = new Uint8Array(32).fill(7);
      key.set([n >>> 24, n >>> 16, n >>> 8, n]);
      return key;
    };
    const keys = Array.from({ length: 100_000 }, (_, n) => keyOf(n));
    expect(hasEqualKeys(keys)).toBe(false);
    expect(hasEqualKeys([...keys, keyOf(99_999)])).toBe(true);
    const nodes = keys
      .slice(0, 2 ** 15)
      .map((key, n): [number, Node] => [
        2 * n,
        { kind: "leaf", leafNode: { ...leaf, encryptionKey: key, signatureKey: key } },
      ]);
    expect(repeatedKey(changeTree(undefined, 15, nodes), "all")).toBeUndefined();
  });

  test("a commit that names one proposal again and again verifies it not even once (§12.2)", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
    const { keyPackage } = await packageOf(await person("carol", deps.random), deps.random);
    const sent = await createProposal(alice, { kind: "add", keyPackage }, {}, deps);
    const read = await processMessage(bob, sent.message, deps);
    const proposals = Array.from({ length: 20_000 }, () => ({
      kind: "reference" as const,
      reference: sent.ref,
    }));
    const commit = await forgeCommit(sent.state, { proposals, path: false }, deps);
    expect(await errorCode(() => processMessage(read.state, commit, deps))).toBe("PROPOSAL_LIST_INVALID");
  });

  test("of hundreds of proposals, half of them bad, each is verified and its credential judged once", async () => {
    let asked = 0;
    const counting = testDeps("counting", {
      ...deps.authentication,
      validate({ credential }) {
        asked++;
        const isRefused = credential.kind === "basic" && credential.identity[0] === 0;
        return isRefused ? Promise.reject(new Error("nobody's name")) : Promise.resolve();
      },
    });
    let alice = await found(await person("alice", deps.random), counting);
    const propose = (proposal: Proposal): void => {
      const ref = deps.random.bytes(32);
      alice = withProposal(alice, { ref, proposal, sender: { kind: "member", leafIndex: 1 } });
    };
    const COUNT = 128;
    for (let n = 0; n < COUNT; n++) {
      const isStranger = n % 4 === 1;
      const who = await person(isStranger ? `\0${n}` : `p${n}`, deps.random);
      const { keyPackage } = await packageOf(who, deps.random);
      const signature = keyPackage.signature.map((byte) => byte ^ (n % 4 === 3 ? 1 : 0));
      propose({ kind: "add", keyPackage: { ...keyPackage, signature } });
    }
    // Nobody supports these, so that nobody is asked about credentials under them.
    for (let type = 0xf0e0; type < 0xf100; type++) {
      propose({ kind: "groupContextExtensions", extensions: [{ type, data: new Uint8Array() }] });
    }
    for (let n = 0; n < COUNT; n++) {
      const pskId = Uint8Array.of(n);
      propose({ kind: "psk", psk: { kind: "external", pskId, nonce: deps.random.bytes(suite.hashLength) } });
    }
    expect(pendingProposals(alice).length).toBe(2 * COUNT + 32);
    asked = 0;
    const askedForPsk: number[] = [];
    const preSharedKey: EngineDeps["preSharedKey"] = async (id) => {
      const n = id.kind === "external" ? (id.pskId[0] ?? 0) : 0;
      askedForPsk.push(n);
      return n % 2 === 0 ? new Uint8Array(32) : undefined;
    };
    const verify = vi.spyOn(suite, "verifyWithLabel");
    const { staged } = await stageCommit(alice, {}, { ...counting, preSharedKey });
    const verified = verify.mock.calls.length;
    verify.mockRestore();
    expect(staged.effects.added.length).toBe(COUNT / 2);
    expect(staged.effects.proposals.length).toBe(COUNT);
    // Two for each key package, and one for the committer's own leaf.
    expect(verified).toBe(2 * COUNT + 1);
    expect(asked).toBe((3 / 4) * COUNT); // those with good signatures
    // Each was asked for once, and what is injected once more for its key.
    expect(new Set(askedForPsk).size).toBe(COUNT);
    expect(askedForPsk.length).toBe(COUNT + COUNT / 2);
  });
});

describe("[DEPTH-3] the far end of what an index can say", () => {
  const LAST = 2 ** 32 - 1;

  test("a tree of 2^32 leaves is as deep as 32 steps, and its vacant parts are nothing", () => {
    const tree = changeTree(undefined, 32, [[2 * LAST, { kind: "leaf", leafNode: leaf }]]);
    expect(treeWidth(tree)).toBe(2 ** 32);
    expect(leafAt(tree, LAST)).toBe(leaf);
    expect(leafAt(tree, LAST - 1)).toBeUndefined();
    expect(encryptionKeyAt(tree, 2 * LAST)).toBe(leaf.encryptionKey);
    expect(slotAt(tree, 2 ** 34)).toBeUndefined();
    expect(membersOf(tree)).toEqual([{ leaf: LAST, leafNode: leaf }]);
    expect(resolution(tree)).toEqual([2 * LAST]);
    expect(filteredDirectPath(tree, 0).map(({ slot }) => slot.index)).toEqual([2 ** 32 - 1]);
    const added = addLeaf(tree, leaf);
    expect(added.leaf).toBe(0);
    expect(removeLeaf(added.tree, LAST).level).toBe(0);
  });

  test("a key of the last leaf of the widest secret tree is found in 32 steps", async () => {
    const tree = createSecretTree(new Uint8Array(32), 2 ** 32);
    const third = findReceiveKey(suite, tree, LAST, "application", 3);
    expect(useUp(third, undefined).width).toBe(2 ** 32);
    expect(await errorCode(() => findReceiveKey(suite, tree, LAST + 1, "application", 0))).toBe(
      "SENDER_INVALID",
    );
  });

  test("a vacant part hashes as its blank nodes do, whatever part of it was looked at", () => {
    const wide = decodeTree(mostlyBlank(2 ** 10));
    const looked = decodeTree(mostlyBlank(2 ** 10));
    for (let index = 0; index < 2 ** 11 - 1; index++) expect(slotAt(looked, index)?.index).toBe(index);
    const without = treeHashWithout(suite, looked, [3]);
    expect(without).toEqual(treeHash(suite, wide));
    // Removed down to vacant halves, and put together from the leaves up.
    let emptied = wide;
    for (let n = 0; n < 600; n++) emptied = addLeaf(emptied, leaf).tree;
    for (let n = 0; n < 600; n++) emptied = removeLeaf(emptied, n);
    expect(treeHash(suite, emptied)).toEqual(treeHash(suite, wide));
    expect(emptied.vacant).toBe(false);
  });

  test("stored records of an absurd size are refused", async () => {
    for (const level of [2, 20, 31, 32, 33, 64, 255]) {
      const node: Node = { kind: "leaf", leafNode: leaf };
      expect(await errorCode(() => storedTree(undefined, level, [[2, node]])), `${level}`).toBe(
        "RECORD_INVALID",
      );
    }
    expect(storedTree(undefined, 1, [[2, { kind: "leaf", leafNode: leaf }]]).members).toBe(1);
  });
});

function vectorOf(unit: readonly number[], length: number): Uint8Array {
  const body = new Uint8Array(Math.floor(length / unit.length) * unit.length);
  for (let i = 0; i < body.length; i++) body[i] = unit[i % unit.length] ?? 0;
  const writer = new Writer();
  writer.opaque(body);
  return writer.finish();
}

function mostlyBlank(leaves: number): Uint8Array {
  const nodes: (Node | undefined)[] = Array.from({ length: 2 * leaves - 2 });
  nodes.push({ kind: "leaf", leafNode: leaf });
  return encode(ratchetTreeCodec, nodes);
}

function bytes(...parts: (Uint8Array | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Bytes that the platform counts as allocated meanwhile, on its heap and in buffers. */
function allocatedBy(run: () => unknown): number {
  const allocated = allocatedFromNow();
  run();
  return allocated();
}

async function allocatedMeanwhile(run: () => Promise<unknown>): Promise<number> {
  const allocated = allocatedFromNow();
  await run();
  return allocated();
}

function allocatedFromNow(): () => number {
  const before = getHeapStatistics().total_allocated_bytes;
  const buffers = process.memoryUsage().arrayBuffers;
  return () => {
    const grown = process.memoryUsage().arrayBuffers - buffers;
    return getHeapStatistics().total_allocated_bytes - before + Math.max(0, grown);
  };
}

/** Bytes that are still held when what was thrown away has been collected. */
function retainedBy(run: () => unknown): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("this Node can't be told to collect");
  Reflect.apply(collect, undefined, []);
  const before = process.memoryUsage();
  run();
  Reflect.apply(collect, undefined, []);
  const after = process.memoryUsage();
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}
