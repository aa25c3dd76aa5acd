import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { supportedCipherSuites } from "../crypto/cipher-suite.ts";
import {
  CAPABILITIES,
  commitAndFollow,
  groupOf,
  nextOf,
  type Person,
  person,
  testDeps,
  trusting,
} from "../testing/people.ts";
import { advanceMember, storeMember } from "../testing/stored-member.ts";
import type { EngineDeps } from "./authentication.ts";
import { exportGroupInfo, exportRatchetTree } from "./export-group-info.ts";
import type { ExternalCommitQuestion } from "./external-policy.ts";
import { epochAuthenticator, type GroupState, memberAt, members, resumptionPsk } from "./group-state.ts";
import { type ExternalCommitOptions, joinByExternalCommit } from "./join-by-external-commit.ts";
import { processMessage } from "./process-message.ts";
import { createApplicationMessage, proposeRemove } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";
import type { StagedCommit } from "./staged-commit.ts";

const deps = testDeps("external commits");
/** Lets everybody in. */
const open: EngineDeps = { ...deps, external: { allowCommit: () => Promise.resolve(true) } };

/** What a person who joins by itself fills in. */
function joining(
  who: Person,
  groupInfo: Uint8Array,
  more: Partial<ExternalCommitOptions> = {},
): ExternalCommitOptions {
  const { credential, signatureKey } = who;
  return { groupInfo, credential, signatureKey, capabilities: CAPABILITIES, deps, ...more };
}

async function take(state: GroupState, message: Uint8Array, reader = open): Promise<StagedCommit> {
  const processed = await processMessage(state, message, reader);
  if (processed.kind !== "commit") throw new Error("not a commit");
  expect(processed.sender).toEqual({ kind: "newMemberCommit" });
  return processed.staged;
}

const at = (states: readonly (GroupState | undefined)[], index: number): GroupState => {
  const state = states[index];
  if (state === undefined) throw new Error("no such member");
  return state;
};

function expectAgreement(states: readonly GroupState[]): void {
  expect(new Set(states.map((state) => bytesToHex(epochAuthenticator(state)))).size).toBe(1);
}

