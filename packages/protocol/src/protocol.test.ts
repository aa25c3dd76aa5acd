import * as fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import {
  bytes,
  deliveryRequests,
  fromHex,
  normaliseHandle,
  readMlsHeader,
  requests,
  toHex,
  WIRE_ERROR_CODES,
} from "./index.ts";

const groupId = new Uint8Array(32).map((_, index) => index);

function privateMessage(kind: number, epoch: bigint, group = groupId): Uint8Array {
  const message = new Uint8Array(60);
  const view = new DataView(message.buffer);
  view.setUint16(0, 1);
  view.setUint16(2, 2);
  message[4] = group.length;
  message.set(group, 5);
  view.setBigUint64(37, epoch);
  message[45] = kind;
  return message;
}

test("hexadecimal turns back into the same bytes and keeps their order", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
      expect(fromHex(toHex(a))).toEqual(a);
      if (a.length === b.length) {
        expect(Math.sign(Buffer.compare(a, b))).toBe(toHex(a) < toHex(b) ? -1 : toHex(a) > toHex(b) ? 1 : 0);
      }
    }),
  );
  expect(() => fromHex("abc")).toThrow(TypeError);
  expect(() => fromHex("AB")).toThrow(TypeError);
});

test("binary fields come in as Buffer, ArrayBuffer or Uint8Array and leave as plain Uint8Array", () => {
  for (const input of [Buffer.from([1, 2]), new Uint8Array([1, 2]), new Uint8Array([1, 2]).buffer]) {
    const output = v.parse(bytes(2), input);
    expect(Object.getPrototypeOf(output)).toBe(Uint8Array.prototype);
    expect([...output]).toEqual([1, 2]);
  }
  expect(v.safeParse(bytes(1), new Uint8Array(2)).success).toBe(false);
  expect(v.safeParse(bytes(10), [1, 2]).success).toBe(false);
});

test("a handle has one spelling; what can't be one is refused", () => {
  expect(normaliseHandle(" @Alice ")).toBe("alice");
  expect(normaliseHandle("a.b-c_9")).toBe("a.b-c_9");
  // The second is Cyrillic: another script never passes for a Latin handle.
  for (const bad of [
    "",
    "ab",
    "аlice",
    "al ice",
    "-alice",
    "alice-",
    "a".repeat(33),
    "al/ice",
    "alice\u0000",
  ]) {
    expect(normaliseHandle(bad)).toBeUndefined();
  }
});

test("[HEADER-1] the header of a private message is read, a public one is named, anything else is nothing", () => {
  expect(readMlsHeader(privateMessage(1, 7n))).toEqual({
    groupId: toHex(groupId),
    epoch: 7,
    kind: "application",
  });
  expect(readMlsHeader(privateMessage(2, 0n))?.valueOf()).toMatchObject({ kind: "proposal" });
  expect(readMlsHeader(privateMessage(3, 1n))?.valueOf()).toMatchObject({ kind: "commit" });
  expect(readMlsHeader(privateMessage(4, 1n))).toBeUndefined();
  expect(readMlsHeader(privateMessage(1, 2n ** 60n))).toBeUndefined();
  expect(readMlsHeader(privateMessage(1, 1n).subarray(0, 45))).toBeUndefined();
  const open = privateMessage(1, 1n);
  open[3] = 1;
  expect(readMlsHeader(open)).toBe("public");
  const foreignVersion = privateMessage(1, 1n);
  foreignVersion[1] = 2;
  expect(readMlsHeader(foreignVersion)).toBeUndefined();
});

test("[HEADER-2] no bytes make the header reader throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (message) => {
      readMlsHeader(message);
    }),
    { numRuns: 2000 },
  );
});

test("no value makes a request schema throw", () => {
  const names = Object.keys(requests) as (keyof typeof requests)[];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.anything({ withTypedArray: true }), (name, value) => {
      expect(typeof v.safeParse(requests[name].request, value).success).toBe("boolean");
    }),
    { numRuns: 1000 },
  );
});

test("a batch over its limit is refused as a whole", () => {
  const claim = deliveryRequests["keyPackages.claim"].request;
  const devices = (count: number) => Array.from({ length: count }, () => device);
  const device = { userId: "00".repeat(16), deviceId: "11".repeat(16) };
  expect(v.safeParse(claim, { suite: 1, devices: devices(256) }).success).toBe(true);
  expect(v.safeParse(claim, { suite: 1, devices: devices(257) }).success).toBe(false);
  expect(v.safeParse(claim, { suite: 1, devices: [] }).success).toBe(false);
});

