import {
  checkKeyPackage,
  type CommitIntent,
  createProposal,
  type Extension,
  type GroupState,
  processMessage,
  proposeRemove,
  proposeUpdate,
  stageCommit,
} from "@thicket/mls";
import type { CommitFields } from "@thicket/protocol";
import { expect, test } from "vitest";
import { REQUIRED_CAPABILITIES, SUITE } from "../devices/own-leaf.ts";
import {
  depsFor,
  makeAccount,
  makeGroupOf,
  makeKeyPackage,
  policyFor,
  receiveCommit,
} from "../testing/people.ts";
import { clearFieldsOf, type CommitVerdict, judgeCommit, linesOf, nextTokenHashOf } from "./judge-commit.ts";
import { encodeLeafProfile } from "./leaf-profile.ts";
import { encodePolicy, type GroupPolicy } from "./policy.ts";

const alice = await makeAccount("alice");
const bob = await makeAccount("bob");
const carol = await makeAccount("carol");
const dave = await makeAccount("dave");

/** What `receiver` makes of a commit that `sender` makes by the engine alone, without any policy of its own. */
async function verdictOn(
  sender: GroupState,
  receiver: GroupState,
  intent: CommitIntent,
  change: (fields: CommitFields) => CommitFields = (fields) => fields,
): Promise<CommitVerdict> {
  const { staged } = await stageCommit(sender, intent, depsFor("committing"));
  if (staged.next === undefined) throw new Error("a committer stays");
  const fields = { nextTokenHash: nextTokenHashOf(staged.next), ...clearFieldsOf(sender, staged) };
  return judgeCommit(receiver, await receiveCommit(receiver, staged.message), change(fields));
}

const refused = (reason: string) => ({ ok: false, reason });
const withPolicy = (changes: Partial<GroupPolicy>): Extension[] => [
  REQUIRED_CAPABILITIES,
  encodePolicy(policyFor(alice, changes)),
];
const keyPackageOf = async (account: typeof dave, extensions?: Extension[]) =>
  checkKeyPackage((await makeKeyPackage(account, extensions)).message, { suite: SUITE });

test("[POLICY-1] an admin's commit that adds, removes and renames is allowed, and every member reads the same lines", async () => {
  const [atAlice, atBob, atCarol] = await makeGroupOf([alice, bob, carol]);
  const { staged } = await stageCommit(
    atAlice!,
    { add: [await keyPackageOf(dave)], remove: [2], contextExtensions: withPolicy({ title: "new" }) },
    depsFor("committing"),
  );
  const fields = { nextTokenHash: nextTokenHashOf(staged.next!), ...clearFieldsOf(atAlice!, staged) };
  expect(fields.seatsAdded).toHaveLength(1);
  expect(fields.seatsRemoved).toHaveLength(1);
  const lines = linesOf(atAlice!, staged);
  expect(lines.map(({ author, event }) => [author, event.type])).toEqual([
    [alice.userId, "removed"],
    [alice.userId, "added"],
    [alice.userId, "renamed"],
  ]);
  for (const state of [atBob!, atCarol!]) {
    const received = await receiveCommit(state, staged.message);
    expect(judgeCommit(state, received, fields)).toEqual({ ok: true });
    expect(linesOf(state, received)).toEqual(lines);
  }
});

test("[POLICY-2] who is no admin removes nobody, adds nobody and changes no policy", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob, carol]);
  expect(await verdictOn(atBob!, atAlice!, { remove: [0] })).toEqual(refused("REMOVE_NOT_ALLOWED"));
  expect(await verdictOn(atBob!, atAlice!, { add: [await keyPackageOf(dave)] })).toEqual(
    refused("ADD_NOT_ALLOWED"),
  );
  const takeover = withPolicy({ admins: [alice.userId, bob.userId].toSorted() });
  expect(await verdictOn(atBob!, atAlice!, { contextExtensions: takeover })).toEqual(
    refused("POLICY_CHANGE_NOT_ALLOWED"),
  );
});

