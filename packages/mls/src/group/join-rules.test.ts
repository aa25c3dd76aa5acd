import { beforeAll, describe, expect, test } from "vitest";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { CreatedKeyPackage } from "../create-key-package.ts";
import { EXTENSION_RATCHET_TREE } from "../extension.ts";
import { type LeafNode, signLeafNode } from "../leaf-node.ts";
import type { PreSharedKeyId } from "../proposal.ts";
import { forgeWelcome, type WelcomeForgery } from "../testing/forge.ts";
import {
  CAPABILITIES,
  groupOf,
  join,
  nextOf,
  packageOf,
  type Person,
  person,
  testDeps,
  trusting,
} from "../testing/people.ts";
import { addLeaf, leafAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { changeTree } from "../tree/tree-changes.ts";
import { encodeTree } from "../tree/tree-extension.ts";
import { commonAncestor } from "../tree/tree-math.ts";
import { createPath } from "../tree/update-path.ts";
import type { AuthenticationPolicy } from "./authentication.ts";
import type { SeparateTree } from "./check-group-info.ts";
import type { GroupInfoExtensions } from "./create-welcome.ts";
import type { GroupState } from "./group-state.ts";
import { heldSecrets } from "./held-secrets.ts";
import { joinGroup } from "./join-group.ts";
import { createApplicationMessage } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("join rules");
let group: GroupState[];
let zoe: Person;
let made: CreatedKeyPackage;
/** The group's tree with zoe at leaf 3. */
let tree: RatchetTree;

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol"], deps);
  zoe = await person("zoe", deps.random);
  made = await packageOf(zoe, deps.random);
  ({ tree } = addLeaf(member(0).tree, made.keyPackage.leafNode));
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

function leafOf(leaf: number): LeafNode {
  const found = leafAt(tree, leaf);
  if (found === undefined) throw new Error(`leaf ${leaf} is blank`);
  return found;
}

/** What zoe comes to with a Welcome that bob forged. */
async function verdict(
  forgery: Partial<WelcomeForgery>,
  policy: AuthenticationPolicy = trusting,
): Promise<GroupState> {
  const welcome = await forgeWelcome(made.keyPackage, { tree, signer: member(1), ...forgery }, deps);
  return join(zoe, made, welcome, { ...deps, authentication: policy });
}

async function expectRefusal(
  forgery: Partial<WelcomeForgery>,
  code: string,
  section = "§12.4.3.1",
): Promise<void> {
  await expect(verdict(forgery)).rejects.toMatchObject({ code, section });
}

const withLeaf = (leaf: number, leafNode: LeafNode | undefined): RatchetTree =>
  changeTree(tree, tree.level, [[2 * leaf, leafNode && { kind: "leaf", leafNode }]]);

test("a forged Welcome with nothing wrong is taken", async () => {
  expect((await verdict({})).ownLeaf).toBe(3);
});

describe("a Welcome", () => {
  test("[RULE-36] is for this key package and its private keys (§12.4.3.1)", async () => {
    const welcome = await forgeWelcome(made.keyPackage, { tree, signer: member(1) }, deps);
    const other = await packageOf(zoe, deps.random);
    await expect(join(zoe, other, welcome, deps)).rejects.toMatchObject({ code: "NOT_INVITED" });
    const mixed = { ...made, initPrivateKey: other.initPrivateKey };
    await expect(join(zoe, mixed, welcome, deps)).rejects.toMatchObject({ code: "KEY_INVALID" });
    const mixedLeaf = { ...made, encryptionPrivateKey: other.encryptionPrivateKey };
    await expect(join(zoe, mixedLeaf, welcome, deps)).rejects.toMatchObject({ code: "KEY_INVALID" });
    const stranger = await person("zoe", deps.random);
    await expect(join(stranger, made, welcome, deps)).rejects.toMatchObject({ code: "KEY_INVALID" });
  });

  test("[RULE-37] has the key package's cipher suite, and so has its group (§12.4.3.1)", async () => {
    await expectRefusal({ welcome: (welcome) => ({ ...welcome, cipherSuite: 3 }) }, "WELCOME_INVALID");
    await expectRefusal({ context: (context) => ({ ...context, cipherSuite: 3 }) }, "GROUP_INFO_INVALID");
  });

  test("[RULE-38] decrypts (§12.4.3.1)", async () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1);
    await expectRefusal(
      { welcome: (welcome) => ({ ...welcome, encryptedGroupInfo: flip(welcome.encryptedGroupInfo) }) },
      "WELCOME_INVALID",
    );
    await expectRefusal(
      { groupSecrets: (secrets) => ({ ...secrets, joinerSecret: new Uint8Array(32) }) },
      "WELCOME_INVALID",
    );
  });

  test("[PSK-4] names each pre-shared key once, under a nonce of Nh bytes (§8.4, §12.2)", async () => {
    const psk = { kind: "external" as const, pskId: utf8ToBytes("key"), nonce: new Uint8Array(32) };
    const naming = (...psks: PreSharedKeyId[]): Partial<WelcomeForgery> => ({
      groupSecrets: (secrets) => ({ ...secrets, psks }),
    });
    await expectRefusal(naming(psk), "PSK_UNAVAILABLE");
    await expectRefusal(naming(psk, psk), "WELCOME_INVALID", "§12.2");
    await expectRefusal(naming({ ...psk, nonce: new Uint8Array(31) }), "WELCOME_INVALID", "§8.4");
  });

  test("[RULE-40] gives a path secret that fits the tree, if any (§12.4.3.1)", async () => {
    await expectRefusal(
      { groupSecrets: (secrets) => ({ ...secrets, pathSecret: new Uint8Array(32) }) },
      "WELCOME_INVALID",
    );
    await expectRefusal(
      {
        signer: { ...member(1), ownLeaf: 3, signatureKey: zoe.signatureKey.privateKey },
        groupSecrets: (secrets) => ({ ...secrets, pathSecret: new Uint8Array(32) }),
      },
      "WELCOME_INVALID",
    );
  });

  test("[RULE-93] gives the keys of all nodes above the joiner, but those where it is unmerged (§12.4.3.1)", async () => {
    const committed = await stageCommit(member(0), { add: [made.keyPackage] }, deps);
    const next = nextOf(committed.staged);
    // Zoe is merged at every node of the path; and unmerged at all of the tree that the other tests have.
    await expectRefusal({ tree: next.tree, signer: next }, "WELCOME_INVALID");
    const at = { tree, signer: member(1) };
    expect((await verdict(at)).privateKeys.size).toBe(1);
    const { welcome = new Uint8Array() } = committed.staged;
    expect((await join(zoe, made, welcome, deps)).privateKeys.size).toBe(2);
  });

  test("[RULE-40] gives a path secret of the length of a hash, though its keys are those of the tree (§7.4)", async () => {
    // Carol's lowest node is the one above zoe: those above it have secrets of the right length whatever comes first.
    const { suite, context, signatureKey } = member(2);
    const place = { groupId: context.groupId, leafIndex: 2 };
    const outcome = async (missing: number): Promise<unknown> => {
      const random = { bytes: (length: number) => deps.random.bytes(length - missing) };
      const created = await createPath(suite, tree, 2, random, (encryptionKey, parentHash) => {
        const source = { kind: "commit" as const, parentHash };
        return signLeafNode(suite, { ...leafOf(2), encryptionKey, source }, signatureKey, place);
      });
      const pathSecret = created.pathSecrets.get(commonAncestor(2 * 2, 2 * 3));
      const groupSecrets: WelcomeForgery["groupSecrets"] = (secrets) => ({ ...secrets, pathSecret });
      return verdict({ tree: created.tree, signer: member(2), groupSecrets });
    };
    expect(await outcome(0)).toMatchObject({ ownLeaf: 3 });
    await expect(outcome(1)).rejects.toMatchObject({ code: "WELCOME_INVALID" });
  });

  test("[RULE-89] is the only way in: another message is refused (§6)", async () => {
    const sent = await createApplicationMessage(member(0), utf8ToBytes("hello"), {}, deps);
    await expect(join(zoe, made, sent.message, deps)).rejects.toMatchObject({
      code: "WIRE_FORMAT_UNEXPECTED",
    });
  });
});

