import type { DeliveryRequest, Entry } from "@thicket/protocol";
import { describeOnEachDatabase } from "@thicket/storage/contract";
import { expect, it } from "vitest";
import { type Place, type ScriptedSeat, scriptGroup, seededRandom } from "./testing/index.ts";
import { openForTest, type Told } from "./testing/open-for-test.ts";

/** An epoch. */
interface Node extends Place {
  seats: Set<string>;
  /** Its commit removed somebody. */
  removes: boolean;
  parent: Node | undefined;
  /** Its candidates, first to last. */
  children: Node[];
  lastSeq: number;
  /** No longer kept. */
  gone: boolean;
}

/** What the rules of `delivery.md` say, written as plainly as possible and without a database. */
interface Model {
  log: { branch: number; kind: Entry["kind"] }[];
  nodes: Node[];
  cursors: Map<string, number>;
  /** The commit that removed a seat last. */
  removedBy: Map<string, number>;
  lowest: number;
}

const STEPS = 150;
const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;

const isTip = (node: Node) => node.children.length === 0;
const tips = (model: Model) => model.nodes.filter(isTip);
const tipsOf = (model: Model, seatId: string) => tips(model).filter(({ seats }) => seats.has(seatId)).length;
const kept = (node: Node) => node.children.filter(({ gone }) => !gone);

/** A tip is at most two epochs further on, by commits that removed nobody. */
function isInTime(node: Node, epochs = 2): boolean {
  return node.children
    .filter(({ removes }) => !removes)
    .some((next) => isTip(next) || (epochs > 1 && isInTime(next, epochs - 1)));
}

/** What a write of this seat to this epoch comes to, before its kind is looked at. */
function authorVerdict(model: Model, attached: ReadonlySet<string>, seatId: string, node: Node) {
  if (!attached.has(seatId)) return "SEAT_REFUSED";
  if (node.gone) return tipsOf(model, seatId) > 0 ? "EPOCH_STALE" : "refused";
  return node.seats.has(seatId) ? "ok" : "SEAT_REFUSED";
}

/** Who hears of an entry of this epoch otherwise than by listening. */
function audienceOf(model: Model, node: Node) {
  const seats = [...model.cursors.keys()];
  const reads = (seatId: string) => node.seats.has(seatId);
  return {
    hiddenFrom: seats.filter((seatId) => tipsOf(model, seatId) > 0 && !reads(seatId)).toSorted(),
    alsoTo: seats.filter((seatId) => tipsOf(model, seatId) === 0 && reads(seatId)).toSorted(),
  };
}

function purge(model: Model): void {
  const waited = [...model.cursors].filter(
    ([seatId, cursor]) => tipsOf(model, seatId) > 0 || cursor < (model.removedBy.get(seatId) ?? 0),
  );
  model.lowest = Math.max(model.lowest, Math.min(...waited.map(([, cursor]) => cursor)) + 1);
  const late = new Set(tips(model).flatMap((tip) => [tip.parent, tip.parent?.parent]));
  for (const node of model.nodes) {
    if (!isTip(node) && node.lastSeq < model.lowest && !late.has(node)) node.gone = true;
  }
}

const SEEDS = { memory: 20, file: 3, postgres: 6 };