test("[POLICY-3] a proposal is judged by who made it, whoever commits it", async () => {
  const [atAlice, atBob, atCarol] = await makeGroupOf([alice, bob, carol]);
  // Bob proposes what only an admin may; Carol commits it.
  const evil = await proposeRemove(atBob!, 0, {}, depsFor("proposing"));
  const carolKnows = (await processMessage(atCarol!, evil.message, depsFor("receiving"))).state;
  const aliceKnows = (await processMessage(atAlice!, evil.message, depsFor("receiving"))).state;
  expect(await verdictOn(carolKnows, aliceKnows, { proposals: [evil.ref] })).toEqual(
    refused("REMOVE_NOT_ALLOWED"),
  );
  // Bob proposes to leave, which is his to ask; Carol, who is no admin, may commit it.
  const leave = await proposeRemove(atBob!, 1, {}, depsFor("leaving"));
  const carolSees = (await processMessage(atCarol!, leave.message, depsFor("receiving"))).state;
  const aliceSees = (await processMessage(atAlice!, leave.message, depsFor("receiving"))).state;
  expect(await verdictOn(carolSees, aliceSees, { proposals: [leave.ref] })).toEqual({ ok: true });
});

test("[POLICY-4] proposals other than add, remove and context extensions are refused", async () => {
  const [atAlice, atBob, atCarol] = await makeGroupOf([alice, bob, carol]);
  const update = await proposeUpdate(atBob!, {}, {}, depsFor("updating"));
  const carolKnows = (await processMessage(atCarol!, update.message, depsFor("receiving"))).state;
  const aliceKnows = (await processMessage(atAlice!, update.message, depsFor("receiving"))).state;
  expect(await verdictOn(carolKnows, aliceKnows, { proposals: [update.ref] })).toEqual(
    refused("PROPOSAL_TYPE_FORBIDDEN"),
  );
});

test("[POLICY-5] what a group was founded with stays: kind, host, seat key, AS keys", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const changes: Partial<GroupPolicy>[] = [
    { kind: "direct" },
    { host: "elsewhere.example" },
    { seatKey: new Uint8Array(32) },
    {
      trustedAsKeys: [
        ...policyFor(alice).trustedAsKeys,
        { keyId: new Uint8Array(8), publicKey: new Uint8Array(32) },
      ],
    },
  ];
  for (const change of changes) {
    expect(await verdictOn(atAlice!, atBob!, { contextExtensions: withPolicy(change) })).toEqual(
      refused("POLICY_FIXED_PART_CHANGED"),
    );
  }
});

test("[POLICY-6] the context holds the policy and the required capabilities, and nothing else", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const policy = encodePolicy(policyFor(alice));
  expect(await verdictOn(atAlice!, atBob!, { contextExtensions: [policy] })).toEqual(
    refused("CONTEXT_EXTENSION_FORBIDDEN"),
  );
  const later = { type: policy.type, data: Uint8Array.from([0, 2, ...policy.data.subarray(2)]) };
  // The engine carries extensions that it doesn't know; this check is the only one that sees it.
  await expect(
    stageCommit(atAlice!, { contextExtensions: [REQUIRED_CAPABILITIES, later] }, depsFor("committing")).then(
      ({ staged }) => judgeCommit(atAlice!, staged, undefined),
    ),
  ).resolves.toEqual(refused("POLICY_UNREADABLE"));
});

test("[POLICY-7] who joins says what it understands, the policy's form among it", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const silent = await keyPackageOf(dave, []);
  expect(await verdictOn(atAlice!, atBob!, { add: [silent] })).toEqual(refused("LEAF_PROFILE_MISSING"));
  const old = await keyPackageOf(dave, [encodeLeafProfile({ policyVersions: [9], contentTypes: [] })]);
  expect(await verdictOn(atAlice!, atBob!, { add: [old] })).toEqual(refused("POLICY_VERSION_UNSUPPORTED"));
});

test("[POLICY-8] one person stands under one root key", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const impostor = await makeAccount("bob", "tablet", "another root");
  expect(await verdictOn(atAlice!, atBob!, { add: [await keyPackageOf(impostor)] })).toEqual(
    refused("USER_WITH_TWO_ROOTS"),
  );
});

test("[POLICY-9] a 1:1 chat never has a third person, nor does one side remove the other", async () => {
  const direct = { kind: "direct", admins: [] } as const;
  const [atAlice, atBob] = await makeGroupOf([alice, bob], direct);
  expect(await verdictOn(atAlice!, atBob!, { add: [await keyPackageOf(dave)] })).toEqual(
    refused("ADD_NOT_ALLOWED"),
  );
  expect(await verdictOn(atAlice!, atBob!, { remove: [1] })).toEqual(refused("REMOVE_NOT_ALLOWED"));
  const tablet = await makeAccount("alice", "tablet");
  expect(await verdictOn(atAlice!, atBob!, { add: [await keyPackageOf(tablet)] })).toEqual({ ok: true });
});