describe("a GroupInfo", () => {
  test("[RULE-41] is signed by a member (§12.4.3.1)", async () => {
    await expectRefusal(
      { signature: (signature) => signature.map((byte) => byte ^ 1) },
      "GROUP_INFO_INVALID",
    );
    await expectRefusal({ groupInfo: (info) => ({ ...info, signer: 2 }) }, "GROUP_INFO_INVALID");
    await expectRefusal({ groupInfo: (info) => ({ ...info, signer: 9 }) }, "GROUP_INFO_INVALID");
  });

  test("[RULE-42] has the confirmation tag of its epoch (§12.4.3.1)", async () => {
    const forged: Partial<WelcomeForgery> = {
      groupInfo: (info) => ({ ...info, confirmationTag: new Uint8Array(32) }),
    };
    await expectRefusal(forged, "CONFIRMATION_TAG_INVALID");
  });

  test("[RULE-43] comes with its tree, inside or beside (§12.4.3.3)", async () => {
    const bare: Partial<WelcomeForgery> = { groupInfo: (info) => ({ ...info, extensions: [] }) };
    await expectRefusal(bare, "GROUP_INFO_INVALID");
    await expectRefusal(
      { context: (context) => ({ ...context, treeHash: new Uint8Array(32) }) },
      "TREE_INVALID",
    );
  });

  test("[RULE-44] names only extensions that the joiner supports (§13.4)", async () => {
    const extensions = [{ type: 0xf0ff, data: new Uint8Array() }];
    await expectRefusal(
      { context: (context) => ({ ...context, extensions }) },
      "CAPABILITY_MISSING",
      "§13.4",
    );
  });
});

