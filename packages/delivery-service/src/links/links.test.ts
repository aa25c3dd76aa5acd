import { LinkId, toHex } from "@thicket/protocol";
import { describeOnEachDatabase } from "@thicket/storage/contract";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  deviceFrom,
  entryIdFrom,
  parse,
  type Place,
  type ScriptedSeat,
  scriptGroup,
} from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });

describeOnEachDatabase("links", (make) => {
  let test: TestService;
  let group: ReturnType<typeof scriptGroup>;

  beforeEach(async () => {
    test = await openForTest(make, { limits: { linksPerGroup: 3, knock: 100, linkCard: 100 } });
    group = scriptGroup(test.operations, test.random);
    await group.create();
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  const newLink = () => parse(LinkId, toHex(test.random.bytes(32)));
  const open = (linkId: LinkId) => test.operations["link.open"](deviceFrom(test.random), { linkId });
  const content = () => ({ entryId: entryIdFrom(test.random), bytes: test.random.bytes(40) });
  const knock = (linkId: LinkId, device = deviceFrom(test.random), what = content()) =>
    test.operations["group.knock"](device, { by: "link", linkId, ...what });
  const knockAs = (seat: ScriptedSeat) =>
    test.operations["group.knock"](deviceFrom(test.random), {
      by: "seat",
      ...seat,
      groupId: group.groupId,
      ...content(),
    });

  it("[DS-LINK-1] a link shows its card, the last one that a member published", async () => {
    const linkId = newLink();
    const [first, second] = [test.random.bytes(50), test.random.bytes(60)];
    expect(await open(linkId)).toEqual(refusal("LINK_UNKNOWN"));
    expect(await group.publishLink(group.founder, group.first, linkId, first)).toEqual({ ok: true });
    expect(await open(linkId)).toEqual({ ok: true, card: first });
    expect(await group.publishLink(group.founder, group.first, linkId, second)).toEqual({ ok: true });
    expect(await open(linkId)).toEqual({ ok: true, card: second });
  });

  it("[DS-LINK-2] a link that was withdrawn looks like one that never was, and is nobody's again", async () => {
    const linkId = newLink();
    const card = test.random.bytes(50);
    await group.publishLink(group.founder, group.first, linkId, card);
    expect(await group.withdrawLink(group.founder, group.first, linkId)).toEqual({ ok: true });
    expect(await open(linkId)).toEqual(await open(newLink()));
    expect(await knock(linkId)).toEqual(await knock(newLink()));
    expect(await group.withdrawLink(group.founder, group.first, linkId)).toEqual(refusal("LINK_UNKNOWN"));
    const other = scriptGroup(test.operations, test.random);
    await other.create();
    for (const anybody of [group, other]) {
      expect(await anybody.publishLink(anybody.founder, anybody.first, linkId, card)).toEqual(
        refusal("LINK_TAKEN"),
      );
    }
  });

  it("[DS-LINK-3] only a present member publishes and withdraws, and only its own group's links", async () => {
    const linkId = newLink();
    const card = test.random.bytes(50);
    await group.publishLink(group.founder, group.first, linkId, card);
    const other = scriptGroup(test.operations, test.random);
    await other.create();
    expect(await other.publishLink(other.founder, other.first, linkId, card)).toEqual(refusal("LINK_TAKEN"));
    expect(await other.withdrawLink(other.founder, other.first, linkId)).toEqual(refusal("LINK_UNKNOWN"));
    const wrong = { ...group.first, epochToken: test.random.bytes(32) };
    const seat = group.newSeat();
    for (const act of [
      (who: ScriptedSeat, at: Place) => group.publishLink(who, at, newLink(), card),
      (who: ScriptedSeat, at: Place) => group.withdrawLink(who, at, linkId),
    ]) {
      expect(await act(group.founder, wrong)).toEqual(refusal("EPOCH_TOKEN_REFUSED"));
      expect(await act(seat, group.first)).toEqual(refusal("SEAT_REFUSED"));
    }
    const added = await group.commit(group.founder, group.first, { add: [seat] });
    await group.attach(seat, added.next.epochToken);
    const removal = await group.commit(group.founder, added.next, { remove: [seat] });
    expect(removal.reply.ok).toBe(true);
    expect(await group.withdrawLink(seat, added.next, linkId)).toMatchObject(refusal("EPOCH_STALE"));
    expect(await group.withdrawLink(seat, removal.next, linkId)).toEqual(refusal("SEAT_REFUSED"));
    expect(await open(linkId)).toMatchObject({ ok: true });
  });

  it("[DS-LINK-4] sizes and the number of links are bounded, with the limit in the error", async () => {
    const publish = (card: Uint8Array) => group.publishLink(group.founder, group.first, newLink(), card);
    expect(await publish(test.random.bytes(101))).toEqual(refusal("PAYLOAD_TOO_LARGE", { limit: 100 }));
    for (let index = 0; index < 3; index++)
      expect(await publish(test.random.bytes(100))).toEqual({ ok: true });
    expect(await publish(test.random.bytes(1))).toEqual(refusal("LINK_LIMIT", { limit: 3 }));
    const large = { ...content(), bytes: test.random.bytes(101) };
    const linkId = newLink();
    expect(await knock(linkId, undefined, large)).toEqual(refusal("LINK_UNKNOWN"));
    await group.withdrawLink(group.founder, group.first, linkId);
  });

  it("[DS-KNOCK-1] a knock is read by the members of every tip, once, and its answer tells nothing of the group", async () => {
    const bob = group.newSeat();
    const { next } = await group.commit(group.founder, group.first, { add: [bob] });
    await group.attach(bob, next.epochToken);
    const linkId = newLink();
    await group.publishLink(group.founder, next, linkId, test.random.bytes(10));
    const first = await group.commit(bob, next, { remove: [group.founder] });
    test.clock.now += 2000;
    const second = await group.commit(group.founder, next, {
      remove: [bob],
      change: { supersedes: first.next.branch },
    });
    expect(second.reply).toMatchObject({ ok: true, seq: 3 });
    test.told.length = 0;
    const what = content();
    const stranger = deviceFrom(test.random);
    expect(await knock(linkId, stranger, what)).toEqual({ ok: true });
    expect(await knock(linkId, stranger, what)).toEqual({ ok: true });
    expect(await knock(linkId, stranger, { ...what, bytes: test.random.bytes(40) })).toEqual(
      refusal("ENTRY_CONFLICT"),
    );
    expect(test.told).toMatchObject([
      { kind: "appended", entries: [{ seq: 4, kind: "knock", branch: 3 }], hiddenFrom: [bob.seatId] },
      {
        kind: "appended",
        entries: [{ seq: 5, kind: "knock", branch: 2 }],
        hiddenFrom: [group.founder.seatId],
      },
    ]);
    expect(await group.readAll(group.founder)).toEqual([1, 2, 3, 4]);
    expect(await group.readAll(bob)).toEqual([2, 3, 5]);
    const large = { ...content(), bytes: test.random.bytes(101) };
    expect(await knock(linkId, undefined, large)).toEqual(refusal("PAYLOAD_TOO_LARGE", { limit: 100 }));
  });

  it("[DS-KNOCK-2] who was removed or dropped knocks with its old seat's token, and nobody else does", async () => {
    const bob = group.newSeat();
    const { next } = await group.commit(group.founder, group.first, { add: [bob] });
    await group.attach(bob, next.epochToken);
    expect(await knockAs({ ...bob, seatToken: test.random.bytes(32) })).toEqual(refusal("SEAT_REFUSED"));
    expect(await knockAs(group.newSeat())).toEqual(refusal("SEAT_REFUSED"));
    expect(await knockAs(bob)).toEqual({ ok: true });
    const removal = await group.commit(group.founder, next, { remove: [bob] });
    expect(await knockAs(bob)).toEqual({ ok: true });
    expect(await group.read(group.founder, 1)).toMatchObject({
      entries: [
        { kind: "knock", branch: 1 },
        { kind: "commit" },
        { kind: "knock", branch: removal.next.branch },
      ],
    });
    expect(await group.readAll(bob)).toEqual([2, 3]);
  });

  it("[DS-KNOCK-3] a device knocks five times an hour, at whatever door", async () => {
    const linkId = newLink();
    await group.publishLink(group.founder, group.first, linkId, test.random.bytes(10));
    const device = deviceFrom(test.random);
    for (let index = 0; index < 4; index++) expect(await knock(linkId, device)).toEqual({ ok: true });
    expect(await knock(newLink(), device)).toEqual(refusal("LINK_UNKNOWN"));
    const limited = refusal("RATE_LIMITED", { limit: 5, retryAfter: 60 * 60 * 1000 });
    expect(await knock(linkId, device)).toEqual(limited);
    expect(await knock(linkId)).toEqual({ ok: true });
    test.clock.now += 60 * 60 * 1000;
    expect(await knock(linkId, device)).toEqual({ ok: true });
  });
});
