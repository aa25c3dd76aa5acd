import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "../codec/codec.ts";
import type { ProposalOrRef } from "../commit.ts";
import type { Extension } from "../extension.ts";
import { signContent } from "../framing/authenticate.ts";
import { mlsMessageCodec } from "../framing/message.ts";
import { protectPublic } from "../framing/public-message.ts";
import { type LeafNode, signLeafNode } from "../leaf-node.ts";
import type { Proposal } from "../proposal.ts";
import { byValue, contentOf, forgeCommit, forgeProposal, ownLeafNode } from "../testing/forge.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  found,
  groupOf,
  join,
  nextOf,
  packageOf,
  person,
  takeCommit,
  testDeps,
} from "../testing/people.ts";
import { chainParentHashes } from "../tree/parent-hash.ts";
import { replacePath, slotAt } from "../tree/ratchet-tree.ts";
import { filteredDirectPath } from "../tree/resolution.ts";
import { createPath } from "../tree/update-path.ts";
import type { AuthenticationPolicy } from "./authentication.ts";
import { epochAuthenticator, type GroupState } from "./group-state.ts";
import { openLate, retireEpoch } from "./past-epoch.ts";
import { processMessage } from "./process-message.ts";
import { createApplicationMessage, proposeRemove, proposeUpdate } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("strict validation");
let group: GroupState[];

beforeAll(async () => {
  group = await groupOf(["alice", "bob", "carol", "dave", "erin"], deps);
});