describe("the tree of a Welcome", () => {
  test("[RULE-45] holds the joiner's own leaf, unchanged (§12.4.3.1)", async () => {
    const again = await packageOf(zoe, deps.random);
    await expectRefusal({ tree: withLeaf(3, again.keyPackage.leafNode) }, "WELCOME_INVALID");
  });

  test("[RULE-46] keeps the structural rules, such as parent hashes (§7.9.2)", async () => {
    const other = await packageOf(await person("mallory", deps.random), deps.random);
    await expectRefusal({ tree: withLeaf(0, other.keyPackage.leafNode) }, "TREE_INVALID", "§7.9.2");
  });

  test("[RULE-47] holds only leaves that are signed for their place (§7.2, §7.3)", async () => {
    const bob = leafOf(1);
    const broken = { ...bob, signature: bob.signature.map((byte) => byte ^ 1) };
    // In a tree without parents, so that no parent hash is spoilt before.
    const bare = treeOf(leafOf(0), broken, leafOf(2), leafOf(3));
    await expectRefusal({ tree: bare }, "LEAF_NODE_INVALID", "§7.3");
  });

  test("[RULE-95] holds no leaf whose lifetime ends before it begins (§7.2)", async () => {
    const bob = await person("bob", deps.random);
    const { keyPackage } = await packageOf(bob, deps.random);
    const livingFrom = async (notBefore: bigint): Promise<RatchetTree> => {
      const source = { kind: "keyPackage" as const, lifetime: { notBefore, notAfter: 5n } };
      const unsigned = { ...keyPackage.leafNode, source };
      const leafNode = await signLeafNode(member(0).suite, unsigned, bob.signatureKey.privateKey);
      return treeOf(leafOf(0), leafNode, leafOf(2), leafOf(3));
    };
    const signer = { ...member(1), signatureKey: bob.signatureKey.privateKey };
    await expectRefusal({ tree: await livingFrom(6n), signer }, "LEAF_NODE_INVALID", "§7.2");
    expect((await verdict({ tree: await livingFrom(5n), signer })).ownLeaf).toBe(3);
  });

  test("[RULE-48] holds no client twice (§12.2)", async () => {
    const twin = await packageOf(await person("bob", deps.random), deps.random);
    const bare = treeOf(leafOf(0), leafOf(1), twin.keyPackage.leafNode, leafOf(3));
    await expectRefusal({ tree: bare }, "CLIENT_REPEATED", "§12.2");
  });

  test("[RULE-49] holds only credentials that the application accepts, each asked about (§5.3.1)", async () => {
    const asked: string[] = [];
    const policy: AuthenticationPolicy = {
      ...trusting,
      validate({ credential }) {
        const name = trusting.clientId?.(credential) ?? "";
        asked.push(name);
        return name === "carol" ? Promise.reject(new Error("no carols")) : Promise.resolve();
      },
    };
    await expect(verdict({}, policy)).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
    });
    expect(asked.sort()).toEqual(["alice", "bob", "carol", "zoe"]);
  });

  test("[RULE-49] is compared by its credentials only after the application has accepted them (§5.3.1)", async () => {
    const refuse = (): never => {
      throw new Error("not to be asked about this one");
    };
    const isCarol = (credential: LeafNode["credential"]): boolean =>
      trusting.clientId?.(credential) === "carol";
    const policy: AuthenticationPolicy = {
      validate: async ({ credential }) => (isCarol(credential) ? refuse() : undefined),
      sameClient: (a, b) => (isCarol(a) || isCarol(b) ? refuse() : trusting.sameClient(a, b)),
      isSuccessor: refuse,
    };
    const clientId = (credential: LeafNode["credential"]): string =>
      isCarol(credential) ? refuse() : (trusting.clientId?.(credential) ?? "");
    for (const asked of [policy, { ...policy, clientId }]) {
      await expect(verdict({}, asked)).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
    }
  });

  test("[RULE-50] holds only members that support what the group requires (§11.1, §13.4)", async () => {
    const capabilities = { ...CAPABILITIES, extensions: [] };
    const weak = await packageOf(await person("weak", deps.random), deps.random, { capabilities });
    const bare = treeOf(leafOf(0), leafOf(1), weak.keyPackage.leafNode, leafOf(3));
    const context: WelcomeForgery["context"] = (honest) => ({
      ...honest,
      extensions: [{ type: 0xf001, data: new Uint8Array() }],
    });
    await expectRefusal({ tree: bare, context }, "CAPABILITY_MISSING", "§13.4");
  });
});

