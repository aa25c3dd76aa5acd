import { describeOnEachDatabase, inMemory } from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Place, type ScriptedSeat, scriptGroup } from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });
const DAY = 24 * 60 * 60 * 1000;

describeOnEachDatabase("candidates", (make, kind) => {
  let test: TestService;
  let group: ReturnType<typeof scriptGroup>;
  let alice: ScriptedSeat;
  let bob: ScriptedSeat;
  let carol: ScriptedSeat;
  /** Epoch 1, which holds all three. */
  let at: Place;

  beforeEach(async () => {
    test = await openForTest(make);
    group = scriptGroup(test.operations, test.random);
    await group.create();
    alice = group.founder;
    bob = group.newSeat();
    carol = group.newSeat();
    const { next } = await group.commit(alice, group.first, { add: [bob, carol] });
    at = next;
    for (const seat of [bob, carol]) {
      expect(await group.attach(seat, at.epochToken)).toMatchObject({ attached: true });
    }
    test.told.length = 0;
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  const supersede = (seat: ScriptedSeat, last: Place, script: Parameters<typeof group.commit>[2] = {}) =>
    group.commit(seat, at, { ...script, change: { supersedes: last.branch, ...script.change } });

  /** A commit of Bob's that removes Alice, and the one with which Carol supersedes it. */
  async function twoCandidates() {
    const bad = await group.commit(bob, at, { remove: [alice] });
    test.clock.now += 2000;
    const good = await supersede(carol, bad.next, { remove: [bob] });
    expect([bad.reply, good.reply]).toMatchObject([
      { ok: true, seq: 2 },
      { ok: true, seq: 3 },
    ]);
    return { bad: bad.next, good: good.next };
  }

  it("[DS-CANDIDATE-1] who names the last candidate of an epoch and shows its token has the next one, and both are tips", async () => {
    const { bad, good } = await twoCandidates();
    expect(await group.append(bob, bad)).toMatchObject({ ok: true, seq: 4 });
    expect(await group.append(alice, good)).toMatchObject({ ok: true, seq: 5 });
    expect(await group.attach(carol, good.epochToken)).toMatchObject({
      tips: [
        { epoch: 2, branch: 3 },
        { epoch: 2, branch: 2 },
      ],
      place: { epoch: 2, branch: 3 },
    });
  });

  it("[DS-CANDIDATE-2] a wrong or absent last candidate is EPOCH_STALE with the first and the last one and the tips", async () => {
    const { bad } = await twoCandidates();
    const tips = [
      { epoch: 2, branch: 3 },
      { epoch: 2, branch: 2 },
    ];
    const stale = refusal("EPOCH_STALE", { winner: 2, last: 3, tips });
    test.clock.now += 60_000;
    expect((await group.commit(alice, at)).reply).toEqual(stale);
    expect((await supersede(alice, bad)).reply).toEqual(stale);
    expect((await supersede(alice, at)).reply).toEqual(stale);
    // On a tip there is nothing to supersede.
    const { reply } = await group.commit(bob, bad, { change: { supersedes: bad.branch } });
    expect(reply).toEqual(refusal("EPOCH_STALE", { tips }));
    const outsider = { ...at, epochToken: test.random.bytes(32) };
    const refused = await group.commit(alice, outsider, { change: { supersedes: bad.branch } });
    expect(refused.reply).toEqual(refusal("EPOCH_TOKEN_REFUSED"));
  });

  it("[DS-CANDIDATE-3] seats added and removed act on their own branch only", async () => {
    const dave = group.newSeat();
    const first = await group.commit(bob, at, { remove: [alice], add: [dave] });
    test.clock.now += 2000;
    const second = await supersede(carol, first.next, { remove: [bob] });
    // On the first branch Alice is out, on the second Bob is, and Dave was never in.
    expect(await group.append(alice, first.next)).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append(bob, second.next)).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append(alice, second.next)).toMatchObject({ ok: true, seq: 4 });
    expect(await group.append(bob, first.next)).toMatchObject({ ok: true, seq: 5 });
    expect(await group.attach(dave, second.next.epochToken)).toMatchObject({ attached: false });
    expect(await group.attach(dave, first.next.epochToken)).toMatchObject({ attached: true });
    // One who is out on this branch is added to it again, whatever the other says.
    const third = await group.commit(carol, second.next, { add: [bob] });
    expect(third.reply).toMatchObject({ ok: true, seq: 6 });
    expect(await group.append(bob, third.next)).toMatchObject({ ok: true, seq: 7 });
    // A seat that the other branch has removes nothing here.
    const removal = await group.commit(bob, first.next, { remove: [carol] });
    expect(removal.reply).toMatchObject({ ok: true });
    expect(await group.append(carol, third.next)).toMatchObject({ ok: true });
    expect(await group.append(carol, removal.next)).toEqual(refusal("SEAT_REFUSED"));
  });

  it("[DS-CANDIDATE-4] a seat reads the entries of every epoch that holds it and all candidates that end such an epoch", async () => {
    const { bad, good } = await twoCandidates();
    await group.append(bob, bad);
    await group.append(alice, good);
    await group.append(carol, bad);
    expect(await group.readAll(alice)).toEqual([1, 2, 3, 5]);
    expect(await group.readAll(bob)).toEqual([2, 3, 4, 6]);
    expect(await group.readAll(carol)).toEqual([2, 3, 4, 5, 6]);
    expect(await group.read(alice)).toMatchObject({ headSeq: 5 });
    expect(await group.read(alice, 5)).toMatchObject({ entries: [], headSeq: 5 });
  });

  it("[DS-CANDIDATE-5] what is told of an entry leaves out who may not read it and reaches who was removed and may", async () => {
    const bad = await group.commit(bob, at, { remove: [alice] });
    expect(test.told).toMatchObject([
      { kind: "appended", hiddenFrom: [], alsoTo: [], unseated: [alice.seatId], seated: [] },
      { kind: "acked" },
    ]);
    test.told.length = 0;
    await group.append(bob, at, "note");
    test.clock.now += 2000;
    const good = await supersede(carol, bad.next, { remove: [bob] });
    await group.append(bob, bad.next);
    await group.append(carol, good.next);
    await group.append(carol, at, "note");
    expect(test.told).toEqual([
      expect.objectContaining({ kind: "appended", hiddenFrom: [], alsoTo: [alice.seatId], seated: [] }),
      expect.objectContaining({ alsoTo: [alice.seatId], unseated: [], seated: [alice.seatId] }),
      expect.objectContaining({ kind: "appended", hiddenFrom: [alice.seatId], alsoTo: [] }),
      expect.objectContaining({ kind: "appended", hiddenFrom: [bob.seatId], alsoTo: [] }),
      expect.objectContaining({ kind: "appended", hiddenFrom: [], alsoTo: [] }),
    ]);
  });

  it("[DS-CANDIDATE-6] a seat waits 2^k seconds before its k-th candidate in an epoch, also after a restart", async () => {
    const first = await group.commit(bob, at);
    expect((await supersede(carol, first.next)).reply).toEqual(
      refusal("RATE_LIMITED", { limit: 1, retryAfter: 2000 }),
    );
    test.clock.now += 1999;
    expect((await supersede(carol, first.next)).reply).toMatchObject(
      refusal("RATE_LIMITED", { retryAfter: 1 }),
    );
    test.clock.now += 1;
    const second = await supersede(carol, first.next);
    expect(second.reply.ok).toBe(true);
    // Another seat has its own count, which others can't reset.
    const third = await supersede(alice, second.next);
    expect(third.reply.ok).toBe(true);
    expect((await supersede(carol, third.next)).reply).toMatchObject(
      refusal("RATE_LIMITED", { retryAfter: 4000 }),
    );
    test.clock.now += 4000;
    const fourth = await supersede(carol, third.next);
    expect(fourth.reply.ok).toBe(true);
    expect((await supersede(carol, fourth.next)).reply).toMatchObject(
      refusal("RATE_LIMITED", { retryAfter: 8000 }),
    );
    if (kind === "memory") return;
    await test.service.close();
    const again = await openForTest(test.location);
    again.clock.now = test.clock.now;
    const request = group.commitRequest(carol, at, test.random.bytes(32), {
      change: { supersedes: fourth.next.branch },
    });
    expect(await again.operations["group.commit"](group.device, request)).toMatchObject(
      refusal("RATE_LIMITED", { retryAfter: 8000 }),
    );
    await again.close();
  });

  it("[DS-CANDIDATE-7] the resend of a candidate is answered alike, whatever came since", async () => {
    const first = await group.commit(bob, at);
    test.clock.now += 2000;
    const request = group.commitRequest(carol, at, test.random.bytes(32), {
      change: { supersedes: first.next.branch },
    });
    const reply = await test.operations["group.commit"](group.device, request);
    expect(reply).toMatchObject({ ok: true, seq: 3 });
    expect(await test.operations["group.commit"](group.device, request)).toEqual(reply);
    const { supersedes: _, ...without } = request;
    expect(await test.operations["group.commit"](group.device, without)).toEqual(refusal("ENTRY_CONFLICT"));
    expect(await group.readAll(carol)).toEqual([2, 3]);
  });

  it("[DS-LATE-3] a late entry is taken where some branch leads from its epoch to a tip without a removal", async () => {
    const { bad, good } = await twoCandidates();
    expect(await group.append(carol, at)).toMatchObject(refusal("EPOCH_STALE"));
    test.clock.now += 2000;
    const third = await supersede(alice, good);
    expect(third.reply.ok).toBe(true);
    test.told.length = 0;
    expect(await group.append(carol, at)).toMatchObject({ ok: true });
    expect(test.told).toMatchObject([{ kind: "appended", hiddenFrom: [], alsoTo: [] }]);
    expect(await group.append(carol, bad)).toMatchObject({ ok: true });
  });

  it("[DS-NOTE-1] a note is taken for any epoch that is kept from a seat of it with its token, and is read by its seats only", async () => {
    const removal = await group.commit(carol, at, { remove: [bob] });
    const second = await group.commit(carol, removal.next);
    const third = await group.commit(carol, second.next, { add: [group.newSeat()] });
    test.told.length = 0;
    expect(await group.append(bob, at, "note")).toMatchObject({ ok: true, seq: 5 });
    expect(test.told).toMatchObject([{ kind: "appended", alsoTo: [bob.seatId] }]);
    expect(await group.append(bob, third.next, "note")).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append(bob, { ...at, epochToken: third.next.epochToken }, "note")).toEqual(
      refusal("EPOCH_TOKEN_REFUSED"),
    );
    expect(await group.append(carol, third.next, "note")).toMatchObject({ ok: true, seq: 6 });
    expect(await group.readAll(bob)).toEqual([2, 5]);
    expect(await group.read(carol, 4)).toMatchObject({
      entries: [
        { seq: 5, kind: "note", epoch: 1, branch: 1 },
        { seq: 6, kind: "note", epoch: 4 },
      ],
    });
    const large = group.appendRequest(carol, third.next, "note", 64 * 1024);
    expect(await test.operations["group.append"](group.device, large)).toMatchObject({ ok: true });
  });

  it("[DS-SEAT-6] a commit that replaces its author's seat keeps token and cursor; the old one still belongs to the old epoch", async () => {
    await group.append(bob, at);
    await group.ack(bob, 2);
    const to = { ...group.newSeat(), seatToken: bob.seatToken };
    const seatReplaced = { from: bob.seatId, to: to.seatId };
    const { reply, next } = await group.commit(bob, at, { change: { seatReplaced } });
    expect(reply).toMatchObject({ ok: true, seq: 3 });
    expect(test.told).toContainEqual(expect.objectContaining({ unseated: [bob.seatId] }));
    expect(await group.append(to, next)).toMatchObject({ ok: true, seq: 4 });
    expect(await group.append(bob, next)).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append({ ...to, seatToken: test.random.bytes(32) }, next)).toEqual(
      refusal("SEAT_REFUSED"),
    );
    // Replacing a seat removes nobody, so the epoch before still takes what was on its way, from the old seat too.
    test.told.length = 0;
    expect(await group.append(bob, at)).toMatchObject({ ok: true, seq: 5 });
    expect(test.told).toMatchObject([{ kind: "appended", hiddenFrom: [] }]);
    expect(await group.readAll(to)).toEqual([2, 3, 4, 5]);
    expect(await group.attach(to, next.epochToken)).toMatchObject({
      attached: true,
      headSeq: 5,
      ackedSeq: 0,
    });
    for (const seat of [alice, carol]) await group.ack(seat, 5);
    expect(await group.attach(carol)).toMatchObject({ ackedSeq: 2 });
    expect(await group.ack(to, 5)).toMatchObject({ ackedSeq: 5 });
    expect(await group.read(alice, 2, 1)).toMatchObject({ entries: [{ seq: 3, commit: { seatReplaced } }] });
  });

  it("[DS-ACK-4] no cursor goes back, whichever of a seat's names acknowledges", async () => {
    const to = { ...group.newSeat(), seatToken: bob.seatToken };
    const seatReplaced = { from: bob.seatId, to: to.seatId };
    const renamed = await group.commit(bob, at, { change: { seatReplaced } });
    const removal = await group.commit(alice, renamed.next, { remove: [to] });
    const back = await group.commit(alice, removal.next, { add: [bob] });
    expect(back.reply).toMatchObject({ ok: true, seq: 4 });
    await group.ack(to, 3);
    await group.ack(alice, 4);
    expect(await group.ack(carol, 4)).toMatchObject({ ok: true, ackedSeq: 4 });
  });

  it("[DS-SEAT-7] only the author's own seat is replaced, and never by one that somebody else has", async () => {
    const stranger = group.newSeat().seatId;
    const malformed = refusal("MALFORMED_REQUEST");
    for (const seatReplaced of [
      { from: carol.seatId, to: stranger },
      { from: bob.seatId, to: carol.seatId },
      { from: bob.seatId, to: bob.seatId },
    ]) {
      expect((await group.commit(bob, at, { change: { seatReplaced } })).reply).toEqual(malformed);
    }
    const seatReplaced = { from: bob.seatId, to: stranger };
    const twice = { seatReplaced, seatsAdded: [stranger] };
    expect((await group.commit(bob, at, { change: twice })).reply).toEqual(malformed);
    // One that left the group is still its own.
    const removal = await group.commit(alice, at, { remove: [carol] });
    const taken = { from: bob.seatId, to: carol.seatId };
    expect((await group.commit(bob, removal.next, { change: { seatReplaced: taken } })).reply).toEqual(
      malformed,
    );
  });

  it("[DS-ACK-3] what is acknowledged by all counts the seats of every tip", async () => {
    const { bad, good } = await twoCandidates();
    await group.append(alice, good);
    await group.append(bob, bad);
    for (const seat of [alice, carol]) await group.ack(seat, 5);
    expect(await group.attach(alice)).toMatchObject({ ackedSeq: 1 });
    expect(await group.ack(bob, 5)).toMatchObject({ ackedSeq: 5 });
  });

  it("[DS-RETAIN-4] a branch on which nobody wrote for 35 days is dropped, and the others stay", async () => {
    const { bad, good } = await twoCandidates();
    for (let day = 0; day < 37; day++) {
      test.clock.now += DAY;
      for (const seat of [alice, carol]) await group.attach(seat, good.epochToken);
      expect(await group.append(alice, good)).toMatchObject({ ok: true });
    }
    await test.service.sweep();
    expect(await group.attach(carol)).toMatchObject({ tips: [{ epoch: 2, branch: 3 }] });
    expect(await group.append(carol, bad)).toMatchObject(refusal("EPOCH_STALE"));
    expect(await group.append(bob, bad)).toMatchObject({ error: { code: expect.stringMatching(/^SEAT_/) } });
    const further = await group.commit(alice, good, { add: [group.newSeat()] });
    expect(further.reply.ok).toBe(true);
    test.told.length = 0;
    expect(await group.append(carol, further.next)).toMatchObject({ ok: true });
    expect(test.told).toMatchObject([{ hiddenFrom: [], alsoTo: [] }]);
  });
});

describe("limits of candidates", () => {
  it("[DS-CANDIDATE-8] a seat has so many candidates a day and no more", async () => {
    const test = await openForTest(inMemory, { limits: { supersedesPerDay: 2 } });
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    let at = group.first;
    for (let index = 0; index < 3; index++) {
      const first = await group.commit(group.founder, at);
      test.clock.now += 2000;
      const second = await group.commit(group.founder, at, { change: { supersedes: first.next.branch } });
      if (index < 2) expect(second.reply.ok).toBe(true);
      else expect(second.reply).toMatchObject(refusal("RATE_LIMITED", { limit: 2 }));
      at = second.reply.ok ? second.next : first.next;
    }
    await test.close();
  });
});
