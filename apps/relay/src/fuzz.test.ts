import { parse, scriptGroup, seededRandom, type SeededRandom } from "@thicket/delivery-service/testing";
import { authenticationRequests, deliveryRequests, WireErrorCode } from "@thicket/protocol";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askRaw } from "./testing/ask-raw.ts";
import { type Connected, connect, signUp } from "./testing/person.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";
import { toWire } from "./transport/to-wire.ts";

/** How long random requests are sent, ms. */
const DURATION = 8000;

const Refusal = v.object({ ok: v.literal(false), error: v.object({ code: WireErrorCode }) });

/** Any value that msgpack can carry, a few levels deep. */
function randomValue(random: SeededRandom, depth = 0): unknown {
  const kind = random.below(depth > 3 ? 8 : 11);
  if (kind === 0) return null;
  if (kind === 1) return random.below(2) === 0;
  if (kind === 2) return random.below(1000) - 500;
  if (kind === 3) return random.pick([0, -1, 2 ** 53, -(2 ** 60), 1.5, Number.NaN, Infinity]);
  if (kind === 4) return "x".repeat(random.below(40));
  if (kind === 5) return Buffer.from(random.bytes(random.pick([16, 32]))).toString("hex");
  if (kind === 6) return Buffer.from(random.bytes(random.pick([0, 1, 32, 64, 5000])));
  if (kind === 7) return random.pick(["__proto__", "constructor", "\u0000", "🌲", "1e999"]);
  const size = random.below(5);
  if (kind === 8) return Array.from({ length: size }, () => randomValue(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length: size }, () => [
      random.pick(["groupId", "seatId", "seats", "bytes", "suite", "toString", "x"]),
      randomValue(random, depth + 1),
    ]),
  );
}

/** The request with one of its fields, at any depth, replaced or left out. */
function spoil(random: SeededRandom, request: object): unknown {
  const entries = Object.entries(request);
  const index = random.below(entries.length || 1);
  return Object.fromEntries(
    entries.flatMap(([name, value], at) => {
      if (at !== index) return [[name, value]];
      if (random.below(4) === 0) return [];
      const inner: unknown = value;
      const goIn = typeof inner === "object" && inner !== null && !(inner instanceof Uint8Array);
      return [[name, goIn && random.below(2) === 0 ? spoil(random, inner) : randomValue(random)]];
    }),
  );
}

describe("random requests", () => {
  let relay: RelayProcess;
  beforeAll(async () => {
    relay = await createRelayProcess({ THICKET_LOG: "info" });
    await relay.start();
  });
  afterAll(() => relay.dispose());

  it("[RELAY-FUZZ-1] random values in every event are answered with a code of the wire and never crash the relay", async () => {
    const random = seededRandom(2026);
    const alice = await signUp(relay.url, "alice");
    const good = await alice.openDelivery();
    const group = scriptGroup(good.operations, seededRandom(3));
    await group.create();
    const models: Record<string, object> = {
      "group.append": group.appendRequest(group.founder, group.first),
      "group.commit": group.commitRequest(group.founder, group.first, random.bytes(32), {
        add: [group.newSeat()],
        welcomes: [{ bytes: random.bytes(9), to: [{ ...alice.identity, keyPackageRef: random.bytes(32) }] }],
      }),
      "group.create": group.createRequest(),
      "group.attach": { seats: [{ ...group.founder, groupId: group.groupId, cursor: 0 }] },
      "group.read": { ...group.founder, groupId: group.groupId, after: 0, limit: 9 },
      "group.confirm": { ...group.founder, ...group.first, groupId: group.groupId },
      "group.knock": {
        by: "seat",
        ...group.founder,
        groupId: group.groupId,
        entryId: "ab".repeat(16),
        bytes: random.bytes(9),
      },
      "link.publish": {
        ...group.founder,
        ...group.first,
        groupId: group.groupId,
        linkId: "cd".repeat(32),
        card: random.bytes(9),
      },
      "link.withdraw": { ...group.founder, ...group.first, groupId: group.groupId, linkId: "cd".repeat(32) },
      "link.open": { linkId: "cd".repeat(32) },
      "cursor.ack": { ...group.founder, groupId: group.groupId, seq: 0 },
      "keyPackages.claim": { suite: 1, devices: [alice.identity] },
      "keyPackages.publish": { suite: 1, keyPackages: [random.bytes(300)] },
    };
    const names = [...Object.keys(deliveryRequests), ...Object.keys(authenticationRequests), "login", "x"];
    const codes = new Map<string, number>();

    const attack = async (connection: Connected, namespace: "/ds" | "/as", end: number) => {
      while (Date.now() < end && connection.socket.connected) {
        const burst = Array.from({ length: 10 }, async () => {
          const name = random.pick([names[0] ?? "x", ...names.slice(1)]);
          const model = models[name];
          const value =
            model !== undefined && random.below(3) > 0 ? spoil(random, model) : randomValue(random);
          const reply = await askRaw(connection.socket, namespace, name, toWire(value));
          if (typeof reply === "object" && reply !== null && "ok" in reply && reply.ok === true) return "OK";
          return parse(Refusal, reply).error.code;
        });
        for (const code of await Promise.all(burst)) codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    };
    const end = Date.now() + DURATION;
    const attacker = await alice.openDelivery();
    const stranger = await connect(relay.url, "/as");
    await Promise.all([attack(attacker, "/ds", end), attack(stranger, "/as", end)]);

    // The relay is well, and what it kept is as it should be.
    expect(relay.isRunning()).toBe(true);
    expect(relay.output()).not.toContain('"event":"fault"');
    expect(codes.get("MALFORMED_REQUEST") ?? 0).toBeGreaterThan(100);
    expect(codes.get("INTERNAL")).toBeUndefined();
    expect(codes.get("STORE_FAILED")).toBeUndefined();
    const page = await group.read(group.founder);
    expect(page.ok).toBe(true);
  });
});
