import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";
import type { PreSharedKeyId } from "../proposal.ts";
import { commitAndFollow, groupOf, join, nextOf, packageOf, person, testDeps } from "../testing/people.ts";
import type { EngineDeps } from "./authentication.ts";
import { epochAuthenticator, type GroupState, pendingProposals, resumptionPsk } from "./group-state.ts";
import type { PskReference } from "./pre-shared-keys.ts";
import { processMessage } from "./process-message.ts";
import { proposePsk } from "./send-message.ts";
import { stageCommit } from "./stage-commit.ts";

const deps = testDeps("pre-shared keys");
const PASSWORD: PskReference = { kind: "external", pskId: utf8ToBytes("password") };

/** Knows the one external key, or what is given. */
function knowing(find: (id: PreSharedKeyId) => Uint8Array | undefined): EngineDeps {
  return { ...deps, preSharedKey: (id) => Promise.resolve(find(id)) };
}

const withPassword = knowing((id) => (id.kind === "external" ? utf8ToBytes("sesame") : undefined));

function expectAgreement(states: readonly (GroupState | undefined)[]): void {
  const views = new Set(states.map((state) => state && bytesToHex(epochAuthenticator(state))));
  expect(views.size).toBe(1);
}

test("[PSK-1] a commit injects pre-shared keys under fresh nonces, for members and joiners alike (§8.4)", async () => {
  const group = await groupOf(["alice", "bob"], deps);
  const zoe = await person("zoe", deps.random);
  const made = await packageOf(zoe, deps.random);
  const intent = { add: [made.keyPackage], psks: [PASSWORD, PASSWORD] };
  const { states, staged } = await commitAndFollow(group, 0, intent, withPassword);
  const atZoe = await join(zoe, made, staged.welcome ?? new Uint8Array(), withPassword);
  expectAgreement([...states, atZoe]);
  const nonces = staged.effects.proposals.flatMap(({ proposal }) =>
    proposal.kind === "psk" ? [bytesToHex(proposal.psk.nonce)] : [],
  );
  expect(nonces.map((nonce) => nonce.length)).toEqual([64, 64]);
  expect(new Set(nonces).size).toBe(2);
  const wrong = knowing(() => utf8ToBytes("simsalabim"));
  await expect(join(zoe, made, staged.welcome ?? new Uint8Array(), wrong)).rejects.toMatchObject({
    code: "WELCOME_INVALID",
  });
  await expect(join(zoe, made, staged.welcome ?? new Uint8Array(), deps)).rejects.toMatchObject({
    code: "PSK_UNAVAILABLE",
    section: "§12.4.3.1",
  });
});

test("[PSK-2] a member without the key, or with another, doesn't follow (§12.4.2)", async () => {
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  const { staged } = await stageCommit(alice, { psks: [PASSWORD] }, withPassword);
  await expect(processMessage(bob, staged.message, deps)).rejects.toMatchObject({
    code: "PSK_UNAVAILABLE",
    section: "§12.4.2",
  });
  const wrong = knowing(() => utf8ToBytes("simsalabim"));
  await expect(processMessage(bob, staged.message, wrong)).rejects.toMatchObject({
    code: "CONFIRMATION_TAG_INVALID",
  });
  await expect(stageCommit(alice, { psks: [PASSWORD] }, deps)).rejects.toMatchObject({
    code: "PSK_UNAVAILABLE",
  });
});

test("[PSK-3] the current epoch's own resumption PSK is found without the application; a past one is its to keep (§8.6)", async () => {
  const group = await groupOf(["alice", "bob", "carol"], deps);
  const [alice] = group;
  if (alice === undefined) throw new Error("nobody is there");
  const { groupId, epoch } = alice.context;
  const current: PskReference = { kind: "resumption", groupId, epoch };
  const kept = resumptionPsk(alice);
  const first = await commitAndFollow(group, 1, { psks: [current] }, deps);
  expectAgreement(first.states);
  const plain = await stageCommit(alice, {}, deps);
  expect(resumptionPsk(nextOf(plain.staged))).not.toEqual(kept);
  await expect(commitAndFollow(first.states, 2, { psks: [current] }, deps)).rejects.toMatchObject({
    code: "PSK_UNAVAILABLE",
  });
  const keeping = knowing((id) => (id.kind === "resumption" && id.epoch === epoch ? kept : undefined));
  expectAgreement((await commitAndFollow(first.states, 2, { psks: [current] }, keeping)).states);
});

test("a resumption PSK of another group is the application's to give, not this group's own", async () => {
  const group = await groupOf(["alice", "bob"], deps);
  const [alice] = group;
  if (alice === undefined) throw new Error("nobody is there");
  const other: PskReference = {
    kind: "resumption",
    groupId: utf8ToBytes("elsewhere"),
    epoch: alice.context.epoch,
  };
  await expect(stageCommit(alice, { psks: [other] }, deps)).rejects.toMatchObject({
    code: "PSK_UNAVAILABLE",
  });
});

test("a proposed pre-shared key is committed by whoever has it, and left out by who hasn't (§12.4)", async () => {
  const [alice, bob] = await groupOf(["alice", "bob"], deps);
  if (alice === undefined || bob === undefined) throw new Error("somebody is missing");
  const proposed = await proposePsk(alice, PASSWORD, {}, deps);
  const atBob = await processMessage(bob, proposed.message, deps);
  expect(pendingProposals(atBob.state)).toMatchObject([
    { proposal: { kind: "psk", psk: { kind: "external", pskId: utf8ToBytes("password") } } },
  ]);
  const without = await stageCommit(atBob.state, {}, deps);
  expect(without.staged.effects.proposals).toEqual([]);
  const { staged } = await stageCommit(atBob.state, {}, withPassword);
  expect(staged.effects.proposals).toMatchObject([{ proposal: { kind: "psk" }, byReference: true }]);
  const followed = await processMessage(proposed.state, staged.message, withPassword);
  expectAgreement([staged.next, followed.kind === "commit" ? followed.staged.next : undefined]);
});
