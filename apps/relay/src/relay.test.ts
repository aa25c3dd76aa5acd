import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import { LIMITS, WIRE_VERSION } from "@thicket/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Connected, connect, type Person, rawSocket, signUp, until } from "./testing/person.ts";
import { askRaw } from "./testing/ask-raw.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });
const seqsOf = ({ events }: Connected): number[] =>
  events.entries.flatMap(({ entries }) => entries.map(({ seq }) => seq));

describe("a running relay", () => {
  let relay: RelayProcess;
  let alice: Person;
  let bob: Person;
  const opened: Connected[] = [];
  let seed = 100;

  beforeAll(async () => {
    relay = await createRelayProcess();
    await relay.start();
    alice = await signUp(relay.url, "alice");
    bob = await signUp(relay.url, "bob");
  });
  afterAll(() => relay.dispose());
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.close();
    expect(relay.isRunning()).toBe(true);
    expect(relay.output()).not.toContain('"event":"fault"');
  });

  async function openDelivery(person: Person) {
    const connection = await person.openDelivery();
    opened.push(connection);
    return connection;
  }
  async function openGroup() {
    const connection = await openDelivery(alice);
    const group = scriptGroup(connection.operations, seededRandom(seed++));
    expect(await group.create()).toEqual({ ok: true, branch: 0 });
    await group.attach(group.founder, group.first.epochToken);
    return { connection, group };
  }

  it("[WEB-HEADERS-1] what is asked of the sockets over plain HTTP is refused with the headers of a bare answer", async () => {
    for (const query of [
      "",
      "?EIO=4&transport=polling",
      "?EIO=3&transport=websocket",
      "?EIO=4&transport=none&sid=x",
    ]) {
      const answer = await fetch(`${relay.url}/socket.io/${query}`);
      expect(answer.status, query).toBe(400);
      expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; sandbox;/);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cross-origin-resource-policy")).toBe("same-origin");
    }
  });

  it("[RELAY-FANOUT-1] an entry reaches every attached seat; a removed one hears of its removal and then nothing", async () => {
    const { connection, group } = await openGroup();
    const listener = await openDelivery(bob);
    const seat = group.newSeat();
    const { next } = await group.commit(group.founder, group.first, { add: [seat] });
    const { epochToken } = next;
    const attached = await listener.ask("group.attach", {
      seats: [{ ...seat, groupId: group.groupId, cursor: next.branch, epochToken }],
    });
    expect(attached).toMatchObject({ results: [{ attached: true, place: { epoch: 1, branch: 1 } }] });
    await group.append(group.founder, next);
    await until(() => seqsOf(listener).includes(2));
    // Of an epoch before it joined: taken, and not for its eyes.
    expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true, seq: 3 });
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    await until(() => seqsOf(listener).includes(4));
    await group.append(group.founder, removal.next);
    await until(() => seqsOf(connection).includes(5));
    // One more round trip: what was sent before it would have come.
    expect(await listener.ask("welcome.list", {})).toMatchObject({ ok: true });
    expect(seqsOf(listener)).toEqual([2, 4]);
    expect(seqsOf(connection)).toEqual([1, 2, 3, 4, 5]);
    const [first] = listener.events.entries;
    expect(first?.entries[0]?.bytes).toBeInstanceOf(Uint8Array);
  });

  it("[RELAY-FANOUT-3] who is removed by one candidate hears of the next, and then of its branch again", async () => {
    const { connection, group } = await openGroup();
    const listener = await openDelivery(bob);
    const seat = group.newSeat();
    const { next: at } = await group.commit(group.founder, group.first, { add: [seat] });
    const seats = [{ ...seat, groupId: group.groupId, cursor: at.branch, epochToken: at.epochToken }];
    expect(await listener.ask("group.attach", { seats })).toMatchObject({ ok: true });
    const bad = await group.commit(group.founder, at, { remove: [seat] });
    await group.append(group.founder, bad.next);
    await group.append(group.founder, at, "note");
    await until(() => seqsOf(listener).includes(4));
    // Taken once two seconds have passed since the first candidate.
    const good = await vi.waitFor(
      async () => {
        const made = await group.commit(group.founder, at, { change: { supersedes: bad.next.branch } });
        expect(made.reply.ok).toBe(true);
        return made;
      },
      { timeout: 20_000, interval: 1000 },
    );
    await group.append(seat, good.next);
    await group.append(group.founder, bad.next);
    await until(() => seqsOf(connection).includes(7));
    await until(() => seqsOf(listener).includes(6));
    expect(await listener.ask("welcome.list", {})).toMatchObject({ ok: true });
    expect(seqsOf(listener)).toEqual([2, 4, 5, 6]);
    expect(seqsOf(connection)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("[RELAY-HOLD-1] a Welcome waits for the word of another attached seat, and is told when it goes out", async () => {
    const { group } = await openGroup();
    const member = await openDelivery(bob);
    const seat = group.newSeat();
    const { next: at } = await group.commit(group.founder, group.first, { add: [seat] });
    const seats = [{ ...seat, groupId: group.groupId, cursor: at.branch, epochToken: at.epochToken }];
    expect(await member.ask("group.attach", { seats })).toMatchObject({ ok: true });
    const invited = await openDelivery(bob);
    const to = [{ ...bob.identity, keyPackageRef: seededRandom(5).bytes(32) }];
    const { next } = await group.commit(group.founder, at, {
      add: [group.newSeat()],
      welcomes: [{ bytes: seededRandom(6).bytes(99), to }],
    });
    expect(await invited.ask("welcome.list", {})).toEqual({ ok: true, welcomes: [] });
    const confirm = { ...seat, ...next, groupId: group.groupId };
    expect(await member.ask("group.confirm", confirm)).toEqual({ ok: true });
    await until(() => invited.events.welcome.length > 0);
    expect(await invited.ask("welcome.list", {})).toMatchObject({ welcomes: [{}] });
  });

  it("[RELAY-HOLD-1] who goes on under another name doesn't wait for itself", async () => {
    const { group } = await openGroup();
    const renamed = { ...group.founder, seatId: group.newSeat().seatId };
    const seatReplaced = { from: group.founder.seatId, to: renamed.seatId };
    const { next: at } = await group.commit(group.founder, group.first, { change: { seatReplaced } });
    expect(await group.attach(renamed, at.epochToken, at.branch)).toMatchObject({ attached: true });
    const invited = await openDelivery(bob);
    const to = [{ ...bob.identity, keyPackageRef: seededRandom(7).bytes(32) }];
    const welcomes = [{ bytes: seededRandom(8).bytes(99), to }];
    expect((await group.commit(renamed, at, { add: [group.newSeat()], welcomes })).reply.ok).toBe(true);
    const newest = { bytes: Buffer.from(seededRandom(8).bytes(99)) };
    expect(await invited.ask("welcome.list", {})).toMatchObject({
      welcomes: expect.arrayContaining([expect.objectContaining(newest)]),
    });
  });

  it("[RELAY-FANOUT-2] a seat that attaches behind is streamed what it lacks, in order, and then listens", async () => {
    const { group } = await openGroup();
    for (let index = 0; index < 150; index++) await group.append(group.founder, group.first);
    const again = await openDelivery(alice);
    const request = { ...group.founder, groupId: group.groupId, cursor: 10 };
    const reply = await again.ask("group.attach", { seats: [request] });
    expect(reply).toMatchObject({ ok: true, results: [{ attached: true, headSeq: 150 }] });
    await until(() => seqsOf(again).includes(150));
    await group.append(group.founder, group.first);
    await until(() => seqsOf(again).includes(151));
    expect(seqsOf(again)).toEqual(Array.from({ length: 141 }, (_, index) => index + 11));
  });

  it("a removed seat that attaches again reads its time and hears nothing new", async () => {
    const { group, connection } = await openGroup();
    const seat = group.newSeat();
    const { next } = await group.commit(group.founder, group.first, { add: [seat] });
    expect(await group.attach(seat, next.epochToken, 1)).toMatchObject({ attached: true });
    const removal = await group.commit(group.founder, next, { remove: [seat] });
    const listener = await openDelivery(bob);
    await listener.ask("group.attach", { seats: [{ ...seat, groupId: group.groupId, cursor: 1 }] });
    await until(() => seqsOf(listener).includes(2));
    await group.append(group.founder, removal.next);
    await until(() => seqsOf(connection).includes(3));
    expect(await listener.ask("welcome.list", {})).toMatchObject({ ok: true });
    expect(seqsOf(listener)).toEqual([2]);
  });

  it("tells a device of its Welcomes and a group of what all have acknowledged", async () => {
    const { group, connection } = await openGroup();
    const listener = await openDelivery(bob);
    const to = [{ ...bob.identity, keyPackageRef: new Uint8Array(32) }];
    await group.commit(group.founder, group.first, { welcomes: [{ bytes: new Uint8Array(50), to }] });
    await until(() => listener.events.welcome.length === 1);
    expect(connection.events.welcome).toEqual([]);
    await group.ack(group.founder, 1);
    expect(await until(() => connection.events.acked[0])).toEqual({ groupId: group.groupId, seq: 1 });
  });

  it("[RELAY-LOGIN-1] nothing but login is answered before login, and a login for elsewhere is refused", async () => {
    for (const change of [
      { role: "as" as const },
      { role: "ds" as const, origin: "https://elsewhere.example" },
      { role: "ds" as const, nonce: new Uint8Array(32) },
      { role: "ds" as const, socketId: "another" },
    ]) {
      const connection = await connect(relay.url, "/ds");
      opened.push(connection);
      expect(await connection.ask("welcome.list", {})).toEqual(refusal("NOT_LOGGED_IN"));
      expect(await alice.login(connection, change)).toEqual(refusal("LOGIN_REFUSED"));
      // The nonce has served.
      expect(await alice.login(connection, { role: "ds" })).toEqual(refusal("LOGIN_REFUSED"));
      expect(await connection.ask("welcome.list", {})).toEqual(refusal("NOT_LOGGED_IN"));
    }
    const as = await connect(relay.url, "/as");
    opened.push(as);
    expect(await as.ask("handle.lookup", { handle: "bob" })).toEqual(refusal("NOT_LOGGED_IN"));
    expect(await alice.login(as, { role: "as" })).toEqual({ ok: true });
    // The same login again, as after an answer that came too late, is no second use of the nonce.
    expect(await alice.login(as, { role: "as" })).toEqual({ ok: true });
    expect(await bob.login(as, { role: "as" })).toEqual(refusal("LOGIN_REFUSED"));
    expect(await as.ask("handle.lookup", { handle: "bob" })).toMatchObject({
      ok: true,
      userId: bob.identity.userId,
    });
  });

  it("[RELAY-LOGIN-2] a connection that doesn't log in to the Delivery Service is cut after five seconds", async () => {
    const connection = await connect(relay.url, "/ds");
    const logged = await openDelivery(alice);
    const started = Date.now();
    await new Promise((resolve) => connection.socket.once("disconnect", resolve));
    expect(Date.now() - started).toBeGreaterThan(3500);
    expect(logged.socket.connected).toBe(true);
  });

  it("[RELAY-WIRE-1] another wire version is refused with its code, for either service", async () => {
    for (const auth of [{ wire: WIRE_VERSION + 1 }, { wire: String(WIRE_VERSION) }, {}]) {
      for (const namespace of ["/ds", "/as"] as const) {
        await expect(connect(relay.url, namespace, auth)).rejects.toMatchObject({
          data: { code: "WIRE_VERSION_UNSUPPORTED" },
        });
      }
    }
  });

  it("[RELAY-FRAME-1] a corrupted or truncated frame ends its own connection and no other", async () => {
    const { group, connection } = await openGroup();
    const frames = [
      Uint8Array.of(0xc1),
      Uint8Array.of(0x84, 0xa4, 0x74, 0x79, 0x70),
      new Uint8Array(5000).fill(0x91),
      new Uint8Array(300_000).fill(0x91),
      Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
      Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff, 0x01),
      "4not msgpack",
    ];
    for (const frame of frames) {
      const victim = await openDelivery(bob);
      const gone = new Promise((resolve) => victim.socket.once("disconnect", resolve));
      rawSocket(victim.socket).send(frame);
      await gone;
    }
    expect(connection.socket.connected).toBe(true);
    expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true, seq: 1 });
  });

  it("[RELAY-SIZE-1] a message over its limit is refused by name; a frame over the largest ends its connection", async () => {
    const { group, connection } = await openGroup();
    const request = group.appendRequest(group.founder, group.first);
    const large = { ...request, bytes: new Uint8Array(LIMITS.applicationEntry + 1) };
    expect(await connection.ask("group.append", large)).toEqual(
      refusal("PAYLOAD_TOO_LARGE", { limit: LIMITS.applicationEntry }),
    );
    const huge = await openDelivery(bob);
    const gone = new Promise((resolve) => huge.socket.once("disconnect", resolve));
    huge.socket.emit("group.append", Buffer.alloc(9 * 1024 * 1024), () => undefined);
    await gone;
    expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true, seq: 1 });
  });

  it("[RELAY-REQUEST-1] what isn't a request is answered MALFORMED_REQUEST, or nothing where nobody waits", async () => {
    const { connection, group } = await openGroup();
    const malformed = refusal("MALFORMED_REQUEST");
    const { socket } = connection;
    for (const name of [
      "nothing",
      "disconnect",
      "error",
      "__proto__",
      "constructor",
      "newListener",
      "connect",
      "",
    ]) {
      expect(await askRaw(socket, "/ds", name), name).toEqual(malformed);
    }
    expect(await socket.timeout(5000).emitWithAck("group.read")).toEqual(malformed);
    expect(await socket.timeout(5000).emitWithAck("group.read", {}, {})).toEqual(malformed);
    expect(await connection.ask("group.read", null)).toEqual(malformed);
    expect(await connection.ask("group.read", { groupId: "G" })).toEqual(malformed);
    const request = group.appendRequest(group.founder, group.first);
    socket.emit("group.append", request);
    expect(await group.read(group.founder)).toMatchObject({ entries: [] });
  });

  it("[RELAY-RATE-1] a device over its rate is told RATE_LIMITED with the limit and when to come back", async () => {
    const { group } = await openGroup();
    const replies = await Promise.all(
      Array.from({ length: 400 }, () => group.append(group.founder, group.first)),
    );
    const limited = replies.filter((reply) => !reply.ok);
    expect(limited.length).toBeGreaterThan(50);
    expect(limited[0]).toMatchObject(refusal("RATE_LIMITED", { limit: 20 }));
    const accepted = replies.flatMap((reply) => (reply.ok ? [reply.seq] : []));
    expect(accepted).toEqual(Array.from({ length: accepted.length }, (_, index) => index + 1));
  });

  it("[RELAY-LOG-1] logs hold no handle, id, address or payload", () => {
    const output = relay.output();
    expect(output).toContain('"request":"group.append"');
    for (const { identity } of [alice, bob]) {
      expect(output).not.toContain(identity.userId);
      expect(output).not.toContain(identity.deviceId);
    }
    expect(output).not.toMatch(/alice|"bob"|127\.0\.0\.1|::1|[0-9a-f]{32}/);
  });
});

