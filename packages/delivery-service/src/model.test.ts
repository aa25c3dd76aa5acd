import type { Entry, Seq } from "@thicket/protocol";
import { describeOnEachDatabase } from "@thicket/storage/contract";
import { expect, it } from "vitest";
import { type Place, type ScriptedSeat, scriptGroup, seededRandom } from "./testing/index.ts";
import { openForTest } from "./testing/open-for-test.ts";

/** What the rules of `delivery.md` say, written as plainly as possible and without a database. */
interface Model {
  log: { branch: number; kind: Entry["kind"]; author: string; request: object }[];
  places: (Place & { seats: Set<string>; removed: boolean; next: number | undefined })[];
}

const STEPS = 150;

const SEEDS = { memory: 9, file: 3, postgres: 6 };

describeOnEachDatabase("[DS-MODEL-1] random operations leave what the rules say", (make, where) => {
  it.each(Array.from({ length: SEEDS[where] }, (_, index) => index + 1))("seed %i", async (seed) => {
    const test = await openForTest(make, { seed });
    const random = seededRandom(seed + 1000);
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const seats: ScriptedSeat[] = [group.founder];
    const attached = new Set([group.founder.seatId]);
    const model: Model = {
      log: [],
      places: [{ ...group.first, seats: new Set([group.founder.seatId]), removed: false, next: undefined }],
    };
    const at = (index: number) => {
      const place = model.places[index];
      if (place === undefined) throw new Error("no such place");
      return place;
    };
    const seatOf = (index: number) => seats[index] ?? group.founder;

    for (let step = 0; step < STEPS; step++) {
      const seat = seatOf(random.below(seats.length));
      // Mostly near the tip, where anything can happen.
      const index = Math.max(0, model.places.length - 1 - random.below(random.below(4) + 1));
      const place = at(index);
      const mayWrite = attached.has(seat.seatId) && place.seats.has(seat.seatId);
      const act = random.below(10);
      if (act < 5) {
        const kind = random.below(4) === 0 ? "proposal" : "application";
        const request = group.appendRequest(seat, place, kind);
        const reply = await test.operations["group.append"](group.device, request);
        const since = model.places.slice(index + 1);
        const inTime =
          since.length === 0 ||
          (kind === "application" && since.length <= 2 && !since.some(({ removed }) => removed));
        const expected = !mayWrite ? "SEAT_REFUSED" : inTime ? "ok" : "EPOCH_STALE";
        expect(reply.ok ? "ok" : reply.error.code, `seed ${seed} step ${step}`).toBe(expected);
        if (reply.ok) {
          model.log.push({ branch: place.branch, kind, author: seat.seatId, request });
          expect(reply.seq).toBe(model.log.length);
        }
      } else if (act < 7) {
        const add = Array.from({ length: random.below(3) }, () => group.newSeat());
        const others = seats.filter(({ seatId }) => place.seats.has(seatId) && seatId !== seat.seatId);
        const remove = others.filter(() => random.below(5) === 0);
        const { reply, next } = await group.commit(seat, place, { add, remove });
        const expected = !mayWrite ? "SEAT_REFUSED" : place.next === undefined ? "ok" : "EPOCH_STALE";
        expect(reply.ok ? "ok" : reply.error.code, `seed ${seed} step ${step}`).toBe(expected);
        if (reply.ok) {
          model.log.push({ branch: place.branch, kind: "commit", author: seat.seatId, request: {} });
          expect(reply.seq).toBe(model.log.length);
          place.next = model.places.length;
          const held = new Set([...place.seats, ...add.map(({ seatId }) => seatId)]);
          for (const { seatId } of remove) held.delete(seatId);
          seats.push(...add);
          model.places.push({ ...next, seats: held, removed: remove.length > 0, next: undefined });
        } else if (!reply.ok && reply.error.code === "EPOCH_STALE") {
          const tip = at(model.places.length - 1);
          expect(reply.error.tips).toEqual([{ epoch: tip.epoch, branch: tip.branch }]);
          expect(reply.error.winner).toBe(at(place.next ?? 0).branch);
        }
      } else if (act < 9) {
        const reply = await group.attach(seat, place.epochToken);
        const allowed = attached.has(seat.seatId) || place.seats.has(seat.seatId);
        expect(reply.attached, `seed ${seed} step ${step}`).toBe(allowed);
        if (reply.attached) attached.add(seat.seatId);
      } else {
        const sent = model.log.filter(({ kind }) => kind !== "commit");
        const resent = sent[random.below(sent.length || 1)];
        if (resent === undefined) continue;
        const request = resent.request as Parameters<(typeof test.operations)["group.append"]>[1];
        const reply = await test.operations["group.append"](group.device, request);
        expect(reply).toMatchObject({ ok: true, seq: model.log.indexOf(resent) + 1 });
      }
    }

    for (const seat of seats.filter(({ seatId }) => attached.has(seatId))) {
      const holding = new Set(
        model.places.filter((place) => place.seats.has(seat.seatId)).map(({ branch }) => branch as number),
      );
      const visible = model.log.flatMap(({ branch }, index) => (holding.has(branch) ? [index + 1] : []));
      expect(await group.readAll(seat), `seed ${seed}`).toEqual(visible);
    }
    checkTold(test.told, model);
    expect(test.faults).toEqual([]);
    await test.close();
  });
});

/** Every entry was told once, in order, and hidden from exactly the seats of the tip that may not read it. */
function checkTold(
  told: readonly { kind: string; entries?: readonly Entry[]; hiddenFrom?: readonly string[] }[],
  model: Model,
): void {
  const appended = told.filter(({ kind }) => kind === "appended");
  const seqs: Seq[] = appended.flatMap(({ entries = [] }) => entries.map(({ seq }) => seq));
  expect(seqs).toEqual(model.log.map((_entry, index) => index + 1));
  for (const { entries = [], hiddenFrom = [] } of appended) {
    for (const entry of entries) {
      const tip = model.places.findLast(({ branch }) => branch < entry.seq);
      const own = model.places.find(({ branch }) => branch === entry.branch);
      const mayNot = [...(tip?.seats ?? [])].filter((seatId) => own?.seats.has(seatId) !== true);
      expect([...hiddenFrom].toSorted()).toEqual(mayNot.toSorted());
    }
  }
}
