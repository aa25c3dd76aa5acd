import { toHex } from "@thicket/protocol";
import { describeOnEachDatabase, describeOnEachKeptDatabase, inspect } from "@thicket/storage/contract";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DeviceIdentity } from "../device-identity.ts";
import { deviceFrom, scriptGroup } from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

describeOnEachDatabase("Welcomes", (make) => {
  let test: TestService;

  beforeEach(async () => {
    test = await openForTest(make);
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  async function welcome(devices: DeviceIdentity[]) {
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const bytes = test.random.bytes(300);
    const to = devices.map((device) => ({ ...device, keyPackageRef: test.random.bytes(32) }));
    const request = group.commitRequest(group.founder, group.first, test.random.bytes(32), {
      add: to.map(() => group.newSeat()),
      welcomes: [{ bytes, to }],
    });
    const reply = await test.operations["group.commit"](group.device, request);
    expect(reply.ok).toBe(true);
    return { bytes, to, request, group };
  }

  async function list(device: DeviceIdentity) {
    const reply = await test.operations["welcome.list"](device, {});
    if (!reply.ok) throw new Error(reply.error.code);
    return reply.welcomes;
  }

  it("[DS-WELCOME-1] a Welcome waits for each of its devices until that device acknowledges it", async () => {
    const bob = deviceFrom(test.random);
    const carol = deviceFrom(test.random);
    const { bytes, to } = await welcome([bob, carol]);
    expect(test.told.filter(({ kind }) => kind === "welcome")).toEqual([
      { kind: "welcome", device: bob },
      { kind: "welcome", device: carol },
    ]);
    const forBob = await list(bob);
    expect(forBob.map((item) => toHex(item.bytes))).toEqual([toHex(bytes)]);
    expect(forBob[0]?.keyPackageRef).toEqual(to[0]?.keyPackageRef);
    const welcomeIds = forBob.map(({ welcomeId }) => welcomeId);
    // Somebody else's acknowledgement erases nothing.
    await test.operations["welcome.ack"](carol, { welcomeIds });
    expect(await list(bob)).toHaveLength(1);
    expect(await test.operations["welcome.ack"](bob, { welcomeIds })).toEqual({ ok: true });
    expect(await test.operations["welcome.ack"](bob, { welcomeIds })).toEqual({ ok: true });
    expect(await list(bob)).toEqual([]);
    expect(await list(carol)).toHaveLength(1);
  });

  it("a Welcome of a commit that was refused reaches nobody", async () => {
    const bob = deviceFrom(test.random);
    const { group, request } = await welcome([bob]);
    const other = group.commitRequest(group.founder, group.first, test.random.bytes(32), {
      welcomes: request.welcomes,
    });
    expect(await test.operations["group.commit"](group.device, other)).toMatchObject({
      error: { code: "EPOCH_STALE" },
    });
    expect(await list(bob)).toHaveLength(1);
  });

  it("lists the oldest first, and the rest after these are acknowledged", async () => {
    const bob = deviceFrom(test.random);
    const sent: string[] = [];
    for (let index = 0; index < 66; index++) sent.push(toHex((await welcome([bob])).bytes));
    const seen: string[] = [];
    for (let page = await list(bob); page.length > 0; page = await list(bob)) {
      seen.push(...page.map(({ bytes }) => toHex(bytes)));
      await test.operations["welcome.ack"](bob, { welcomeIds: page.map(({ welcomeId }) => welcomeId) });
    }
    expect(seen).toEqual(sent);
  });
});

describeOnEachKeptDatabase("what is stored of Welcomes", (make) => {
  it("[DS-WELCOME-2] keeps a payload once for all its devices and erases it with the last of them", async () => {
    const test = await openForTest(make);
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const devices = Array.from({ length: 5 }, () => deviceFrom(test.random));
    const to = devices.map((device) => ({ ...device, keyPackageRef: test.random.bytes(32) }));
    await group.commit(group.founder, group.first, { welcomes: [{ bytes: test.random.bytes(9000), to }] });
    const stored = () => inspect(test.location, "SELECT length(bytes) AS size FROM welcome_payloads");
    for (const [index, device] of devices.entries()) {
      expect(
        (await stored()).map(({ size }) => size),
        `before device ${index}`,
      ).toEqual([9000]);
      const reply = await test.operations["welcome.list"](device, {});
      const welcomeIds = reply.ok ? reply.welcomes.map(({ welcomeId }) => welcomeId) : [];
      await test.operations["welcome.ack"](device, { welcomeIds });
    }
    expect(await stored()).toEqual([]);
    await test.close();
  });
});