const member = (index: number): GroupState => {
  const state = group[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

async function newcomer(name: string, capabilities = CAPABILITIES) {
  const who = await person(name, deps.random);
  return { who, made: await packageOf(who, deps.random, { capabilities }) };
}

const agreed = (...states: (GroupState | undefined)[]): boolean =>
  new Set(states.map((state) => state && bytesToHex(epochAuthenticator(state)))).size === 1;

/** What bob says when carol commits by reference what these members proposed, with a path or without. */
async function verdictByReference(
  proposed: readonly Uint8Array[],
  path: "path" | "no path" = "path",
): Promise<unknown> {
  let [bob, carol] = [member(1), member(2)];
  const proposals: ProposalOrRef[] = [];
  for (const message of proposed) {
    const atBob = await processMessage(bob, message, deps);
    if (atBob.kind !== "proposal") throw new Error("not a proposal");
    bob = atBob.state;
    carol = (await processMessage(carol, message, deps)).state;
    proposals.push({ kind: "reference", reference: atBob.ref });
  }
  const commit = await forgeCommit(carol, { proposals, ...(path === "no path" && { path: false }) }, deps);
  return processMessage(bob, commit, deps);
}

/** An Update that `index` signs; `change` is made before. */
async function updateOf(
  index: number,
  change: Partial<LeafNode> = {},
  signatureKey = member(index).signatureKey,
): Promise<Proposal> {
  const state = member(index);
  const { publicKey } = await state.suite.deriveKeyPair(deps.random.bytes(32));
  const leafNode = await signLeafNode(
    state.suite,
    { ...ownLeafNode(state), encryptionKey: publicKey, source: { kind: "update" }, ...change },
    signatureKey,
    { groupId: state.context.groupId, leafIndex: index },
  );
  return { kind: "update", leafNode };
}

describe("a path", () => {
  test("[RULE-39] whose secrets give only the lowest of its keys is unreadable below (§7.5)", async () => {
    // Each node's key pair is of a secret of its own: the parent hashes hold, the chain of secrets doesn't.
    const unchained: typeof createPath = async (suite, tree, leaf, random, signLeaf) => {
      const path = filteredDirectPath(tree, leaf);
      const secrets = path.map(() => random.bytes(suite.hashLength));
      const pairs = await Promise.all(
        secrets.map((secret) => suite.deriveKeyPair(suite.deriveSecret(secret, "node"))),
      );
      const { nodes, leafParentHash } = chainParentHashes(
        suite,
        path,
        pairs.map(({ publicKey }) => publicKey),
      );
      const own = await suite.deriveKeyPair(random.bytes(suite.hashLength));
      const leafNode = await signLeaf(own.publicKey, leafParentHash);
      const top = secrets.at(-1) ?? new Uint8Array();
      return {
        tree: replacePath(tree, leaf, leafNode, nodes),
        leafNode,
        privateKeys: new Map(),
        pathSecrets: new Map(path.map(({ slot }, i) => [slot.index, secrets[i] ?? top])),
        commitSecret: suite.deriveSecret(top, "path"),
        rootPathSecret: top,
      };
    };
    const message = await forgeCommit(member(2), { createPath: unchained }, deps);
    for (const below of [member(0), member(1), member(3)]) {
      await expect(processMessage(below, message, deps)).rejects.toMatchObject({
        code: "PATH_UNREADABLE",
        section: "§7.5",
      });
    }
    // Who is reached by the topmost node alone has nothing to compare with.
    expect(await processMessage(member(4), message, deps)).toMatchObject({ kind: "commit" });
  });
});

test("a path secret has the length of a hash, though its keys are those of the path (§7.4, §7.5)", async () => {
  const short: typeof createPath = (suite, tree, leaf, random, signLeaf) =>
    createPath(suite, tree, leaf, { bytes: (length) => random.bytes(length - 1) }, signLeaf);
  const message = await forgeCommit(member(2), { createPath: short }, deps);
  await expect(processMessage(member(3), message, deps)).rejects.toMatchObject({ code: "PATH_UNREADABLE" });
  // What is derived from it has the right length: those above can't tell.
  expect(await processMessage(member(0), message, deps)).toMatchObject({ kind: "commit" });
});

describe("a commit without a path", () => {
  const refusal = { code: "COMMIT_INVALID", section: "§12.4" };

  test("[RULE-59] takes no Update, Remove or GroupContextExtensions by reference either (§12.4)", async () => {
    const update = await proposeUpdate(member(0), {}, {}, deps);
    await expect(verdictByReference([update.message], "no path")).rejects.toMatchObject(refusal);
    const remove = await proposeRemove(member(0), 3, {}, deps);
    await expect(verdictByReference([remove.message], "no path")).rejects.toMatchObject(refusal);
    const context: Proposal = { kind: "groupContextExtensions", extensions: [] };
    const changing = await forgeProposal(member(0), context, deps);
    await expect(verdictByReference([changing], "no path")).rejects.toMatchObject(refusal);
    const { made } = await newcomer("zoe");
    const add = await forgeProposal(member(0), { kind: "add", keyPackage: made.keyPackage }, deps);
    expect(await verdictByReference([add], "no path")).toMatchObject({ kind: "commit" });
    const other = await proposeUpdate(member(3), {}, {}, deps);
    await expect(verdictByReference([add, other.message], "no path")).rejects.toMatchObject(refusal);
  });

  test("[RULE-60] takes no Remove beside an Add (§12.4)", async () => {
    const { made } = await newcomer("zoe");
    const proposals = byValue({ kind: "add", keyPackage: made.keyPackage }, { kind: "remove", removed: 3 });
    const message = await forgeCommit(member(2), { proposals, path: false }, deps);
    await expect(processMessage(member(1), message, deps)).rejects.toMatchObject(refusal);
  });
});

describe("a list of proposals", () => {
  test("[RULE-61] holds no Update beside a Remove, and no second Update, of one leaf (§12.2)", async () => {
    const refusal = { code: "PROPOSAL_LIST_INVALID", section: "§12.2" };
    const update = await proposeUpdate(member(3), {}, {}, deps);
    const remove = await proposeRemove(member(0), 3, {}, deps);
    await expect(verdictByReference([update.message, remove.message])).rejects.toMatchObject(refusal);
    const second = await proposeUpdate(update.state, {}, {}, deps);
    await expect(verdictByReference([update.message, second.message])).rejects.toMatchObject(refusal);
  });

  test("[RULE-62] with an Update from leaf 0 is a commit like any other (§12.1.2)", async () => {
    const update = await proposeUpdate(member(0), {}, {}, deps);
    let states = [update.state];
    for (const index of [1, 2, 3, 4]) {
      states = [...states, (await processMessage(member(index), update.message, deps)).state];
    }
    const first = await commitAndFollow(states, 2, {}, deps);
    expect(first.staged.effects.updated.map(({ leaf }) => leaf)).toEqual([0, 2]);
    expect(agreed(...first.states)).toBe(true);
    // Alice's new private key is in use: she opens the next path with it.
    const second = await commitAndFollow(first.states, 1, {}, deps);
    expect(agreed(...second.states)).toBe(true);
  });

  test("[RULE-63] may change the group's extensions and remove who doesn't support them (§12.2, §12.3)", async () => {
    const { who, made } = await newcomer("weak", { ...CAPABILITIES, extensions: [] });
    const founded = await stageCommit(member(0), { add: [made.keyPackage] }, deps);
    const alice = nextOf(founded.staged);
    const bob = nextOf(await takeCommit(member(1), founded.staged.message, deps));
    const weak = await join(who, made, founded.staged.welcome ?? new Uint8Array(), deps);
    const contextExtensions: Extension[] = [{ type: 0xf001, data: Uint8Array.of(1) }];
    await expect(stageCommit(alice, { contextExtensions }, deps)).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      section: "§13.4",
    });
    const { staged } = await stageCommit(alice, { contextExtensions, remove: [weak.ownLeaf] }, deps);
    expect(agreed(nextOf(staged), nextOf(await takeCommit(bob, staged.message, deps)))).toBe(true);
    expect(await takeCommit(weak, staged.message, deps)).toMatchObject({
      next: undefined,
      effects: { selfRemoved: true },
    });
  });
});

