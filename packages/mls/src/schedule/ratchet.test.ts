import { bytesToHex } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";
import { decode, encode } from "../codec/codec.ts";
import { cipherSuite } from "../crypto/cipher-suite.ts";
import { errorCode, refusal } from "../testing/error-code.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import {
  advance,
  DEFAULT_RATCHET_LIMITS,
  dropSkippedBefore,
  endedRatchet,
  hasEnded,
  markSeen,
  type Ratchet,
  startRatchet,
  storedSkippedKeyCodec,
  take,
} from "./ratchet.ts";
import { chunkOf, nothingSeen, seenId, withSeen } from "./seen-messages.ts";

const suite = cipherSuite(1);
const limits = DEFAULT_RATCHET_LIMITS;
const start = (): Ratchet => startRatchet(seededRandom("ratchet").bytes(32));

describe("a sender ratchet", () => {
  test("sender and receiver meet at the same keys, whatever the order", () => {
    let sending = start();
    const sent = Array.from({ length: 8 }, () => {
      const step = advance(suite, sending);
      sending = step.ratchet;
      return step;
    });
    expect(sent.map((step) => step.generation)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(sent.map((step) => bytesToHex(step.key.key))).size).toBe(8);
    let receiving = start();
    for (const generation of [3, 0, 7, 1, 2, 6, 5, 4]) {
      const taken = take(suite, receiving, generation, limits, 0);
      expect(taken.key).toEqual(sent[generation]?.key);
      receiving = taken.ratchet;
    }
    expect(receiving.skipped).toEqual([]);
    expect(receiving.generation).toBe(8);
    expect(receiving.secret).toEqual(sending.secret);
  });

  test("[RATCHET-1] a generation is used once, in order or out of order", async () => {
    const ahead = take(suite, start(), 2, limits, 0).ratchet;
    expect(await refusal(() => take(suite, ahead, 2, limits, 0))).toBe("GENERATION_USED §9.2");
    const caughtUp = take(suite, ahead, 0, limits, 0).ratchet;
    expect(await errorCode(() => take(suite, caughtUp, 0, limits, 0))).toBe("GENERATION_USED");
    expect(await errorCode(() => take(suite, caughtUp, 1, limits, 0))).toBeUndefined();
  });

  test("[RATCHET-2] of skipped generations at most 64 keys are kept, and the oldest go first", async () => {
    const once = take(suite, start(), 100, limits, 0).ratchet;
    expect(once.skipped.map((key) => key.generation)).toEqual(Array.from({ length: 64 }, (_, i) => i + 36));
    expect(await errorCode(() => take(suite, once, 35, limits, 0))).toBe("GENERATION_USED");
    expect(await errorCode(() => take(suite, once, 36, limits, 0))).toBeUndefined();

    const twice = take(suite, once, 111, limits, 0).ratchet;
    expect(twice.skipped.length).toBe(64);
    expect(twice.skipped[0]?.generation).toBe(46);
    expect(await errorCode(() => take(suite, twice, 45, limits, 0))).toBe("GENERATION_USED");

    const none = take(suite, start(), 5, { ...limits, maxSkipped: 0 }, 0).ratchet;
    expect(none.skipped).toEqual([]);
  });

  test("the keys kept after a long leap are the right ones", () => {
    const leapt = take(suite, start(), 100, limits, 0).ratchet;
    let stepping = start();
    for (let generation = 0; generation < 99; generation++) stepping = advance(suite, stepping).ratchet;
    expect(take(suite, leapt, 99, limits, 0).key).toEqual(advance(suite, stepping).key);
  });

  test("[RATCHET-6] of skipped keys those go that are older than a time, and nothing else", () => {
    const first = take(suite, start(), 2, limits, 1000).ratchet;
    const both = take(suite, first, 4, limits, 2000).ratchet;
    const left = (time: number) => dropSkippedBefore(both, time).skipped.map(({ generation }) => generation);
    expect(left(1000)).toEqual([0, 1, 3]);
    expect(left(1001)).toEqual([3]);
    expect(left(2000)).toEqual([3]);
    expect(left(2001)).toEqual([]);
    expect(dropSkippedBefore(both, 1000)).toBe(both);
    expect(dropSkippedBefore(both, 2001)).toEqual({ ...both, skipped: [] });
  });

  test("[RATCHET-3] a message more than 1000 generations ahead is refused", async () => {
    expect(await errorCode(() => take(suite, start(), 1000, limits, 0))).toBeUndefined();
    expect(await refusal(() => take(suite, start(), 1001, limits, 0))).toBe("GENERATION_TOO_FAR §15.3");
    expect(await errorCode(() => take(suite, start(), 0xffff_ffff, limits, 0))).toBe("GENERATION_TOO_FAR");
    expect(await errorCode(() => take(suite, start(), 4, { ...limits, maxForward: 3 }, 0))).toBe(
      "GENERATION_TOO_FAR",
    );
  });

  test("[RATCHET-8] a ratchet at its last generation neither sends nor receives", async () => {
    const last: Ratchet = { ...start(), generation: 0xffff_ffff };
    expect(await errorCode(() => advance(suite, last))).toBe("GENERATION_EXHAUSTED");
    expect(await errorCode(() => take(suite, last, 0xffff_ffff, limits, 0))).toBe("GENERATION_EXHAUSTED");
    const almost = { ...last, generation: 0xffff_fffe };
    expect(await errorCode(() => advance(suite, almost))).toBeUndefined();
    expect([last, almost, endedRatchet(suite)].map(hasEnded)).toEqual([true, false, true]);
  });

  test("[RATCHET-4] what was consumed is gone: no earlier secret, no used key", () => {
    const first = start();
    const sent = advance(suite, first);
    const received = take(suite, first, 3, limits, 0);
    const afterSkipped = take(suite, received.ratchet, 1, limits, 0);
    expect(holds(sent.ratchet, first.secret)).toBe(false);
    expect(holds(sent.ratchet, sent.key.key)).toBe(false);
    expect(holds(received.ratchet, first.secret)).toBe(false);
    expect(holds(received.ratchet, received.key.key)).toBe(false);
    expect(holds(received.ratchet, afterSkipped.key.key)).toBe(true); // skipped, so still wanted
    expect(holds(afterSkipped.ratchet, afterSkipped.key.key)).toBe(false);
    expect(holds(afterSkipped.ratchet, afterSkipped.key.nonce)).toBe(false);
  });

  test("[RATCHET-5] the same signed bytes are refused a second time, even after hundreds of others", async () => {
    let ratchet = start();
    const id = (n: number): Promise<string> => seenId(Uint8Array.of(n >> 8, n & 0xff));
    for (let n = 0; n < 300; n++) ratchet = markSeen(ratchet, await id(n));
    for (const n of [0, 63, 64, 128, 299]) {
      expect(await errorCode(async () => markSeen(ratchet, await id(n)))).toBe("REPLAYED");
    }
    expect(await errorCode(async () => markSeen(ratchet, await id(300)))).toBeUndefined();
  });

  test("[RATCHET-5] ids that agree in all digits but the last are told apart", async () => {
    const ids = ["0", "9", "a", "f"].map((digit) => "0".repeat(31) + digit);
    const seen = ids.reduce(withSeen, nothingSeen());
    expect(chunkOf(seen, 0)).toEqual(ids);
    for (const id of ids) expect(await errorCode(() => withSeen(seen, id))).toBe("REPLAYED");
    for (const id of ["0".repeat(31) + "b", `f${"0".repeat(31)}`, "0".repeat(30) + "10"]) {
      expect(await errorCode(() => withSeen(seen, id))).toBeUndefined();
    }
  });

  test("[RATCHET-5] two values that go on from the same one know nothing of each other", async () => {
    const ids = Array.from({ length: 40 }, (_, n) => n.toString(16).padStart(32, "0"));
    const first = "a".repeat(32);
    const second = "b".repeat(32);
    const before = ids.reduce(withSeen, nothingSeen());
    const one = withSeen(before, first);
    const other = withSeen(before, second);
    expect(await errorCode(() => withSeen(before, first))).toBeUndefined();
    expect(await errorCode(() => withSeen(other, first))).toBeUndefined();
    expect(await errorCode(() => withSeen(one, second))).toBeUndefined();
    for (const [value, last] of [
      [one, first],
      [other, second],
    ] as const) {
      expect([...chunkOf(value, 0), ...chunkOf(value, 1)]).toEqual([...ids, last]);
      for (const id of [...ids, last]) expect(await errorCode(() => withSeen(value, id))).toBe("REPLAYED");
    }
    expect([...chunkOf(before, 0), ...chunkOf(before, 1)]).toEqual(ids);
  });

  test("[CODEC-1] a stored skipped key has a time that a number holds exactly", async () => {
    const stored = { since: 2 ** 53 - 1, key: Uint8Array.of(1), nonce: Uint8Array.of(2) };
    const bytes = encode(storedSkippedKeyCodec, stored);
    expect(decode(storedSkippedKeyCodec, bytes)).toEqual(stored);
    const later = Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 1, ...bytes.slice(8));
    expect(await errorCode(() => decode(storedSkippedKeyCodec, later))).toBe("DECODE_VALUE");
    const between = encode(storedSkippedKeyCodec, { ...stored, since: 1.75 });
    expect(decode(storedSkippedKeyCodec, between).since).toBe(1);
  });
});

/** Whether these bytes occur anywhere in the value. */
function holds(value: unknown, bytes: Uint8Array): boolean {
  if (value instanceof Uint8Array) return bytesToHex(value) === bytesToHex(bytes);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((inner) => holds(inner, bytes));
}