/** A value that is right, for every request that came with wire version 2. */
function goodRequests() {
  const id = "ab".repeat(32);
  const seat = { groupId: id, seatId: "cd".repeat(16), seatToken: new Uint8Array(32) };
  const member = { ...seat, epochToken: new Uint8Array(32), epoch: 3, branch: 7 };
  const entryId = "ef".repeat(16);
  return {
    "group.confirm": [member],
    "link.publish": [{ ...member, linkId: id, card: new Uint8Array(5) }],
    "link.withdraw": [{ ...member, linkId: id }],
    "link.open": [{ linkId: id }],
    "group.knock": [
      { by: "link", linkId: id, entryId, bytes: new Uint8Array(5) },
      { by: "seat", ...seat, entryId, bytes: new Uint8Array(5) },
    ],
    "group.append": [{ ...member, entryId, kind: "note", bytes: new Uint8Array(5) }],
    "group.commit": [
      {
        ...member,
        entryId,
        bytes: new Uint8Array(5),
        nextTokenHash: new Uint8Array(32),
        seatsAdded: [],
        seatsRemoved: [],
        seatReplaced: { from: seat.seatId, to: "01".repeat(16) },
        supersedes: 9,
        welcomes: [],
      },
    ],
  } satisfies Partial<Record<keyof typeof deliveryRequests, object[]>>;
}

/** What no field of these requests may be. */
const WRONG_TYPES: unknown[] = [null, true, [], {}, ["x"]];
const WRONG_NUMBERS: unknown[] = [-1, 1.5, Number.NaN, 2 ** 53];
const WRONG_TEXTS: unknown[] = ["", "zz", "AB".repeat(32), "ab".repeat(33)];
const WRONG_BYTES: unknown[] = [new Uint8Array(0), new Uint8Array(5 * 1024 * 1024)];
const BAD_VALUES = [...WRONG_TYPES, ...WRONG_NUMBERS, ...WRONG_TEXTS, ...WRONG_BYTES];

test("[WIRE-2] every field of a request of wire version 2 is refused where it is missing or of a wrong type, size or encoding", () => {
  for (const [name, values] of Object.entries(goodRequests())) {
    const { request } = deliveryRequests[name as keyof typeof deliveryRequests];
    for (const good of values) {
      expect(v.safeParse(request, good).success, name).toBe(true);
      for (const field of Object.keys(good)) {
        const optional = ["seatReplaced", "supersedes"].includes(field);
        const { [field]: _, ...without } = good as Record<string, unknown>;
        expect(v.safeParse(request, without).success, `${name} without ${field}`).toBe(optional);
        for (const [index, bad] of BAD_VALUES.entries()) {
          // An empty list is one of seats or Welcomes.
          if (Array.isArray(bad) && bad.length === 0 && /^(seats|welcomes)/.test(field)) continue;
          const spoilt = { ...good, [field]: bad };
          expect(v.safeParse(request, spoilt).success, `${name}.${field}, bad value ${index}`).toBe(false);
        }
      }
    }
  }
  const { "group.append": append, "group.commit": commit, "group.knock": knock } = deliveryRequests;
  const [note] = goodRequests()["group.append"];
  for (const kind of ["commit", "knock"]) {
    expect(v.safeParse(append.request, { ...note, kind }).success).toBe(false);
  }
  const [good] = goodRequests()["group.commit"];
  for (const seatReplaced of [{ from: "01".repeat(16) }, { from: "x", to: "y" }]) {
    expect(v.safeParse(commit.request, { ...good, seatReplaced }).success).toBe(false);
  }
  const [byLink] = goodRequests()["group.knock"];
  expect(v.safeParse(knock.request, { ...byLink, by: "seat" }).success).toBe(false);
  expect(v.safeParse(knock.request, { ...byLink, bytes: new Uint8Array(16 * 1024 + 1) }).success).toBe(false);
});

test("error codes are unique", () => {
  expect(new Set(WIRE_ERROR_CODES).size).toBe(WIRE_ERROR_CODES.length);
});