describe("a member that is removed", () => {
  test.each([
    ["in the middle", 1],
    ["at leaf 0", 0],
    ["at the end of the tree", 4],
  ])(
    "[RULE-64] %s, while somebody takes its leaf, reads that it was removed (§12.4.2)",
    async (_where, leaf) => {
      const { who, made } = await newcomer("yan");
      const { states, staged } = await commitAndFollow(
        group,
        2,
        { remove: [leaf], add: [made.keyPackage] },
        deps,
      );
      expect(staged.effects.added.map((added) => added.leaf)).toEqual([leaf]);
      const seen = await takeCommit(member(leaf), staged.message, deps);
      expect(seen.next).toBeUndefined();
      expect(seen.effects.selfRemoved).toBe(true);
      expect(seen.effects.removed).toEqual([{ leaf, leafNode: ownLeafNode(member(leaf)) }]);
      const yan = await join(who, made, staged.welcome ?? new Uint8Array(), deps);
      expect(yan.ownLeaf).toBe(leaf);
      expect(agreed(yan, ...states.filter((state) => state !== undefined))).toBe(true);
    },
  );
});

describe("a key at two places of the tree", () => {
  test("[RULE-65] comes with no Update: a member's, a parent's or another Update's (§7.3)", async () => {
    const repeated = { code: "KEY_REPEATED", section: "§7.3" };
    const { encryptionKey } = ownLeafNode(member(3));
    const ofMember = await forgeProposal(member(0), await updateOf(0, { encryptionKey }), deps);
    await expect(verdictByReference([ofMember])).rejects.toMatchObject(repeated);
    const { signatureKey } = ownLeafNode(member(3));
    const signature = await updateOf(0, { signatureKey }, member(3).signatureKey);
    await expect(verdictByReference([await forgeProposal(member(0), signature, deps)])).rejects.toMatchObject(
      repeated,
    );
    const { publicKey } = await member(0).suite.deriveKeyPair(deps.random.bytes(32));
    const twins = await Promise.all(
      [0, 3].map(async (index) =>
        forgeProposal(member(index), await updateOf(index, { encryptionKey: publicKey }), deps),
      ),
    );
    await expect(verdictByReference(twins)).rejects.toMatchObject(repeated);
  });

  test("[RULE-66] comes with no path: an Update's or an Add's key of the same commit (§12.4.2)", async () => {
    const refusal = { code: "UPDATE_PATH_INVALID", section: "§12.4.2" };
    const { made } = await newcomer("zoe");
    const { encryptionKey } = made.keyPackage.leafNode;
    const proposals = byValue({ kind: "add", keyPackage: made.keyPackage });
    const message = await forgeCommit(
      member(2),
      { proposals, leaf: (leaf) => ({ ...leaf, encryptionKey }) },
      deps,
    );
    await expect(processMessage(member(1), message, deps)).rejects.toMatchObject(refusal);
  });

  test("[RULE-67] comes with no new signature key of the committer (§7.3)", async () => {
    const { signatureKey } = ownLeafNode(member(3));
    const message = await forgeCommit(
      member(2),
      { leaf: (leaf) => ({ ...leaf, signatureKey }), leafSignatureKey: member(3).signatureKey },
      deps,
    );
    await expect(processMessage(member(1), message, deps)).rejects.toMatchObject({
      code: "KEY_REPEATED",
      section: "§7.3",
    });
  });
});

