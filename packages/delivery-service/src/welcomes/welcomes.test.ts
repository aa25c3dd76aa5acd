import { toHex } from "@thicket/protocol";
import { describeOnEachDatabase, describeOnEachKeptDatabase, inspect } from "@thicket/storage/contract";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DeviceIdentity } from "../device-identity.ts";
import { deviceFrom, type Place, type ScriptedSeat, scriptGroup } from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const DAY = 24 * 60 * 60 * 1000;

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

describeOnEachDatabase("held Welcomes", (make, database) => {
  let test: TestService;
  let group: ReturnType<typeof scriptGroup>;
  let bob: ScriptedSeat;
  let invited: DeviceIdentity;
  let at: Place;

  beforeEach(async () => {
    test = await openForTest(make);
    group = scriptGroup(test.operations, test.random);
    await group.create();
    bob = group.newSeat();
    invited = deviceFrom(test.random);
    at = (await group.commit(group.founder, group.first, { add: [bob] })).next;
    await group.attach(bob, at.epochToken);
    test.connected.anotherSeat = true;
    test.told.length = 0;
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  const add = async (by: ScriptedSeat, place: Place, change: object = {}) => {
    const to = [{ ...invited, keyPackageRef: test.random.bytes(32) }];
    const welcomes = [{ bytes: test.random.bytes(100), to }];
    return group.commit(by, place, { add: [group.newSeat()], welcomes, change });
  };
  const waiting = async (service = test) => {
    const reply = await service.operations["welcome.list"](invited, {});
    if (!reply.ok) throw new Error(reply.error.code);
    return reply.welcomes.length;
  };
  const toldOfWelcomes = () => test.told.filter(({ kind }) => kind === "welcome").length;

  it("[DS-HOLD-1] a Welcome waits while another seat is attached, and goes out once one shows the next epoch's token", async () => {
    const { next } = await add(group.founder, at);
    expect(test.told.at(-1)).toEqual({ kind: "held", until: test.clock.now + 15_000 });
    expect(await waiting()).toBe(0);
    // Its author's word is not enough.
    expect(await group.confirm(group.founder, next)).toEqual({ ok: true });
    await group.append(group.founder, next);
    await group.attach(group.founder, next.epochToken);
    expect(await waiting()).toBe(0);
    expect(await group.confirm(bob, { ...next, epochToken: at.epochToken })).toMatchObject({
      error: { code: "EPOCH_TOKEN_REFUSED" },
    });
    expect(toldOfWelcomes()).toBe(0);
    expect(await group.confirm(bob, next)).toEqual({ ok: true });
    expect(await waiting()).toBe(1);
    expect(test.told.at(-1)).toEqual({ kind: "welcome", device: invited });
    expect(await group.confirm(bob, next)).toEqual({ ok: true });
    expect(toldOfWelcomes()).toBe(1);
  });

  it.each(["append", "attach", "commit"] as const)(
    "[DS-HOLD-2] an %s of another seat that shows the token says the same",
    async (by) => {
      const { next } = await add(group.founder, at);
      if (by === "append") await group.append(bob, next);
      if (by === "attach") await group.attach(bob, next.epochToken);
      if (by === "commit") await group.commit(bob, next);
      expect(await waiting()).toBe(1);
      expect(toldOfWelcomes()).toBe(1);
    },
  );

  it("[DS-HOLD-3] a Welcome goes out at once where nobody else is attached, and after 15 seconds in any case", async () => {
    const held = await add(group.founder, at);
    test.clock.now += 14_999;
    expect(await test.service.sweep()).toEqual({ heldUntil: test.clock.now + 1 });
    expect(await waiting()).toBe(0);
    test.clock.now += 1;
    expect(await test.service.sweep()).toEqual({ heldUntil: undefined });
    expect(await waiting()).toBe(1);
    test.connected.anotherSeat = false;
    await add(group.founder, held.next);
    expect(await waiting()).toBe(2);
  });

  it("[DS-HOLD-3] a clock that goes back by hours makes no Welcome wait for hours", async () => {
    await add(group.founder, at);
    test.clock.now -= 3 * 60 * 60 * 1000;
    await test.service.sweep();
    expect(await waiting()).toBe(1);
  });

  it("[DS-HOLD-4] who shows the token of a later epoch has taken the commits before it", async () => {
    const first = await add(group.founder, at);
    const second = await add(group.founder, first.next);
    const third = await group.commit(group.founder, second.next);
    await group.append(group.founder, third.next);
    expect(await waiting()).toBe(0);
    await group.confirm(bob, third.next);
    expect(await waiting()).toBe(2);
    expect(toldOfWelcomes()).toBe(2);
  });

  it("[DS-HOLD-5] a commit that lost delivers nothing; one that was superseded does, since it may be the good one", async () => {
    const first = await add(group.founder, at);
    expect((await add(bob, at)).reply).toMatchObject({ ok: false, error: { code: "EPOCH_STALE" } });
    test.clock.now += 2000;
    const second = await add(bob, at, { supersedes: first.next.branch });
    expect(second.reply.ok).toBe(true);
    expect(await waiting()).toBe(0);
    await group.confirm(bob, first.next);
    expect(await waiting()).toBe(1);
    await group.confirm(group.founder, second.next);
    expect(await waiting()).toBe(2);
  });

  it("[DS-HOLD-6] a held Welcome outlives a restart, and its tie to the commit is erased with its release", async () => {
    if (database === "memory") return;
    await add(group.founder, at);
    await test.service.close();
    const again = await openForTest(test.location);
    again.clock.now = test.clock.now;
    expect(await waiting(again)).toBe(0);
    expect(await again.service.sweep()).toEqual({ heldUntil: again.clock.now + 15_000 });
    const ties = () => inspect(test.location, "SELECT payload_no FROM welcome_holds");
    expect(await ties()).toHaveLength(1);
    again.clock.now += 15_000;
    await again.service.sweep();
    expect(await waiting(again)).toBe(1);
    expect(await ties()).toHaveLength(0);
    await again.close();
  });

  it("[DS-WELCOME-3] a Welcome waits for 35 days and no longer, with its payload", async () => {
    test.connected.anotherSeat = false;
    await add(group.founder, at);
    test.clock.now += 35 * DAY;
    await test.service.sweep();
    expect(await waiting()).toBe(1);
    test.clock.now += DAY;
    await test.service.sweep();
    expect(await waiting()).toBe(0);
    if (database === "memory") return;
    expect(await inspect(test.location, "SELECT no FROM welcome_payloads")).toEqual([]);
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