test("a Welcome without the tree is taken with the tree beside it", async () => {
  const forged = await forgeWelcome(
    made.keyPackage,
    { tree, signer: member(1), groupInfo: (info) => ({ ...info, extensions: [] }) },
    deps,
  );
  const options = {
    welcome: forged,
    keyPackage: made.keyPackage,
    initPrivateKey: made.initPrivateKey,
    encryptionPrivateKey: made.encryptionPrivateKey,
    signatureKey: zoe.signatureKey,
    deps,
  };
  expect((await joinGroup({ ...options, ratchetTree: encodeTree(tree) })).ownLeaf).toBe(3);
});

describe("a Welcome whose GroupInfo leads to the tree instead of carrying it", () => {
  const PLACE_OF_TREE = 0xff01;
  const place = utf8ToBytes("where the tree is");
  let stored: Uint8Array;
  let welcome: Uint8Array;

  beforeAll(async () => {
    const { staged } = await stageCommit(
      member(0),
      {
        add: [made.keyPackage],
        groupInfoExtensions: async (ratchetTree) => {
          stored = ratchetTree;
          return [{ type: PLACE_OF_TREE, data: place }];
        },
      },
      deps,
    );
    welcome = staged.welcome ?? new Uint8Array();
  });

  const joining = (ratchetTree?: SeparateTree) =>
    joinGroup({
      welcome,
      keyPackage: made.keyPackage,
      initPrivateKey: made.initPrivateKey,
      encryptionPrivateKey: made.encryptionPrivateKey,
      signatureKey: zoe.signatureKey,
      ...(ratchetTree && { ratchetTree }),
      deps,
    });

  test("[WELCOME-1] is joined with the tree that is found there", async () => {
    const asked: Uint8Array[] = [];
    const joined = await joining(async (extensions) => {
      asked.push(...extensions.filter(({ type }) => type === PLACE_OF_TREE).map(({ data }) => data));
      return stored;
    });
    expect(asked).toEqual([place]);
    expect(joined.ownLeaf).toBe(3);
  });

  test("[WELCOME-1] isn't made with another tree inside, nor where no place was found; no key is used up", async () => {
    const inviting = async (groupInfoExtensions: GroupInfoExtensions) =>
      stageCommit(member(1), { add: [keyPackage], groupInfoExtensions }, deps);
    const { keyPackage } = await packageOf(await person("yann", deps.random), deps.random);
    const other = encodeTree(member(0).tree);
    await expect(inviting(async () => [{ type: EXTENSION_RATCHET_TREE, data: other }])).rejects.toThrow(
      RangeError,
    );
    await expect(inviting(() => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
    const { state } = await inviting(async (data) => [{ type: EXTENSION_RATCHET_TREE, data }]);
    expect(heldSecrets(state)).toContain("ratchet/1/handshake/1");
  });

  test("[WELCOME-1] isn't joined without the tree, nor with another one", async () => {
    const code = "GROUP_INFO_INVALID";
    await expect(joining()).rejects.toMatchObject({ code });
    await expect(joining(async () => undefined)).rejects.toMatchObject({ code });
    const other = async () => encodeTree(member(0).tree);
    await expect(joining(other)).rejects.toMatchObject({ code: "TREE_INVALID" });
  });
});

/** A tree of these leaves with blank parents. */
function treeOf(...leaves: LeafNode[]): RatchetTree {
  return changeTree(
    undefined,
    2,
    leaves.map((leafNode, i) => [2 * i, { kind: "leaf", leafNode }]),
  );
}