describe("a message of another group or epoch", () => {
  const elsewhere = utf8ToBytes("another group");

  /** The same member's state in a group, or an epoch, that there isn't. */
  const moved = (index: number, change: Partial<GroupState["context"]>): GroupState => ({
    ...member(index),
    context: { ...member(index).context, ...change },
  });

  async function publicly(state: GroupState, proposal: Proposal): Promise<Uint8Array> {
    const content = contentOf(state, { kind: "proposal", proposal });
    const wireFormat = "publicMessage";
    const signed = { wireFormat, content, groupContext: state.encodedContext } as const;
    const signature = await signContent(state.suite, signed, state.signatureKey);
    const publicMessage = protectPublic(
      state.suite,
      { wireFormat, content, auth: { signature, confirmationTag: undefined } },
      { ...state.context, groupContext: state.encodedContext, membershipKey: state.secrets.membershipKey },
    );
    return encode(mlsMessageCodec, { kind: "publicMessage", publicMessage });
  }

  test.each([
    ["group", "GROUP_MISMATCH", { groupId: elsewhere }],
    ["epoch, one back", "EPOCH_MISMATCH", { epoch: 0n }],
    ["epoch, one ahead", "EPOCH_MISMATCH", { epoch: 2n }],
  ] as const)(
    "[RULE-68] is refused by its place alone, whatever its content and framing: another %s (§6.1, §12.1, §12.4.2, §15)",
    async (_what, code, change) => {
      const from = moved(3, change);
      const remove: Proposal = { kind: "remove", removed: 0 };
      const messages = [
        (await createApplicationMessage(from, utf8ToBytes("hi"), {}, deps)).message,
        await forgeProposal(from, remove, deps),
        await publicly(from, remove),
        await forgeCommit(from, {}, deps),
      ];
      const sections = code === "GROUP_MISMATCH" ? [] : ["§15", "§12.1", "§12.1", "§12.4.2"];
      for (const [i, message] of messages.entries()) {
        await expect(processMessage(member(1), message, deps, { allowPublic: true })).rejects.toMatchObject({
          code,
          section: sections[i] ?? "§6.1",
        });
      }
      const [text] = messages;
      if (text === undefined) throw new Error("no message");
      await expect(openLate(retireEpoch(member(1), undefined), text)).rejects.toMatchObject({ code });
    },
  );

  test("[RULE-69] that is a proposal is not kept, and no commit of a later epoch refers to it (§12.1)", async () => {
    const { message, ref } = await proposeRemove(member(3), 0, {}, deps);
    const known = await processMessage(member(1), message, deps);
    const passed = await stageCommit(member(2), {}, deps);
    const bob = nextOf(await takeCommit(known.state, passed.staged.message, deps));
    const proposals: ProposalOrRef[] = [{ kind: "reference", reference: ref }];
    const late = await forgeCommit(nextOf(passed.staged), { proposals }, deps);
    await expect(processMessage(bob, late, deps)).rejects.toMatchObject({
      code: "PROPOSAL_UNKNOWN",
      section: "§12.4.2",
    });
  });
});