describe("starting and ending", () => {
  let relay: RelayProcess;
  beforeAll(async () => {
    relay = await createRelayProcess();
  });
  afterAll(() => relay.dispose());

  it("[RELAY-DURABLE-1] SIGKILL and a new start lose no acknowledged entry", async () => {
    await relay.start();
    const alice = await signUp(relay.url, "alice");
    const before = await alice.openDelivery();
    const group = scriptGroup(before.operations, seededRandom(7));
    await group.create();
    const acknowledged: number[] = [];
    const writing = Array.from({ length: 150 }, async () => {
      const reply = await group.append(group.founder, group.first).catch(() => undefined);
      if (reply?.ok) acknowledged.push(reply.seq);
    });
    await until(() => acknowledged.length > 20);
    await relay.kill();
    await Promise.all(writing);

    await relay.start();
    const after = await alice.openDelivery();
    const read = await after.ask("group.read", {
      ...group.founder,
      groupId: group.groupId,
      after: 0,
      limit: 256,
    });
    const stored = (read as { entries: { seq: number }[] }).entries.map(({ seq }) => seq);
    expect(stored).toEqual(Array.from({ length: stored.length }, (_, index) => index + 1));
    expect(stored.length).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    after.close();
  });

  it("[RELAY-START-1] a second relay on the same directory or port ends with its code and touches nothing", async () => {
    if (!relay.isRunning()) await relay.start();
    const files = () =>
      readdirSync(relay.dataDirectory).map((name) => [name, statSync(join(relay.dataDirectory, name)).size]);
    const before = files();
    const locked = await relay.run({ THICKET_PORT: "0" });
    expect(locked.code).toBe(1);
    expect(locked.output).toMatch(/^DATA_DIRECTORY_LOCKED: .+/m);
    const other = `${relay.dataDirectory}-other`;
    const taken = await relay.run({ THICKET_DATA: other });
    expect(taken.code).toBe(1);
    expect(taken.output).toMatch(/^PORT_TAKEN: .+/m);
    expect(() => readdirSync(other)).toThrow();
    expect(files()).toEqual(before);
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200);
  });

  it("[RELAY-STOP-1] SIGTERM amid writes ends with 0, closes the databases and loses nothing acknowledged", async () => {
    if (!relay.isRunning()) await relay.start();
    const bob = await signUp(relay.url, "robert");
    const connection = await bob.openDelivery();
    const group = scriptGroup(connection.operations, seededRandom(8));
    await group.create();
    const acknowledged: number[] = [];
    const writing = Array.from({ length: 150 }, async () => {
      const reply = await group.append(group.founder, group.first).catch(() => undefined);
      if (reply?.ok) acknowledged.push(reply.seq);
    });
    await until(() => acknowledged.length > 0);
    expect(await relay.stop()).toBe(0);
    expect(readdirSync(relay.dataDirectory).filter((name) => name.endsWith("-wal"))).toEqual([]);
    connection.close();
    await Promise.all(writing);
    await relay.start();
    const after = await bob.openDelivery();
    const request = { ...group.founder, groupId: group.groupId, after: 0, limit: 256 };
    const read = await after.ask("group.read", request);
    const { headSeq } = read as { headSeq: number };
    expect(headSeq).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    after.close();
    expect(await relay.stop()).toBe(0);
  });

  it("[RELAY-START-2] wrong settings and unreadable data end with a code and a sentence", async () => {
    const config = await relay.run({ THICKET_PORT: "http" });
    expect(config).toEqual({
      code: 1,
      output: "CONFIG_INVALID: THICKET_PORT must be a port number from 0 to 65535.\n",
    });
    const file = await relay.run({ THICKET_DATA: join(relay.dataDirectory, "delivery.sqlite") });
    expect(file.code).toBe(1);
    expect(file.output).toMatch(/^DATA_DIRECTORY_UNUSABLE: .+/m);
  });
});
