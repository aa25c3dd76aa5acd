import { CipherSuiteId, deliveryRequests, toHex } from "@thicket/protocol";
import { describeOnEachDatabase, inMemory } from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceIdentity } from "../device-identity.ts";
import {
  createAsKey,
  createRealDevice,
  deviceFrom,
  parse,
  type RealDevice,
  seededRandom,
} from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });
const suite = parse(CipherSuiteId, 1);

describeOnEachDatabase("key packages", (make) => {
  let test: TestService;
  let bob: RealDevice;
  let alice: DeviceIdentity;

  beforeEach(async () => {
    test = await openForTest(make, { limits: { claimsPerTargetPerHour: 1000, keyPackagesLow: 2 } });
    bob = await createRealDevice(test.random, test.as, test.clock.now);
    alice = deviceFrom(test.random);
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  function publish(
    keyPackages: Uint8Array[],
    { lastResort, as = bob.identity }: { lastResort?: Uint8Array; as?: DeviceIdentity } = {},
  ) {
    const fields = { suite, keyPackages, ...(lastResort && { lastResort }) };
    const request = parse(deliveryRequests["keyPackages.publish"].request, fields);
    return test.operations["keyPackages.publish"](as, request);
  }
  const claim = (devices = [bob.identity]) => test.operations["keyPackages.claim"](alice, { suite, devices });
  const count = () => test.operations["keyPackages.count"](bob.identity, { suite });
  async function packages(number: number) {
    const made = [];
    for (let index = 0; index < number; index++) made.push((await bob.keyPackage()).message);
    return made;
  }

  it("[DS-KEYPACKAGE-1] a hundred claims at once never get the same package, and each is erased with its claim", async () => {
    const published = await packages(60);
    const { message: lastResort } = await bob.keyPackage({ lastResort: true });
    expect(await publish(published, { lastResort })).toEqual({ ok: true, count: 60, lastResort: true });
    const claims = await Promise.all(Array.from({ length: 100 }, () => claim()));
    const got = claims.flatMap((reply) => (reply.ok ? reply.keyPackages : []));
    expect(got).toHaveLength(100);
    const once = got.filter((item) => !item.lastResort).map((item) => toHex(item.keyPackage));
    expect(once.toSorted()).toEqual(published.map(toHex).toSorted());
    for (const item of got.filter(({ lastResort: last }) => last)) {
      expect(toHex(item.keyPackage)).toBe(toHex(lastResort));
    }
    expect(await count()).toEqual({ ok: true, count: 0, lastResort: true });
  });

  it("[DS-KEYPACKAGE-2] a claimed package never comes back, not even when its owner publishes it again", async () => {
    const published = await packages(2);
    await publish(published);
    await claim();
    expect(await publish(published)).toEqual({ ok: true, count: 1, lastResort: false });
    await claim();
    expect(await claim()).toEqual({ ok: true, keyPackages: [], missing: [bob.identity] });
  });

  it("publishing again what is there changes nothing", async () => {
    const published = await packages(2);
    expect(await publish(published)).toMatchObject({ count: 2 });
    expect(await publish(published)).toMatchObject({ count: 2 });
  });

  it("keeps one last-resort package per suite, the newest", async () => {
    const first = await bob.keyPackage({ lastResort: true });
    const second = await bob.keyPackage({ lastResort: true });
    await publish([], { lastResort: first.message });
    await publish([], { lastResort: second.message });
    const reply = await claim();
    const given = reply.ok ? reply.keyPackages : [];
    expect(given.map(({ lastResort }) => lastResort)).toEqual([true]);
    expect(given.map(({ keyPackage }) => toHex(keyPackage))).toEqual([toHex(second.message)]);
  });

  it("[DS-KEYPACKAGE-3] takes no package that is forged, expired, of another suite, another device or another AS", async () => {
    const good = (await bob.keyPackage()).message;
    const forged = Uint8Array.from(good);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const otherAs = await createAsKey(seededRandom(99));
    const stranger = await createRealDevice(test.random, otherAs, test.clock.now);
    const carol = await createRealDevice(test.random, test.as, test.clock.now);
    const invalid = refusal("KEY_PACKAGE_INVALID");
    expect(await publish([good, forged])).toEqual(invalid);
    expect(await publish([test.random.bytes(100)])).toEqual(invalid);
    expect(await publish([(await bob.keyPackage({ suite: 3 })).message])).toEqual(invalid);
    expect(await publish([(await carol.keyPackage()).message])).toEqual(invalid);
    const strange = (await stranger.keyPackage()).message;
    expect(await publish([strange], { as: stranger.identity })).toEqual(invalid);
    expect(await publish([(await bob.keyPackage({ lastResort: true })).message])).toEqual(invalid);
    expect(await publish([], { lastResort: good })).toEqual(invalid);
    const short = (await bob.keyPackage({ lifetimeSeconds: 60 })).message;
    test.clock.now += 60_000;
    expect(await publish([short])).toEqual(invalid);
    test.clock.now -= 3 * 24 * 60 * 60 * 1000;
    expect(await publish([good])).toEqual(invalid);
    expect(await count()).toEqual({ ok: true, count: 0, lastResort: false });
  });

  it("hands out no expired package", async () => {
    await publish([(await bob.keyPackage({ lifetimeSeconds: 60 })).message]);
    expect(await count()).toMatchObject({ count: 1 });
    test.clock.now += 60_000;
    expect(await count()).toMatchObject({ count: 0 });
    expect(await claim()).toMatchObject({ keyPackages: [], missing: [bob.identity] });
  });

  it("tells the owner when its pool is low", async () => {
    await publish(await packages(3));
    await claim();
    expect(test.told).toEqual([]);
    await claim();
    expect(test.told).toEqual([{ kind: "keyPackagesLow", device: bob.identity, suite: 1, count: 1 }]);
  });

  it("answers a device that is named twice once, and names those without a package", async () => {
    await publish(await packages(3));
    const unknown = deviceFrom(test.random);
    const reply = await claim([bob.identity, unknown, bob.identity]);
    expect(reply.ok && reply.keyPackages.map(({ deviceId }) => deviceId)).toEqual([bob.identity.deviceId]);
    expect(reply).toMatchObject({ missing: [unknown] });
    expect(await count()).toMatchObject({ count: 2 });
  });
});

describe("limits", () => {
  it("refuses a pool beyond its limit and keeps it as it was", async () => {
    const test = await openForTest(inMemory, { limits: { keyPackagesPerDevice: 2 } });
    const bob = await createRealDevice(test.random, test.as, test.clock.now);
    const publish = async (number: number) => {
      const keyPackages = [];
      for (let index = 0; index < number; index++) keyPackages.push((await bob.keyPackage()).message);
      const request = parse(deliveryRequests["keyPackages.publish"].request, { suite, keyPackages });
      return test.operations["keyPackages.publish"](bob.identity, request);
    };
    expect(await publish(2)).toMatchObject({ ok: true, count: 2 });
    expect(await publish(1)).toEqual(refusal("KEY_PACKAGE_LIMIT", { limit: 2 }));
    expect(await test.operations["keyPackages.count"](bob.identity, { suite })).toMatchObject({ count: 2 });
    await test.close();
  });

  it("lets one claimer take so many packages an hour of one device, others and other devices unhindered", async () => {
    const test = await openForTest(inMemory, { limits: { claimsPerTargetPerHour: 2 } });
    const alice = deviceFrom(test.random);
    const [bob, carol] = [await withLastResort(test), await withLastResort(test)];
    const claim = (claimer: DeviceIdentity, devices: DeviceIdentity[]) =>
      test.operations["keyPackages.claim"](claimer, { suite, devices });
    expect(await claim(alice, [bob])).toMatchObject({ ok: true });
    test.clock.now += 1000;
    expect(await claim(alice, [bob])).toMatchObject({ ok: true });
    const limited = refusal("RATE_LIMITED", { limit: 2, retryAfter: 3_599_000 });
    expect(await claim(alice, [bob, carol])).toEqual(limited);
    expect(await claim(alice, [carol])).toMatchObject({ ok: true });
    expect(await claim(carol, [bob])).toMatchObject({ ok: true });
    test.clock.now += 3_599_000;
    expect(await claim(alice, [bob])).toMatchObject({ ok: true });
    await test.close();
  });
});

/** A device that has a package for everybody who claims one. */
async function withLastResort(test: TestService): Promise<DeviceIdentity> {
  const device = await createRealDevice(test.random, test.as, test.clock.now);
  const { message } = await device.keyPackage({ lastResort: true });
  const fields = { suite, keyPackages: [], lastResort: message };
  const request = parse(deliveryRequests["keyPackages.publish"].request, fields);
  expect(await test.operations["keyPackages.publish"](device.identity, request)).toMatchObject({ ok: true });
  return device.identity;
}