describe("a joiner", () => {
  test("[RULE-70] enters a tree that was emptied and filled again, with unmerged leaves (§7.9, §12.4.3.1)", async () => {
    let states: (GroupState | undefined)[] = await groupOf(
      ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
      deps,
    );
    for (const committer of [1, 2, 5, 7]) ({ states } = await commitAndFollow(states, committer, {}, deps));
    // Nodes 5 and 3 go blank: node 7 stands above node 1 by a path that leaves node 3 out. Leaf 8 is elsewhere, so
    // that those it adds are unmerged at node 7.
    ({ states } = await commitAndFollow(states, 0, { remove: [2, 3, 6] }, deps));
    for (const [round, name] of ["j", "k", "l", "m"].entries()) {
      const { who, made } = await newcomer(name);
      const { states: next, staged } = await commitAndFollow(states, 8, { add: [made.keyPackage] }, deps);
      const joined = await join(who, made, staged.welcome ?? new Uint8Array(), deps);
      expect(joined.ownLeaf).toBe([2, 3, 6, 9][round]);
      states = next;
      states[joined.ownLeaf] = joined;
      expect(agreed(...states.filter((state) => state !== undefined))).toBe(true);
    }
    expect(slotAt(states[0]?.tree ?? member(0).tree, 7)).toMatchObject({
      node: { unmergedLeaves: [2, 3, 6] },
      left: { node: undefined },
    });
    // An unmerged leaf commits, the others take its path and somebody joins once more.
    ({ states } = await commitAndFollow(states, 3, {}, deps));
    const { who, made } = await newcomer("n");
    const last = await commitAndFollow(states, 9, { remove: [2], add: [made.keyPackage] }, deps);
    const joined = await join(who, made, last.staged.welcome ?? new Uint8Array(), deps);
    expect(agreed(joined, ...last.states.filter((state) => state !== undefined))).toBe(true);
  });
});

describe("two devices of one user", () => {
  /** One name for all devices: the application tells clients apart by nothing that stands in the credential. */
  const byUser: AuthenticationPolicy = {
    validate: () => Promise.resolve(),
    sameClient: () => false,
    isSuccessor: () => true,
  };
  const both = testDeps("two devices", byUser);

  test("[RULE-71] are two members, if the application says so, though their credentials are equal (§5.3, §12.2)", async () => {
    const [phone, laptop] = [await person("ann", both.random), await person("ann", both.random)];
    const made = await packageOf(laptop, both.random);
    const { staged } = await stageCommit(await found(phone, both), { add: [made.keyPackage] }, both);
    const atLaptop = await join(laptop, made, staged.welcome ?? new Uint8Array(), both);
    const { message } = await createApplicationMessage(nextOf(staged), utf8ToBytes("hi"), {}, both);
    expect(await processMessage(atLaptop, message, both)).toMatchObject({ sender: 0 });
    // The one can remove the other, and is not taken for it.
    const removing = await stageCommit(atLaptop, { remove: [0] }, both);
    expect(await takeCommit(nextOf(staged), removing.staged.message, both)).toMatchObject({
      next: undefined,
      effects: { selfRemoved: true, removed: [{ leaf: 0 }] },
    });
    expect(nextOf(removing.staged).ownLeaf).toBe(1);
    // With equal keys they would be one client, whatever the application says.
    const twin = await packageOf(phone, both.random);
    await expect(stageCommit(nextOf(staged), { add: [twin.keyPackage] }, both)).rejects.toMatchObject({
      code: "KEY_REPEATED",
      section: "§7.3",
    });
    // Where the application takes equal credentials for one client, the second is refused.
    await expect(
      stageCommit(await found(phone, deps), { add: [made.keyPackage] }, deps),
    ).rejects.toMatchObject({ code: "CLIENT_REPEATED", section: "§12.2" });
  });
});
