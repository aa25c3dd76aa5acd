import { LinkId } from "@thicket/protocol";
import { describeOnEachKeptDatabase, inspect } from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRealDevice, parse, type Place, type ScriptedSeat, scriptGroup } from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

describeOnEachKeptDatabase("retention", (make) => {
  let test: TestService;
  let group: ReturnType<typeof scriptGroup>;
  let bob: ScriptedSeat;
  let at: Place;

  beforeEach(async () => {
    test = await openForTest(make);
    group = scriptGroup(test.operations, test.random);
    await group.create();
    bob = group.newSeat();
    at = (await group.commit(group.founder, group.first, { add: [bob] })).next;
    await group.attach(bob, at.epochToken);
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  /** Both show their tokens every day, so that no seat is dropped for its silence. */
  async function pass(days: number, seats: readonly ScriptedSeat[], place = at) {
    for (let day = 0; day < days; day++) {
      test.clock.now += DAY;
      for (const seat of seats) await group.attach(seat, place.epochToken);
      await test.service.sweep();
    }
  }

  async function count(table: string): Promise<number> {
    return (await inspect(test.location, `SELECT 1 AS one FROM ${table}`)).length;
  }

  describe("entries", () => {
    it("[DS-RETAIN-1] an entry is kept until every seat of its epoch has acknowledged it, and a read says what is left", async () => {
      for (let index = 0; index < 5; index++) await group.append(group.founder, at);
      await group.ack(group.founder, 6);
      await group.ack(bob, 3);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.readAll(group.founder)).toEqual([4, 5, 6]);
      expect(await group.read(group.founder)).toMatchObject({ lowestSeq: 4, headSeq: 6 });
      expect(await group.attach(bob)).toMatchObject({ lowestSeq: 4, headSeq: 6 });
      expect(await count("entries")).toBe(3);
      await group.ack(bob, 6);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.read(bob)).toMatchObject({ ok: true, entries: [], lowestSeq: 7 });
      expect(await count("entries")).toBe(0);
      expect(await group.append(bob, at)).toMatchObject({ ok: true, seq: 7 });
      expect(await group.readAll(bob)).toEqual([7]);
    });

    it("[DS-RETAIN-2] no entry is kept beyond 35 days, and every one that was not acknowledged until then", async () => {
      await group.append(group.founder, at);
      await pass(34, [group.founder, bob]);
      await group.append(group.founder, at);
      expect(await group.readAll(bob)).toEqual([2, 3]);
      await pass(2, [group.founder, bob]);
      expect(await group.readAll(bob)).toEqual([3]);
      expect(await group.append(bob, at)).toMatchObject({ ok: true, seq: 4 });
    });

    it("[DS-RETAIN-3] a removed seat is waited for until it has heard of its removal", async () => {
      await group.append(group.founder, at);
      const removal = await group.commit(group.founder, at, { remove: [bob] });
      await group.append(group.founder, removal.next);
      await group.ack(group.founder, 4);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.readAll(bob)).toEqual([2, 3]);
      await group.ack(bob, 3);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.readAll(group.founder)).toEqual([]);
      expect(await group.read(group.founder)).toMatchObject({ lowestSeq: 5 });
    });

    it("[DS-RETAIN-3] a removed seat is waited for with what was written late in an epoch of its own", async () => {
      const removal = await group.commit(group.founder, at, { remove: [bob] });
      await group.ack(bob, 2);
      await group.append(group.founder, removal.next);
      expect(await group.append(group.founder, at, "note")).toMatchObject({ ok: true, seq: 4 });
      await group.ack(group.founder, 4);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.readAll(bob)).toEqual([4]);
      await group.ack(bob, 4);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await group.read(group.founder)).toMatchObject({ entries: [], lowestSeq: 5 });
    });

    it("erases a long log slice by slice, so that requests come in between", async () => {
      const writes: Promise<unknown>[] = [];
      for (let index = 0; index < 1500; index++) writes.push(group.append(group.founder, at));
      await Promise.all(writes);
      for (const seat of [group.founder, bob]) await group.ack(seat, 1501);
      test.clock.now += HOUR;
      const swept = test.service.sweep();
      expect(await group.append(bob, at)).toMatchObject({ ok: true, seq: 1502 });
      await swept;
      expect(await group.readAll(bob)).toEqual([1502]);
    });
  });

  describe("epochs and seats", () => {
    it("[DS-RETAIN-5] epochs that everybody has left, their tokens and their removed seats are erased; the two before a tip stay", async () => {
      let place = at;
      for (let index = 0; index < 10; index++) {
        const guest = group.newSeat();
        place = (await group.commit(group.founder, place, { add: [guest] })).next;
        place = (await group.commit(group.founder, place, { remove: [guest] })).next;
      }
      for (const seat of [group.founder, bob]) await group.ack(seat, place.branch);
      await pass(1, [group.founder, bob], place);
      await pass(36, [group.founder, bob], place);
      expect(await count("epochs")).toBe(1);
      expect(await count("epoch_seats")).toBe(1);
      expect(await count("seats")).toBe(2);
      expect(await count("seat_changes")).toBe(2);
      // Whoever still writes there is told where writing goes on.
      expect(await group.append(bob, at)).toEqual(
        refusal("EPOCH_STALE", { tips: [{ epoch: place.epoch, branch: place.branch }] }),
      );
      expect(await group.append(bob, place)).toMatchObject({ ok: true });
      const next = (await group.commit(group.founder, place)).next;
      for (const seat of [group.founder, bob]) await group.ack(seat, next.branch);
      await pass(1, [group.founder, bob], next);
      expect(await group.append(bob, place)).toMatchObject({ ok: true });
    });

    it("[DS-RETAIN-6] a seat that shows no epoch token for 35 days is dropped: nobody waits for it, it only knocks", async () => {
      await group.append(group.founder, at);
      await pass(35, [group.founder]);
      expect(await group.attach(bob)).toMatchObject({ attached: true });
      await group.append(group.founder, at);
      await group.ack(group.founder, 3);
      test.told.length = 0;
      await pass(1, [group.founder]);
      expect(test.told).toContainEqual({ kind: "unseated", groupId: group.groupId, seatIds: [bob.seatId] });
      expect(test.told).toContainEqual({ kind: "acked", groupId: group.groupId, seq: 3 });
      const dropped = refusal("SEAT_DROPPED");
      expect(await group.attach(bob, at.epochToken)).toMatchObject({ attached: false, error: dropped.error });
      expect(await group.append(bob, at)).toEqual(dropped);
      expect(await group.read(bob)).toEqual(dropped);
      expect(await group.ack(bob, 3)).toEqual(dropped);
      // It is removed, and its member comes back with another leaf, and so with another seat.
      const back = group.newSeat();
      const replaced = await group.commit(group.founder, at, { remove: [bob], add: [back] });
      expect(replaced.reply.ok).toBe(true);
      expect(await group.attach(back, replaced.next.epochToken)).toMatchObject({ attached: true });
      expect((await group.commit(back, replaced.next, { add: [bob] })).reply).toEqual(
        refusal("MALFORMED_REQUEST"),
      );
    });

    it("[DS-RETAIN-7] a group in which no seat showed a token for 35 days is erased whole, and its links lead nowhere", async () => {
      const linkId = parse(LinkId, "cd".repeat(32));
      await group.publishLink(group.founder, at, linkId, test.random.bytes(9));
      for (let index = 0; index < 700; index++) await group.append(group.founder, at);
      const other = scriptGroup(test.operations, test.random);
      test.clock.now += 37 * DAY;
      await other.create();
      await test.service.sweep();
      await test.service.sweep();
      expect(await group.read(bob)).toEqual(refusal("GROUP_UNKNOWN"));
      expect(await test.operations["link.open"](group.device, { linkId })).toEqual(refusal("LINK_UNKNOWN"));
      const taken = await other.publishLink(other.founder, other.first, linkId, test.random.bytes(9));
      expect(taken).toEqual(refusal("LINK_TAKEN"));
      expect(await Promise.all(["groups", "epochs", "seats", "entries", "seat_changes"].map(count))).toEqual([
        1, 1, 1, 0, 1,
      ]);
    });

    it("a sweep looks only at groups that are due", async () => {
      await group.append(group.founder, at);
      for (const seat of [group.founder, bob]) await group.ack(seat, 2);
      await test.service.sweep();
      expect(await count("entries")).toBe(2);
      test.clock.now += HOUR;
      await test.service.sweep();
      expect(await count("entries")).toBe(0);
    });
  });

  describe("key packages", () => {
    it("[DS-RETAIN-8] expired key packages and the marks of claimed ones are erased", async () => {
      const device = await createRealDevice(test.random, test.as, test.clock.now);
      const keyPackages = [];
      for (let index = 0; index < 2; index++) {
        const { message } = await device.keyPackage({ lifetimeSeconds: 30 * 24 * 60 * 60 });
        keyPackages.push(message);
      }
      expect(
        await test.operations["keyPackages.publish"](device.identity, { suite: 1, keyPackages }),
      ).toMatchObject({ ok: true, count: 2 });
      const claim = { suite: 1, devices: [device.identity] };
      expect(await test.operations["keyPackages.claim"](group.device, claim)).toMatchObject({ missing: [] });
      expect([await count("key_packages"), await count("spent_key_packages")]).toEqual([1, 1]);
      test.clock.now += 29 * DAY;
      await test.service.sweep();
      expect([await count("key_packages"), await count("spent_key_packages")]).toEqual([1, 1]);
      test.clock.now += 2 * DAY;
      await test.service.sweep();
      expect([await count("key_packages"), await count("spent_key_packages")]).toEqual([0, 0]);
    });
  });
});