describe("[EXTERNAL-1] a client that adds itself to a group", () => {
  for (const suite of supportedCipherSuites()) {
    test(`is a member like others, in suite ${suite} (§12.4.3.2, §8.3)`, async () => {
      const states = await groupOf(["alice", "bob", "carol"], deps, suite);
      const dave = await person("dave", deps.random, suite);
      const groupInfo = await exportGroupInfo(at(states, 1));
      const authenticatedData = utf8ToBytes("hello");
      const staged = await joinByExternalCommit(joining(dave, groupInfo, { authenticatedData }));
      expect(staged).toMatchObject({
        committer: 3,
        effects: { removed: [], updated: [], selfRemoved: false },
      });
      const taken: GroupState[] = [];
      for (const state of states) {
        const atMember = await take(state, staged.message);
        expect(atMember).toMatchObject({ committer: 3, effects: staged.effects });
        expect(atMember.effects.added.map(({ leaf }) => leaf)).toEqual([3]);
        taken.push(nextOf(atMember));
      }
      const all = [...taken, nextOf(staged)];
      expectAgreement(all);
      expect(all.map((state) => state.ownLeaf)).toEqual([0, 1, 2, 3]);

      const { message } = await createApplicationMessage(at(all, 3), utf8ToBytes("hi"), {}, deps);
      expect(await processMessage(at(all, 0), message, deps)).toMatchObject({ sender: 3 });
      const byDave = await commitAndFollow(all, 3, { remove: [1] }, deps);
      const byAlice = await commitAndFollow(byDave.states, 0, {}, deps);
      expectAgreement(byAlice.states.filter((state) => state !== undefined));
    });
  }

  test("takes the leftmost blank leaf, or a new one in a larger tree (§12.4.1)", async () => {
    const four = await groupOf(["alice", "bob", "carol", "dave"], deps);
    const { states } = await commitAndFollow(four, 0, { remove: [1] }, deps);
    const others = [at(states, 0), at(states, 2), at(states, 3)];
    const erin = await joinByExternalCommit(
      joining(await person("erin", deps.random), await exportGroupInfo(at(states, 3))),
    );
    expect(erin.committer).toBe(1);
    const next = [nextOf(erin)];
    for (const state of others) next.push(nextOf(await take(state, erin.message)));
    expectAgreement(next);
    const frank = await joinByExternalCommit(
      joining(await person("frank", deps.random), await exportGroupInfo(at(next, 0))),
    );
    expect(frank.committer).toBe(4);
    const last = [nextOf(frank)];
    for (const state of next) last.push(nextOf(await take(state, frank.message)));
    expectAgreement(last);
  });

  test("joins a group of one in its first epoch, and one whose tree came separately", async () => {
    const [alice] = await groupOf(["alice"], deps);
    const state = at([alice], 0);
    const bob = await person("bob", deps.random);
    const groupInfo = await exportGroupInfo(state, { ratchetTree: false });
    await expect(joinByExternalCommit(joining(bob, groupInfo))).rejects.toMatchObject({
      code: "GROUP_INFO_INVALID",
    });
    const ratchetTree = exportRatchetTree(state);
    const staged = await joinByExternalCommit(joining(bob, groupInfo, { ratchetTree }));
    expectAgreement([nextOf(staged), nextOf(await take(state, staged.message))]);
  });

  test("is stored and loaded at every step", async () => {
    const states = await groupOf(["alice", "bob"], deps);
    const alice = storeMember(at(states, 0));
    const carol = await person("carol", deps.random);
    const staged = await joinByExternalCommit(joining(carol, await exportGroupInfo(alice.state)));
    const joined = storeMember(nextOf(staged));
    advanceMember(alice, nextOf(await take(alice.state, staged.message)));
    const byAlice = await stageCommit(alice.state, {}, deps);
    advanceMember(alice, nextOf(byAlice.staged));
    const processed = await processMessage(joined.state, byAlice.staged.message, deps);
    if (processed.kind !== "commit") throw new Error("not a commit");
    advanceMember(joined, nextOf(processed.staged));
    expectAgreement([alice.state, joined.state]);
  });

  test("drops what was proposed in the epoch that it ends", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    const leave = await proposeRemove(at([bob], 0), 1, {}, deps);
    const heard = await processMessage(at([alice], 0), leave.message, deps);
    const carol = await person("carol", deps.random);
    const staged = await joinByExternalCommit(joining(carol, await exportGroupInfo(heard.state)));
    const next = nextOf(await take(heard.state, staged.message));
    expect(next.proposals.size).toBe(0);
    expect(members(next).length).toBe(3);
  });

  test("shares nothing secret of the epoch before: only its external key", async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    const before = at([alice], 0);
    const staged = await joinByExternalCommit(
      joining(await person("carol", deps.random), await exportGroupInfo(before)),
    );
    const seen = JSON.stringify(nextOf(staged), (_key, value: unknown) =>
      value instanceof Uint8Array
        ? bytesToHex(value)
        : value instanceof Map
          ? [...value]
          : typeof value === "bigint"
            ? String(value)
            : value,
    );
    for (const secret of Object.values(before.secrets)) expect(seen).not.toContain(bytesToHex(secret));
  });
});

