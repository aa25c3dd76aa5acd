import type { AuthenticationReply } from "@thicket/protocol";
import { expect, test } from "vitest";
import { createKeyPackage, processMessage, stageCommit } from "@thicket/mls";
import { CAPABILITIES, makeOwnLeaf, SUITE } from "../devices/own-leaf.ts";
import { readClaimed } from "../groups/carry-out-intent.ts";
import { depsFor, makeAccount, makeGroupOf, makeKeyPackage, NOW, randomFrom } from "../testing/people.ts";
import { alice, bob, openScene } from "../testing/scene.ts";
import type { AccountRow } from "../tables.ts";
import { checkLookup } from "./check-lookup.ts";

const dave = await makeAccount("dave");

type Found = Extract<AuthenticationReply<"handle.lookup">, { ok: true }>;
const answerFor = (account: AccountRow): Found => ({
  ok: true,
  userId: account.userId,
  attestation: account.attestation!,
  devices: [{ deviceId: account.deviceId, deviceCertificate: account.deviceCertificate }],
});

test("[ID-2] a look-up is believed as far as it is signed, for the handle that was asked for", async () => {
  const scene = await openScene();
  const check = (found: Found, handle = dave.handle) =>
    scene.run((step) => checkLookup(step, bob, handle, found));
  expect(await check(answerFor(dave))).toEqual({
    ok: true,
    invitee: { userId: dave.userId, handle: "dave", devices: [dave.deviceId] },
  });
  const refused = { ok: false, error: { code: "KEY_PACKAGE_REFUSED", subject: "dave" } };
  // Somebody else's attestation, id or device under the name that was asked for.
  expect(await check(answerFor(alice))).toEqual(refused);
  expect(await check({ ...answerFor(dave), userId: alice.userId })).toEqual(refused);
  expect(await check({ ...answerFor(dave), devices: answerFor(alice).devices })).toEqual(refused);
  // A device that the root never signed.
  const ghost = await makeAccount("dave", "ghost", "another root");
  const [device] = answerFor(ghost).devices;
  expect(await check({ ...answerFor(dave), devices: [device!] })).toEqual(refused);
  expect(await check({ ...answerFor(dave), attestation: new Uint8Array(9) })).toEqual(refused);
});

test("[ID-3] another root key than the pinned one is not added", async () => {
  const scene = await openScene();
  await scene.run((step) => checkLookup(step, bob, dave.handle, answerFor(dave)));
  const changed = await makeAccount("dave", "phone", "another root");
  expect(await scene.run((step) => checkLookup(step, bob, dave.handle, answerFor(changed)))).toEqual({
    ok: false,
    error: { code: "IDENTITY_CHANGED", subject: "dave" },
  });
  const contact = await scene.store.get("contacts", [dave.userId]);
  expect(contact).toMatchObject({ rootKey: dave.rootPublicKey, changedRootKey: changed.rootPublicKey });
});

test("another user under a known handle is not added, and takes nobody's place", async () => {
  const scene = await openScene();
  await scene.run((step) => checkLookup(step, bob, dave.handle, answerFor(dave)));
  const impostor = await makeAccount("dave", "phone", "another root", "another user");
  expect(await scene.run((step) => checkLookup(step, bob, dave.handle, answerFor(impostor)))).toEqual({
    ok: false,
    error: { code: "IDENTITY_CHANGED", subject: "dave" },
  });
  expect(await scene.store.get("contacts", [impostor.userId])).toBeUndefined();
});

test("[ID-4] a claimed key package is used for the device that was asked for, and for no other", async () => {
  const scene = await openScene();
  const { message } = await makeKeyPackage(dave);
  const read = (wanted: AccountRow, keyPackage: Uint8Array) =>
    scene.run(async (step) => {
      const group = await step.withEngine(scene.groupId);
      const { userId, deviceId } = wanted;
      const claimed = await readClaimed(step, group, { userId, deviceId, keyPackage });
      return claimed.keyPackage !== undefined;
    });
  expect(await read(dave, message)).toBe(true);
  expect(await read(alice, message)).toBe(false);
  const spoilt = message.slice();
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1;
  expect(await read(dave, spoilt)).toBe(false);
  expect(await read(dave, (await makeKeyPackage(dave, [])).message)).toBe(false);
  // Pinned under another root since: it isn't taken.
  const changed = await makeAccount("dave", "phone", "another root");
  await scene.run((step) => checkLookup(step, bob, dave.handle, answerFor(changed)));
  expect(await read(dave, message)).toBe(false);
});

const DAY = 86_400;

/** A key package of dave's for a leaf that was made `madeDaysAgo`, and is said to live until `daysAhead`. */
async function packageUntil(madeDaysAgo: number, daysAhead: number) {
  const random = randomFrom("a leaf of its own");
  const leaf = await makeOwnLeaf(dave, random, NOW - madeDaysAgo * DAY * 1000);
  return createKeyPackage({
    suite: SUITE,
    credential: leaf.credential,
    signatureKey: leaf.signatureKey,
    capabilities: CAPABILITIES,
    lifetime: { notBefore: leaf.lifetime.notBefore, notAfter: BigInt(NOW / 1000 + daysAhead * DAY) },
    leafExtensions: leaf.leafExtensions,
    random,
  });
}

async function isUsable(keyPackage: Uint8Array): Promise<boolean> {
  const scene = await openScene();
  const { userId, deviceId } = dave;
  const read = await scene.run(async (step) =>
    readClaimed(step, await step.withEngine(scene.groupId), { userId, deviceId, keyPackage }),
  );
  return read.keyPackage !== undefined;
}

test("a key package whose credential has run out is not used, whatever its lifetime says", async () => {
  // Ended half a day ago: a leaf's credential is made for 28 days.
  expect(await isUsable((await packageUntil(28.5, 50)).message)).toBe(false);
  expect(await isUsable((await packageUntil(27.5, 50)).message)).toBe(true);
});

test("[ID-5] a leaf that would live longer than an attestation is neither added nor taken from others", async () => {
  // The leaf begins with the attestation, a day ago.
  expect(await isUsable((await packageUntil(0, 89)).message)).toBe(true);
  const long = await packageUntil(0, 89.5);
  expect(await isUsable(long.message)).toBe(false);
  const [atAlice, atBob] = await makeGroupOf([alice, bob]);
  if (atAlice === undefined || atBob === undefined) throw new Error("nobody there");
  const careless = { ...depsFor("careless"), lifetimes: {} };
  const { staged } = await stageCommit(atAlice, { add: [long.keyPackage] }, careless);
  await expect(processMessage(atBob, staged.message, depsFor("bob"))).rejects.toMatchObject({
    code: "LIFETIME_INVALID",
  });
  expect(await processMessage(atBob, staged.message, careless)).toMatchObject({ kind: "commit" });
});