describeOnEachDatabase("[DS-MODEL-1] random operations leave what the rules say", (make, where) => {
  it.each(Array.from({ length: SEEDS[where] }, (_, index) => index + 1))("seed %i", async (seed) => {
    const test = await openForTest(make, { seed });
    const random = seededRandom(seed + 1000);
    const group = scriptGroup(test.operations, test.random);
    await group.create();
    const seats: ScriptedSeat[] = [group.founder];
    const attached = new Set<string>([group.founder.seatId]);
    const first: Node = {
      ...group.first,
      seats: new Set([group.founder.seatId]),
      removes: false,
      parent: undefined,
      children: [],
      lastSeq: 0,
      gone: false,
    };
    const model: Model = {
      log: [],
      nodes: [first],
      cursors: new Map([[group.founder.seatId, 0]]),
      removedBy: new Map(),
      lowest: 1,
    };
    const sent: { request: DeliveryRequest<"group.append">; seq: number }[] = [];
    const pick = <T>(items: readonly T[]): T | undefined => items[random.below(items.length || 1)];
    let step = 0;
    const at = () => `seed ${seed} step ${step}`;

    /** The entry that was taken is told once, and to nobody who may not read it. */
    function taken(node: Node, kind: Entry["kind"], seq: number): void {
      const { hiddenFrom, alsoTo } = audienceOf(model, node);
      model.log.push({ branch: node.branch, kind });
      node.lastSeq = seq;
      expect(seq, at()).toBe(model.log.length);
      const told = test.told
        .splice(0)
        .filter((one): one is Told & { kind: "appended" } => one.kind === "appended");
      expect(
        told.map((one) => [
          one.entries.map((entry) => entry.seq),
          one.hiddenFrom.toSorted(),
          one.alsoTo.toSorted(),
        ]),
        at(),
      ).toEqual([[[seq], hiddenFrom, alsoTo]]);
    }

    async function append(seat: ScriptedSeat, node: Node): Promise<void> {
      const kind = random.pick(["application", "application", "application", "proposal", "note"] as const);
      const request = group.appendRequest(seat, node, kind);
      const reply = await test.operations["group.append"](group.device, request);
      const author = authorVerdict(model, attached, seat.seatId, node);
      const inTime = isTip(node) || kind === "note" || (kind === "application" && isInTime(node));
      const expected = author !== "ok" ? author : inTime ? "ok" : "EPOCH_STALE";
      const code = reply.ok ? "ok" : reply.error.code;
      if (expected === "refused") expect(["SEAT_REFUSED", "EPOCH_TOKEN_REFUSED"], at()).toContain(code);
      else if (author !== "EPOCH_STALE" || code !== "SEAT_REFUSED") expect(code, at()).toBe(expected);
      if (!reply.ok) return;
      sent.push({ request, seq: reply.seq });
      taken(node, kind, reply.seq);
    }

    async function commit(seat: ScriptedSeat, node: Node): Promise<void> {
      const elsewhere = seats.filter(
        ({ seatId }) => !node.seats.has(seatId) && tipsOf(model, seatId) > 0 && random.below(4) === 0,
      );
      const fresh = Array.from({ length: Math.max(0, random.below(4) - 1) }, () => group.newSeat());
      const others = seats.filter(({ seatId }) => node.seats.has(seatId) && seatId !== seat.seatId);
      const remove = others.filter(() => random.below(6) === 0);
      const last = kept(node).at(-1);
      const names = last !== undefined && random.below(3) > 0;
      // Long enough for whoever has superseded here before.
      if (names) test.clock.now += 10 * MINUTE;
      const { reply, next } = await group.commit(seat, node, {
        add: [...elsewhere, ...fresh],
        remove,
        change: names ? { supersedes: last.branch } : {},
      });
      const author = authorVerdict(model, attached, seat.seatId, node);
      const expected = author !== "ok" ? author : isTip(node) || names ? "ok" : "EPOCH_STALE";
      const code = reply.ok ? "ok" : reply.error.code;
      if (expected === "refused") expect(["SEAT_REFUSED", "EPOCH_TOKEN_REFUSED"], at()).toContain(code);
      else expect(code, at()).toBe(expected);
      if (!reply.ok) {
        if (reply.error.code !== "EPOCH_STALE") return;
        const places = tips(model).map(({ epoch, branch }) => ({ epoch, branch }));
        expect(reply.error.tips, at()).toEqual(places.toSorted((a, b) => b.branch - a.branch));
        expect([reply.error.winner, reply.error.last], at()).toEqual(
          node.gone && last === undefined ? [undefined, undefined] : [kept(node)[0]?.branch, last?.branch],
        );
        return;
      }
      taken(node, "commit", reply.seq);
      const held = new Set([...node.seats, ...[...elsewhere, ...fresh].map(({ seatId }) => seatId)]);
      for (const { seatId } of remove) held.delete(seatId);
      for (const { seatId } of remove) model.removedBy.set(seatId, reply.seq);
      for (const { seatId } of fresh) model.cursors.set(seatId, reply.seq);
      seats.push(...fresh);
      for (const one of fresh) {
        if (random.below(4) === 0) continue;
        attached.add(one.seatId);
        expect(await group.attach(one, next.epochToken), at()).toMatchObject({ attached: true });
      }
      const child: Node = {
        ...next,
        seats: held,
        removes: remove.length > 0,
        parent: node,
        children: [],
        lastSeq: reply.seq,
        gone: false,
      };
      node.children.push(child);
      model.nodes.push(child);
    }

    async function attach(seat: ScriptedSeat, node: Node): Promise<void> {
      const reply = await group.attach(seat, node.epochToken);
      const holds = !node.gone && node.seats.has(seat.seatId);
      const stays = model.nodes.some((one) => !one.gone && one.seats.has(seat.seatId));
      // A seat of which no epoch is kept may have been erased.
      if (stays) expect(reply.attached, at()).toBe(attached.has(seat.seatId) || holds);
      if (reply.attached) attached.add(seat.seatId);
      test.told.length = 0;
    }

    for (step = 0; step < STEPS; step++) {
      // Mostly near the tips, where anything can happen, and by who may do it.
      const back = random.below(random.below(6) + 1);
      const node = model.nodes[Math.max(0, model.nodes.length - 1 - back)] ?? first;
      const members = seats.filter(({ seatId }) => attached.has(seatId) && node.seats.has(seatId));
      const seat = (random.below(4) > 0 ? pick(members) : undefined) ?? pick(seats) ?? group.founder;
      // Now and then everybody has taken everything.
      if (random.below(15) === 0) {
        for (const { seatId, seatToken } of seats.filter((one) => attached.has(one.seatId))) {
          const reply = await group.ack({ seatId, seatToken }, model.log.length);
          if (reply.ok) model.cursors.set(seatId, model.log.length);
        }
        test.told.length = 0;
      }
      const act = random.below(12);
      if (act < 5) await append(seat, node);
      else if (act < 7) await commit(seat, node);
      else if (act < 9) await attach(seat, node);
      else if (act < 10) {
        const seq = random.below(3) === 0 ? random.below(model.log.length + 1) : model.log.length;
        const reply = await group.ack(seat, seq);
        if (reply.ok) model.cursors.set(seat.seatId, Math.max(seq, model.cursors.get(seat.seatId) ?? 0));
        const lowest = Math.min(
          ...[...model.cursors].filter(([seatId]) => tipsOf(model, seatId) > 0).map(([, cursor]) => cursor),
        );
        // What was once told stays told.
        if (reply.ok) expect(reply.ackedSeq, at()).toBeGreaterThanOrEqual(lowest);
        test.told.length = 0;
      } else if (act < 11) {
        const resent = pick(sent.filter(({ seq }) => seq >= model.lowest));
        if (resent === undefined) continue;
        const reply = await test.operations["group.append"](group.device, resent.request);
        expect(reply, at()).toMatchObject({ ok: true, seq: resent.seq });
        expect(test.told.splice(0), at()).toEqual([]);
      } else if (random.below(2) === 0 && test.clock.now < 1_800_000_000_000 + 30 * DAY) {
        test.clock.now += DAY + MINUTE;
        await test.service.sweep();
        purge(model);
        test.told.length = 0;
      }
    }

    for (const seat of seats.filter(({ seatId }) => attached.has(seatId))) {
      if (!model.nodes.some((node) => !node.gone && node.seats.has(seat.seatId))) continue;
      const holding = new Set(
        model.nodes.filter((node) => node.seats.has(seat.seatId)).map(({ branch }) => branch as number),
      );
      const visible = model.log.flatMap(({ branch }, index) =>
        holding.has(branch) && index + 1 >= model.lowest ? [index + 1] : [],
      );
      expect(await group.readAll(seat), `seed ${seed}`).toEqual(visible);
    }
    expect(test.faults).toEqual([]);
    await test.close();
  });
});