describe("[EXTERNAL-2] an external commit with pre-shared keys", () => {
  const pskId = utf8ToBytes("shared");
  const knowing = (psk: string, reader: EngineDeps): EngineDeps => ({
    ...reader,
    preSharedKey: () => Promise.resolve(utf8ToBytes(psk)),
  });

  test("is read by who has them, and by nobody else (§8.4, §12.4.2)", async () => {
    const [alice, bob] = await groupOf(["alice", "bob"], deps);
    const carol = await person("carol", deps.random);
    const psks = [
      { kind: "external" as const, pskId },
      { kind: "external" as const, pskId },
    ];
    const groupInfo = await exportGroupInfo(at([alice], 0));
    const staged = await joinByExternalCommit(
      joining(carol, groupInfo, { psks, deps: knowing("secret", deps) }),
    );
    const taken = await take(at([bob], 0), staged.message, knowing("secret", open));
    expectAgreement([nextOf(staged), nextOf(taken)]);
    await expect(take(at([bob], 0), staged.message)).rejects.toMatchObject({ code: "PSK_UNAVAILABLE" });
    await expect(take(at([bob], 0), staged.message, knowing("other", open))).rejects.toMatchObject({
      code: "CONFIRMATION_TAG_INVALID",
    });
    await expect(joinByExternalCommit(joining(carol, groupInfo, { psks }))).rejects.toMatchObject({
      code: "PSK_UNAVAILABLE",
    });
  });

  test("can prove that the joiner was there before: a resync with the resumption PSK (§12.4.3.2)", async () => {
    const states = await groupOf(["alice", "bob", "carol"], deps);
    const [alice, bob] = [at(states, 0), at(states, 1)];
    const { groupId, epoch } = bob.context;
    const asked: ExternalCommitQuestion[] = [];
    const careful: EngineDeps = {
      ...deps,
      external: {
        allowCommit(question) {
          asked.push(question);
          return Promise.resolve(question.psks.some(({ kind }) => kind === "resumption"));
        },
      },
    };
    const again = { ...(await person("bob", deps.random)) };
    const groupInfo = await exportGroupInfo(alice);
    const without = await joinByExternalCommit(joining(again, groupInfo, { remove: 1 }));
    await expect(take(alice, without.message, careful)).rejects.toMatchObject({
      code: "EXTERNAL_COMMIT_REFUSED",
    });
    const psks = [{ kind: "resumption" as const, groupId, epoch }];
    const kept = { ...deps, preSharedKey: () => Promise.resolve(resumptionPsk(bob)) };
    const staged = await joinByExternalCommit(joining(again, groupInfo, { remove: 1, psks, deps: kept }));
    // Alice needs no help to find the key of her own epoch.
    const taken = await take(alice, staged.message, careful);
    expectAgreement([nextOf(staged), nextOf(taken)]);
    expect(asked.at(-1)).toMatchObject({
      leaf: 1,
      removed: { leaf: 1 },
      psks: [{ kind: "resumption", epoch }],
    });
  });
});

describe("[EXTERNAL-3] the application's answer", () => {
  test("is no where there is no policy (§12.4.3.2)", async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    const state = at([alice], 0);
    const carol = await person("carol", deps.random);
    const { message } = await joinByExternalCommit(joining(carol, await exportGroupInfo(state)));
    const silent: EngineDeps = { ...deps, external: { allowProposal: () => Promise.resolve(true) } };
    const refusing: EngineDeps = { ...deps, external: { allowCommit: () => Promise.resolve(false) } };
    const mute: EngineDeps = {
      ...deps,
      external: { allowCommit: () => Promise.resolve(JSON.parse("null")) },
    };
    for (const reader of [deps, silent, refusing, mute]) {
      await expect(processMessage(state, message, reader, { allowPublic: true })).rejects.toMatchObject({
        code: "EXTERNAL_COMMIT_REFUSED",
        section: "§12.4.3.2",
      });
    }
  });

  test("is given for a joiner, a leaf, a removed member and the pre-shared keys", async () => {
    const states = await groupOf(["alice", "bob", "carol"], deps);
    const alice = at(states, 0);
    const again = await person("bob", deps.random);
    const asked: ExternalCommitQuestion[] = [];
    const policy = {
      seen: asked,
      allowCommit(question: ExternalCommitQuestion): Promise<boolean> {
        this.seen.push(question);
        return Promise.resolve(question.removed === undefined);
      },
    };
    const careful: EngineDeps = { ...deps, external: policy };
    const groupInfo = await exportGroupInfo(at(states, 2));
    const authenticatedData = utf8ToBytes("why");
    const resync = await joinByExternalCommit(joining(again, groupInfo, { remove: 1, authenticatedData }));
    await expect(take(alice, resync.message, careful)).rejects.toMatchObject({
      code: "EXTERNAL_COMMIT_REFUSED",
    });
    expect(asked).toMatchObject([
      {
        leaf: 1,
        joiner: { credential: again.credential, signatureKey: again.signatureKey.publicKey },
        removed: { leaf: 1, leafNode: memberAt(alice, 1) },
        psks: [],
        context: alice.context,
        authenticatedData,
      },
    ]);
    const erin = await person("erin", deps.random);
    const joined = await joinByExternalCommit(joining(erin, groupInfo));
    expect(await take(alice, joined.message, careful)).toMatchObject({ committer: 3 });
    expect(asked[1]?.removed).toBeUndefined();
  });

  test("is not asked for before the signature, the rules and the credential hold", async () => {
    const [alice] = await groupOf(["alice", "bob"], deps);
    const state = at([alice], 0);
    const carol = await person("carol", deps.random);
    const { message } = await joinByExternalCommit(joining(carol, await exportGroupInfo(state)));
    let asked = 0;
    const external = {
      allowCommit: () => {
        asked++;
        return Promise.resolve(true);
      },
    };
    const authentication = { ...trusting, validate: () => Promise.reject(new Error("unknown")) };
    await expect(take(state, message, { ...deps, external, authentication })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§5.3.1",
    });
    expect(asked).toBe(0);
  });
});

