import type { Appended } from "@thicket/delivery-service";
import { type Branch, type Entry, type Epoch, GroupId, SeatId, type Seq } from "@thicket/protocol";
import { array, assert, integer, property } from "fast-check";
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import { beginToListen, type Ear, takeTold, toldOf } from "./ear.ts";

const groupId = parse(GroupId, "a".repeat(64));
const seatId = parse(SeatId, "5".repeat(32));
const seq = (value: number) => value as Seq;

function entry(at: number): Entry {
  return {
    seq: seq(at),
    epoch: 0 as Epoch,
    branch: 0 as Branch,
    kind: "application",
    receivedAt: 1,
    bytes: new Uint8Array([at]),
  };
}

function told(from: number, to: number, audience: Partial<Appended> = {}) {
  const entries = Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));
  const everybody = { hiddenFrom: [], alsoTo: [], unseated: [], seated: [] };
  return toldOf({ groupId, entries, ...everybody, ...audience }) ?? expect.unreachable();
}

function ear(change: Partial<Ear> = {}): Ear {
  const place = { told: seq(0), heard: seq(0), seatedAsOf: seq(0) };
  return { seatId, ...place, caughtUp: true, seated: true, ...change };
}

const seqsOf = (entries: readonly Entry[] | undefined) => entries?.map((each) => each.seq);

describe("an ear", () => {
  it("[RELAY-ORDER-1] hears what comes next, waits for what is missing, and hears nothing twice", () => {
    const one = ear();
    expect(seqsOf(takeTold(one, told(1, 2)))).toEqual([1, 2]);
    expect(takeTold(one, told(4, 4))).toBeUndefined();
    expect(seqsOf(takeTold(one, told(2, 3)))).toEqual([3]);
    expect(seqsOf(takeTold(one, told(4, 4)))).toEqual([4]);
    expect(seqsOf(takeTold(one, told(3, 4)))).toEqual([]);
  });

  it("[RELAY-ORDER-2] a seat that joined hears nothing from before, however late it is told", () => {
    const joined = ear({ told: seq(10), seatedAsOf: seq(10) });
    expect(seqsOf(takeTold(joined, told(9, 9)))).toEqual([]);
    expect(seqsOf(takeTold(joined, told(10, 11)))).toEqual([11]);
  });

  it("[RELAY-ORDER-3] while it reads its log it is sent nothing, and goes on reading while there is more", () => {
    const reading = ear({ caughtUp: false, heard: seq(3) });
    expect(seqsOf(takeTold(reading, told(5, 6)))).toEqual([]);
    expect(beginToListen(reading, seq(3))).toBe(false);
    expect(beginToListen(reading, seq(6))).toBe(true);
    expect(seqsOf(takeTold(reading, told(7, 7)))).toEqual([7]);
  });

  it("[RELAY-ORDER-4] hears its removal and then only what is also for it; what is told of its place twice or late changes nothing", () => {
    const removed = ear();
    const removal = told(1, 1, { unseated: [seatId] });
    expect(seqsOf(takeTold(removed, removal))).toEqual([1]);
    expect(seqsOf(takeTold(removed, told(2, 2)))).toEqual([]);
    expect(seqsOf(takeTold(removed, told(3, 3, { alsoTo: [seatId], seated: [seatId] })))).toEqual([3]);
    expect(seqsOf(takeTold(removed, removal))).toEqual([]);
    expect(seqsOf(takeTold(removed, told(4, 4)))).toEqual([4]);
    expect(seqsOf(takeTold(removed, told(5, 5, { hiddenFrom: [seatId] })))).toEqual([]);
    expect(seqsOf(takeTold(removed, told(6, 6)))).toEqual([6]);
  });

  it("[RELAY-ORDER-4] whose place changes while it reads its log knows it when it listens", () => {
    const reading = ear({ caughtUp: false });
    takeTold(reading, told(1, 1, { unseated: [seatId] }));
    expect(beginToListen(reading, seq(1))).toBe(true);
    expect(seqsOf(takeTold(reading, told(2, 2)))).toEqual([]);
  });

  it("[RELAY-ORDER-1] in whatever order and however often it is told, it hears each entry once, in order", () => {
    const order = array(integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 60 });
    assert(
      property(order, (positions) => {
        const one = ear();
        const heard: number[] = [];
        const early = new Set<number>();
        for (const at of positions) {
          early.add(at);
          for (const each of [...early].toSorted((a, b) => a - b)) {
            const taken = takeTold(one, told(each, each));
            if (taken === undefined) continue;
            heard.push(...taken.map((found) => found.seq));
            early.delete(each);
          }
        }
        expect(heard).toEqual(Array.from({ length: one.told }, (_, index) => index + 1));
        expect([...early].filter((at) => at <= one.told + 1)).toEqual([]);
      }),
    );
  });
});
