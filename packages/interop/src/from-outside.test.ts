import {
  checkKeyPackage,
  cipherSuite,
  createGroup,
  createKeyPackage,
  type EngineDeps,
  epoch,
  exportGroupInfo,
  exportSecret,
  groupId,
  type GroupState,
  joinByExternalCommit,
  members,
  mergeCommit,
  processMessage,
  proposeSelf,
  stageCommit,
  type StagedCommit,
} from "@thicket/mls";
import { expect, test } from "vitest";
import { OPENMLS_SUITE, openmlsParticipant } from "./openmls.ts";
import { EXPORT_CONTEXT, EXPORT_LABEL, EXPORT_LENGTH, type Participant } from "./participant.ts";
import { seededRandom } from "./seeded.ts";
import { nameOf, treeOf } from "./tree-bytes.ts";

const deps: EngineDeps = {
  random: seededRandom("from outside"),
  authentication: {
    validate: () => Promise.resolve(),
    sameClient: (a, b) => nameOf(a) === nameOf(b),
    isSuccessor: (before, after) => nameOf(before) === nameOf(after),
  },
  external: { allowCommit: () => Promise.resolve(true), allowProposal: () => Promise.resolve(true) },
};

async function identity(name: string) {
  const suites = [OPENMLS_SUITE];
  return {
    suite: OPENMLS_SUITE,
    credential: { kind: "basic" as const, identity: new TextEncoder().encode(name) },
    signatureKey: await cipherSuite(OPENMLS_SUITE).signatureKeyPair(deps.random),
    capabilities: { versions: [1], cipherSuites: suites, extensions: [], proposals: [], credentials: [1] },
    lifetime: { notBefore: 0n, notAfter: 2n ** 62n },
  };
}

/** A group of one of ours and one of OpenMLS. */
async function pair(): Promise<{ alice: GroupState; bob: Participant }> {
  const id = new TextEncoder().encode("from outside");
  const alice = await createGroup({ ...(await identity("alice")), groupId: id, deps });
  const bob = await openmlsParticipant("bob");
  const keyPackage = await checkKeyPackage(await bob.keyPackage(), { suite: OPENMLS_SUITE });
  const { staged } = await stageCommit(alice, { add: [keyPackage] }, deps);
  const next = mergeCommit(staged);
  if (staged.welcome === undefined) throw new Error("no Welcome");
  await bob.join({ welcome: staged.welcome, tree: treeOf(next) });
  return { alice: next, bob };
}

async function take(state: GroupState, message: Uint8Array): Promise<GroupState> {
  const processed = await processMessage(state, message, deps);
  return processed.kind === "commit" ? mergeCommit(processed.staged) : processed.state;
}

async function expectAgreement(state: GroupState, other: Participant): Promise<void> {
  const exported = exportSecret(state, EXPORT_LABEL, EXPORT_CONTEXT, EXPORT_LENGTH);
  expect(await other.view()).toMatchObject({
    roster: members(state).map(({ leafNode }) => nameOf(leafNode.credential)),
    exported: Buffer.from(exported).toString("hex"),
  });
}

test("OpenMLS takes the commit of who joins by itself, and of who comes back by itself", async () => {
  const { alice, bob } = await pair();
  let state = alice;
  let last: StagedCommit | undefined;
  for (const remove of [undefined, 2]) {
    const joining = { ...(await identity("zoe")), groupInfo: await exportGroupInfo(state), deps };
    last = await joinByExternalCommit({ ...joining, ...(remove !== undefined && { remove }) });
    await bob.receive(last.message);
    state = await take(state, last.message);
    await expectAgreement(state, bob);
  }
  if (last === undefined) throw new Error("nobody has joined");
  const text = await bob.send("hello");
  expect(await processMessage(mergeCommit(last), text, deps)).toMatchObject({
    kind: "application",
    sender: 1,
  });
});

test("OpenMLS takes the proposal of who asks to be added, and the commit that refers to it", async () => {
  const { alice, bob } = await pair();
  const { signatureKey, ...zoe } = await identity("zoe");
  const { keyPackage } = await createKeyPackage({ ...zoe, signatureKey, random: deps.random });
  const place = { groupId: groupId(alice), epoch: epoch(alice) };
  const { message } = await proposeSelf({ ...place, keyPackage, signatureKey });
  await bob.receive(message);
  const { staged } = await stageCommit(await take(alice, message), {}, deps);
  await bob.receive(staged.message);
  await expectAgreement(mergeCommit(staged), bob);
  expect(members(mergeCommit(staged)).length).toBe(3);
});
