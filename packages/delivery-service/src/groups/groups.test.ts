import { describeOnEachDatabase, inMemory } from "@thicket/storage/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { privateMessage, type ScriptedSeat, scriptGroup } from "../testing/index.ts";
import { openForTest, type TestService } from "../testing/open-for-test.ts";
import type { Standing } from "./attach-seats.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });

describeOnEachDatabase("groups", (make) => {
  let test: TestService;
  let group: ReturnType<typeof scriptGroup>;

  beforeEach(async () => {
    test = await openForTest(make);
    group = scriptGroup(test.operations, test.random);
    expect(await group.create()).toEqual({ ok: true, branch: 0 });
  });
  afterEach(async () => {
    expect(test.faults).toEqual([]);
    await test.close();
  });

  /** Adds a seat from the founder's tip and attaches it. */
  async function addSeat(at = group.first) {
    const seat = group.newSeat();
    const { reply, next } = await group.commit(group.founder, at, { add: [seat] });
    expect(reply.ok).toBe(true);
    expect(await group.attach(seat, next.epochToken)).toMatchObject({ attached: true });
    return { seat, next };
  }

  /** How a seat stands that attaches again. */
  async function standingOf(seat: ScriptedSeat) {
    let found: readonly (Standing | undefined)[] = [];
    await test.service.attach(group.attachRequest(seat), (_, standings) => {
      found = standings;
    });
    return found;
  }

  it("[DS-ORDER-1] seq grows by one per entry, without holes, and receivedAt never goes back", async () => {
    const first = await group.append(group.founder, group.first);
    test.clock.now -= 5000;
    const second = await group.append(group.founder, group.first, "proposal");
    test.clock.now += 60_000;
    const third = await group.append(group.founder, group.first);
    expect([first, second, third]).toMatchObject([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
    const times = [first, second, third].map((reply) => (reply.ok ? reply.receivedAt : Number.NaN));
    expect(times).toEqual([1_800_000_000_000, 1_800_000_000_000, 1_800_000_055_000]);
    expect(await group.readAll(group.founder)).toEqual([1, 2, 3]);
  });

  it("[DS-GROUP-1] a group id is taken once; repeating the same creation is answered alike", async () => {
    const { operations } = test;
    const request = group.createRequest();
    expect(await operations["group.create"](group.device, request)).toEqual({ ok: true, branch: 0 });
    for (const change of [
      { seatToken: test.random.bytes(32) },
      { epochTokenHash: test.random.bytes(32) },
      { seatId: group.newSeat().seatId },
    ]) {
      expect(await operations["group.create"](group.device, { ...request, ...change })).toEqual(
        refusal("GROUP_TAKEN"),
      );
    }
  });

  it("[DS-EPOCH-1] of two commits on one (epoch, branch) the second is refused, and told the winner's seq and the tips", async () => {
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    const winner = await group.commit(group.founder, next);
    const loser = await group.commit(seat, next);
    expect(winner.reply).toMatchObject({ ok: true, seq: 3 });
    expect(loser.reply).toEqual(
      refusal("EPOCH_STALE", { winner: 3, last: 3, tips: [{ epoch: 2, branch: 3 }] }),
    );
    expect(await group.readAll(seat)).toEqual([2, 3]);
  });

  it("[DS-EPOCH-2] of commits that come at the same moment exactly one is accepted", async () => {
    const { seat, next } = await addSeat();
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => group.commit(index % 2 ? seat : group.founder, next)),
    );
    const accepted = replies.filter(({ reply }) => reply.ok);
    expect(accepted).toHaveLength(1);
    expect(await group.readAll(group.founder)).toEqual([1, 2]);
  });

  it("[DS-RESEND-1] a resend is recognised before anything else and gets the first answer", async () => {
    const request = group.appendRequest(group.founder, group.first);
    const first = await test.operations["group.append"](group.device, request);
    const { next } = await group.commit(group.founder, group.first);
    await group.commit(group.founder, next, { add: [group.newSeat()] });
    test.clock.now += 1000;
    // Its epoch token no longer matters, nor the seat's: a new entry would be refused.
    const again = await test.operations["group.append"](group.device, {
      ...request,
      epochToken: test.random.bytes(32),
      seatToken: test.random.bytes(32),
    });
    expect(again).toEqual(first);
    expect(await group.readAll(group.founder)).toEqual([1, 2, 3]);
  });

  it("[DS-RESEND-2] other bytes under a used entryId are refused", async () => {
    const request = group.appendRequest(group.founder, group.first);
    await test.operations["group.append"](group.device, request);
    const other = group.appendRequest(group.founder, group.first);
    const reply = await test.operations["group.append"](group.device, {
      ...other,
      entryId: request.entryId,
    });
    expect(reply).toEqual(refusal("ENTRY_CONFLICT"));
    expect(await group.readAll(group.founder)).toEqual([1]);
  });

  it("[DS-RESEND-3] a commit's resend is answered alike and changes neither epoch, seats nor inboxes", async () => {
    const seat = group.newSeat();
    const to = [{ ...group.device, keyPackageRef: test.random.bytes(32) }];
    const request = group.commitRequest(group.founder, group.first, test.random.bytes(32), {
      add: [seat],
      welcomes: [{ bytes: test.random.bytes(100), to }],
    });
    const first = await test.operations["group.commit"](group.device, request);
    const again = await test.operations["group.commit"](group.device, request);
    expect(first.ok).toBe(true);
    expect(again).toEqual(first);
    const list = await test.operations["welcome.list"](group.device, {});
    expect(list.ok && list.welcomes).toHaveLength(1);
    for (const change of [
      { seatsAdded: [group.newSeat().seatId] },
      { nextTokenHash: test.random.bytes(32) },
      { welcomes: [] },
    ]) {
      expect(await test.operations["group.commit"](group.device, { ...request, ...change })).toEqual(
        refusal("ENTRY_CONFLICT"),
      );
    }
  });

  it("[DS-SEAT-1] a write shows its seat's token and the token of its (epoch, branch)", async () => {
    const stranger = group.newSeat();
    const wrong = { ...group.first, epochToken: test.random.bytes(32) };
    const elsewhere = { ...group.first, epoch: (await addSeat()).next.epoch };
    expect(await group.append(stranger, group.first)).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append({ ...group.founder, seatToken: test.random.bytes(32) }, group.first)).toEqual(
      refusal("SEAT_REFUSED"),
    );
    expect(await group.append(group.founder, wrong)).toEqual(refusal("EPOCH_TOKEN_REFUSED"));
    expect(await group.append(group.founder, elsewhere)).toEqual(refusal("EPOCH_TOKEN_REFUSED"));
    expect((await group.commit(group.founder, wrong)).reply).toEqual(refusal("EPOCH_TOKEN_REFUSED"));
    expect((await group.commit(stranger, group.first)).reply).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.readAll(group.founder)).toEqual([1]);
  });

  it("[DS-SEAT-2] a seat's token is set by its first attach, which shows an epoch token of a branch that holds it; then only that token counts", async () => {
    const seat = group.newSeat();
    const { next } = await group.commit(group.founder, group.first, { add: [seat] });
    expect(await group.append(seat, next)).toEqual(refusal("SEAT_REFUSED"));
    const refused = { attached: false, error: { code: "EPOCH_TOKEN_REFUSED" } };
    expect(await group.attach(seat)).toMatchObject(refused);
    expect(await group.attach(seat, test.random.bytes(32))).toMatchObject(refused);
    // The token of epoch 0 is good, but that epoch doesn't hold the seat.
    expect(await group.attach(seat, group.first.epochToken)).toMatchObject(refused);
    expect(await group.attach(seat, next.epochToken)).toMatchObject({
      attached: true,
      place: { epoch: 1, branch: 1 },
    });
    const impostor = { ...seat, seatToken: test.random.bytes(32) };
    expect(await group.attach(impostor, next.epochToken)).toMatchObject({
      attached: false,
      error: { code: "SEAT_REFUSED" },
    });
    expect(await group.read(impostor)).toEqual(refusal("SEAT_REFUSED"));
    expect(await group.append(seat, next)).toMatchObject({ ok: true });
    expect(await group.attach(seat)).toMatchObject({ attached: true });
  });

  it("[DS-SEAT-3] a new seat reads nothing before its branch", async () => {
    await group.append(group.founder, group.first);
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    expect(await group.readAll(seat)).toEqual([3]);
    expect(await group.readAll(group.founder)).toEqual([1, 2, 3]);
  });

  it("[DS-SEAT-4] a removed seat reads the commit that removes it and nothing after, and writes no more", async () => {
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    expect(removal.reply).toMatchObject({ ok: true, seq: 3 });
    expect(test.told.at(-1)).toMatchObject({ kind: "appended", unseated: [seat.seatId] });
    await group.append(group.founder, removal.next);
    expect(await group.readAll(seat)).toEqual([2, 3]);
    expect(await group.read(seat)).toMatchObject({ headSeq: 3 });
    expect(await group.attach(seat, next.epochToken)).toMatchObject({ attached: true, headSeq: 3 });
    expect(await standingOf(seat)).toEqual([{ logSeq: 4, seated: false }]);
    expect(await standingOf(group.founder)).toEqual([{ logSeq: 4, seated: true }]);
    expect(await group.append(seat, removal.next)).toEqual(refusal("SEAT_REFUSED"));
    expect((await group.commit(seat, removal.next)).reply).toEqual(refusal("SEAT_REFUSED"));
  });

  it("[DS-SEAT-5] a seat that was removed and added again reads both of its times and not the one between", async () => {
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    await group.append(group.founder, removal.next);
    const back = await group.commit(group.founder, removal.next, { add: [seat] });
    await group.append(group.founder, back.next);
    expect(await group.readAll(seat)).toEqual([2, 3, 6]);
  });

  it("[DS-LATE-1] an application entry is taken for the two epochs before the tip, hidden from who joined since; a proposal is not", async () => {
    const one = await addSeat();
    const two = await addSeat(one.next);
    test.told.length = 0;
    expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true, seq: 3 });
    expect(test.told).toMatchObject([{ kind: "appended", hiddenFrom: [one.seat.seatId, two.seat.seatId] }]);
    expect(await group.readAll(one.seat)).toEqual([2]);
    expect(await group.readAll(two.seat)).toEqual([]);
    const stale = refusal("EPOCH_STALE", { winner: 1, last: 1, tips: [{ epoch: 2, branch: 2 }] });
    expect(await group.append(group.founder, group.first, "proposal")).toEqual(stale);
    const three = await group.commit(group.founder, two.next);
    expect(three.reply.ok).toBe(true);
    expect(await group.append(group.founder, group.first)).toMatchObject(refusal("EPOCH_STALE"));
    expect(await group.append(group.founder, one.next)).toMatchObject({ ok: true });
  });

  it("[DS-LATE-2] no entry of an earlier epoch is taken once a commit since then has removed a seat", async () => {
    const { seat, next } = await addSeat();
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    expect(removal.reply.ok).toBe(true);
    expect(await group.append(group.founder, next)).toMatchObject(refusal("EPOCH_STALE"));
    expect(await group.append(seat, next)).toMatchObject(refusal("EPOCH_STALE"));
    const after = await group.commit(group.founder, removal.next);
    expect(after.reply.ok).toBe(true);
    expect(await group.append(group.founder, next)).toMatchObject(refusal("EPOCH_STALE"));
    expect(await group.append(group.founder, removal.next)).toMatchObject({ ok: true });
  });

  it("[DS-HEADER-1] the message's own header must agree with the request, and PublicMessages are refused", async () => {
    const request = group.appendRequest(group.founder, group.first);
    const send = (bytes: Uint8Array) =>
      test.operations["group.append"](group.device, { ...request, bytes: Uint8Array.from(bytes) });
    const body = test.random.bytes(20);
    const other = scriptGroup(test.operations, test.random);
    const mismatch = refusal("HEADER_MISMATCH");
    expect(await send(privateMessage(group.groupId, 1, "application", body))).toEqual(mismatch);
    expect(await send(privateMessage(other.groupId, 0, "application", body))).toEqual(mismatch);
    expect(await send(privateMessage(group.groupId, 0, "commit", body))).toEqual(mismatch);
    expect(await send(Uint8Array.of(1, 2, 3))).toEqual(mismatch);
    expect(await send(Uint8Array.of(0, 1, 0, 1, 32, 0))).toEqual(refusal("PUBLIC_MESSAGE_REFUSED"));
    const commit = group.commitRequest(group.founder, group.first, body, {
      change: { bytes: Uint8Array.from(privateMessage(group.groupId, 0, "proposal", body)) },
    });
    expect(await test.operations["group.commit"](group.device, commit)).toEqual(mismatch);
    expect(await group.readAll(group.founder)).toEqual([]);
  });

  it("refuses seats that can't be added or removed", async () => {
    const { seat, next } = await addSeat();
    const stranger = group.newSeat();
    for (const script of [
      { add: [seat] },
      { remove: [stranger] },
      { add: [stranger, stranger] },
      { add: [stranger], remove: [stranger] },
    ]) {
      const { reply } = await group.commit(group.founder, next, script);
      expect(reply).toEqual(refusal("MALFORMED_REQUEST"));
    }
    expect(await group.readAll(group.founder)).toEqual([1]);
  });

  it("[DS-ACK-1] tells the lowest seq that all seats of all tips have acknowledged; a new seat counts from its branch", async () => {
    await group.append(group.founder, group.first);
    expect(await group.ack(group.founder, 1)).toEqual({ ok: true, ackedSeq: 1 });
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    test.told.length = 0;
    expect(await group.ack(group.founder, 3)).toEqual({ ok: true, ackedSeq: 2 });
    expect(await group.ack(seat, 3)).toEqual({ ok: true, ackedSeq: 3 });
    expect(await group.ack(seat, 2)).toEqual({ ok: true, ackedSeq: 3 });
    expect(test.told).toMatchObject([
      { kind: "acked", seq: 2 },
      { kind: "acked", seq: 3 },
    ]);
    expect(await group.ack(seat, 4)).toEqual(refusal("MALFORMED_REQUEST"));
    expect(await group.attach(seat)).toMatchObject({ ackedSeq: 3 });
  });

  it("[DS-ACK-2] the seat that nobody waits for any more no longer holds the acknowledged seq back", async () => {
    const { seat, next } = await addSeat();
    await group.append(group.founder, next);
    await group.ack(group.founder, 2);
    expect(test.told.at(-1)).toMatchObject({ kind: "acked", seq: 1 });
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    expect(removal.reply.ok).toBe(true);
    expect(test.told.at(-1)).toMatchObject({ kind: "acked", seq: 2 });
  });

  it("tells nothing and keeps nothing of what it refused", async () => {
    test.told.length = 0;
    const before = await group.read(group.founder);
    await group.append(group.newSeat(), group.first);
    await group.commit(group.founder, { ...group.first, epochToken: test.random.bytes(32) });
    expect(test.told).toEqual([]);
    expect(await group.read(group.founder)).toEqual(before);
  });

  it("answers GROUP_UNKNOWN for every request about a group that isn't there", async () => {
    const nowhere = scriptGroup(test.operations, test.random);
    const unknown = refusal("GROUP_UNKNOWN");
    expect(await nowhere.append(nowhere.founder, nowhere.first)).toEqual(unknown);
    expect((await nowhere.commit(nowhere.founder, nowhere.first)).reply).toEqual(unknown);
    expect(await nowhere.read(nowhere.founder)).toEqual(unknown);
    expect(await nowhere.ack(nowhere.founder, 0)).toEqual(unknown);
    expect(await nowhere.attach(nowhere.founder, nowhere.first.epochToken)).toMatchObject({
      attached: false,
      error: { code: "GROUP_UNKNOWN" },
    });
  });

  it("pages by count and by bytes, and says where the seat's log ends", async () => {
    for (let index = 0; index < 5; index++) await group.append(group.founder, group.first);
    const page = await group.read(group.founder, 1, 2);
    expect(page).toMatchObject({ entries: [{ seq: 2 }, { seq: 3 }], headSeq: 5 });
    const large = new Uint8Array(3_000_000);
    let at = group.first;
    for (let index = 0; index < 2; index++) {
      const bytes = Uint8Array.from(privateMessage(group.groupId, at.epoch, "commit", large));
      const { reply, next } = await group.commit(group.founder, at, { change: { bytes } });
      expect(reply.ok).toBe(true);
      at = next;
    }
    const cut = await group.read(group.founder, 5);
    expect(cut.ok && cut.entries.map(({ seq }) => seq)).toEqual([6]);
    expect(cut).toMatchObject({ headSeq: 7 });
    expect(await group.readAll(group.founder)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("gives back a commit's clear fields with its entry", async () => {
    const { seat } = await addSeat();
    const commit = { seatsAdded: [seat.seatId], seatsRemoved: [] };
    expect(await group.read(group.founder)).toMatchObject({
      entries: [{ kind: "commit", epoch: 0, branch: 0, commit }],
    });
  });
});

describe("limits", () => {
  it("refuses what is over a limit with the limit in the error", async () => {
    const test = await openForTest(inMemory, {
      limits: { applicationEntry: 200, commitBundle: 500, seatsPerGroup: 2 },
    });
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const large = group.appendRequest(group.founder, group.first, "application", 200);
    expect(await test.operations["group.append"](group.device, large)).toEqual(
      refusal("PAYLOAD_TOO_LARGE", { limit: 200 }),
    );
    const to = [{ ...group.device, keyPackageRef: test.random.bytes(32) }];
    const bundle = await group.commit(group.founder, group.first, {
      welcomes: [{ bytes: test.random.bytes(450), to }],
    });
    expect(bundle.reply).toEqual(refusal("PAYLOAD_TOO_LARGE", { limit: 500 }));
    const seats = [group.newSeat(), group.newSeat()];
    const full = await group.commit(group.founder, group.first, { add: seats });
    expect(full.reply).toEqual(refusal("SEATS_FULL", { limit: 2 }));
    expect(await group.readAll(group.founder)).toEqual([]);
    await test.close();
  });
});