describe("[EXTERNAL-4] a client that comes back by itself", () => {
  test("replaces its former leaf, which is told that it was removed (§12.4.3.2)", async () => {
    const states = await groupOf(["alice", "bob", "carol"], deps);
    const again = await person("bob", deps.random);
    const groupInfo = await exportGroupInfo(at(states, 0));
    const staged = await joinByExternalCommit(joining(again, groupInfo, { remove: 1 }));
    expect(staged.effects).toMatchObject({
      removed: [{ leaf: 1 }],
      added: [{ leaf: 1 }],
      selfRemoved: false,
    });
    const former = await take(at(states, 1), staged.message);
    expect(former).toMatchObject({ next: undefined, effects: { selfRemoved: true } });
    const taken = [nextOf(staged)];
    for (const index of [0, 2]) taken.push(nextOf(await take(at(states, index), staged.message)));
    expectAgreement(taken);
  });

  test("keeps its signature key if it likes, and takes a lower leaf where one is blank", async () => {
    const [alice, bob, carol, dave] = await groupOf(["alice", "bob", "carol", "dave"], deps);
    const { states } = await commitAndFollow([alice, bob, carol, dave], 0, { remove: [1] }, deps);
    const before = at(states, 3);
    const leafNode = memberAt(before, 3);
    if (leafNode === undefined) throw new Error("dave is a member");
    const { credential, signatureKey: publicKey } = leafNode;
    const signatureKey = { publicKey, privateKey: before.signatureKey };
    const same: Person = { name: "dave", credential, signatureKey };
    const groupInfo = await exportGroupInfo(at(states, 0));
    const staged = await joinByExternalCommit(joining(same, groupInfo, { remove: 3 }));
    expect(staged.effects).toMatchObject({ removed: [{ leaf: 3 }], added: [{ leaf: 1 }] });
    expect(await take(before, staged.message)).toMatchObject({ next: undefined });
    const taken = [nextOf(staged)];
    for (const index of [0, 2]) taken.push(nextOf(await take(at(states, index), staged.message)));
    expectAgreement(taken);
  });

  test("can't come twice, nor remove anybody else (§12.2)", async () => {
    const states = await groupOf(["alice", "bob", "carol"], deps);
    const again = await person("bob", deps.random);
    const groupInfo = await exportGroupInfo(at(states, 0));
    await expect(joinByExternalCommit(joining(again, groupInfo))).rejects.toMatchObject({
      code: "CLIENT_REPEATED",
      section: "§12.2",
    });
    await expect(joinByExternalCommit(joining(again, groupInfo, { remove: 2 }))).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      section: "§12.2",
    });
    await expect(joinByExternalCommit(joining(again, groupInfo, { remove: 3 }))).rejects.toMatchObject({
      code: "PROPOSAL_INVALID",
      section: "§12.1.3",
    });
  });

  test("may be the only one that is left", async () => {
    const [alice] = await groupOf(["alice"], deps);
    const state = at([alice], 0);
    const again = await person("alice", deps.random);
    const groupInfo = await exportGroupInfo(state);
    const staged = await joinByExternalCommit(joining(again, groupInfo, { remove: 0 }));
    expect(members(nextOf(staged)).length).toBe(1);
    expect(await take(state, staged.message)).toMatchObject({ next: undefined });
    const { staged: second } = await stageCommit(nextOf(staged), {}, deps);
    expect(nextOf(second).context.epoch).toBe(2n);
  });
});