test("[COMMIT-1] clear fields that differ from what the commit says make it bad", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob, carol]);
  const remove = { remove: [2] };
  expect(await verdictOn(atAlice!, atBob!, remove)).toEqual({ ok: true });
  expect(await verdictOn(atAlice!, atBob!, remove, (fields) => ({ ...fields, seatsRemoved: [] }))).toEqual(
    refused("CLEAR_FIELDS_DIFFER"),
  );
  expect(
    await verdictOn(atAlice!, atBob!, {}, (fields) => ({ ...fields, seatsAdded: clearSeat(fields) })),
  ).toEqual(refused("CLEAR_FIELDS_DIFFER"));
  expect(
    await verdictOn(atAlice!, atBob!, remove, (fields) => ({ ...fields, nextTokenHash: new Uint8Array(32) })),
  ).toEqual(refused("NEXT_TOKEN_DIFFERS"));
  const { staged } = await stageCommit(atAlice!, remove, depsFor("committing"));
  expect(judgeCommit(atBob!, await receiveCommit(atBob!, staged.message), undefined)).toEqual(
    refused("CLEAR_FIELDS_DIFFER"),
  );
});

test("[COMMIT-5] a commit that rotates its author's signature key says that the author's seat goes on under another name", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const { staged } = await stageCommit(atAlice!, {}, depsFor("committing"));
  const received = await receiveCommit(atBob!, staged.message);
  const { publicKey } = (await makeKeyPackage(dave)).signatureKey;
  const updated = received.effects.updated.map((one) =>
    one.leaf === received.committer ? { ...one, after: { ...one.after, signatureKey: publicKey } } : one,
  );
  const rotated = { ...received, effects: { ...received.effects, updated } };
  const { seatReplaced, ...fields } = clearFieldsOf(atBob!, rotated);
  expect(fields).toEqual({ seatsAdded: [], seatsRemoved: [] });
  expect(seatReplaced?.from).not.toBe(seatReplaced?.to);
  const nextTokenHash = nextTokenHashOf(received.next!);
  const differ = refused("CLEAR_FIELDS_DIFFER");
  expect(judgeCommit(atBob!, received, { ...fields, nextTokenHash, seatReplaced })).toEqual(differ);
  expect(judgeCommit(atBob!, rotated, { ...fields, nextTokenHash })).not.toEqual({ ok: true });
});

function clearSeat(_fields: CommitFields): CommitFields["seatsAdded"] {
  return ["00".repeat(16) as CommitFields["seatsAdded"][number]];
}

test("[COMMIT-4] a commit that leaves its author's keys as they were is bad", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const { staged } = await stageCommit(atAlice!, {}, depsFor("committing"));
  const received = await receiveCommit(atBob!, staged.message);
  const fields = { nextTokenHash: nextTokenHashOf(staged.next!), ...clearFieldsOf(atAlice!, staged) };
  expect(judgeCommit(atBob!, received, fields)).toEqual({ ok: true });
  const pathless = { ...received, effects: { ...received.effects, updated: [] } };
  expect(judgeCommit(atBob!, pathless, fields)).toEqual(refused("PATH_MISSING"));
});

test("[COMMIT-2] who is removed reads who did it, without the next epoch", async () => {
  const [atAlice, , atCarol] = await makeGroupOf([alice, bob, carol]);
  const { staged } = await stageCommit(atAlice!, { remove: [2] }, depsFor("committing"));
  const fields = { nextTokenHash: nextTokenHashOf(staged.next!), ...clearFieldsOf(atAlice!, staged) };
  const received = await receiveCommit(atCarol!, staged.message);
  expect(received.next).toBeUndefined();
  expect(judgeCommit(atCarol!, received, fields)).toEqual({ ok: true });
  expect(linesOf(atCarol!, received)).toEqual([
    { author: alice.userId, event: { type: "removed", userId: carol.userId } },
  ]);
});

test("an admin who commits another's Add lends that other no right", async () => {
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  const add = await createProposal(
    atBob!,
    { kind: "add", keyPackage: await keyPackageOf(dave) },
    {},
    depsFor("proposing"),
  );
  const aliceKnows = (await processMessage(atAlice!, add.message, depsFor("receiving"))).state;
  expect(await verdictOn(aliceKnows, add.state, { proposals: [add.ref] })).toEqual(
    refused("ADD_NOT_ALLOWED"),
  );
});
