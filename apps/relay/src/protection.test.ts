import { connect as connectTcp, type Socket as TcpSocket } from "node:net";
import { once } from "node:events";
import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { askRaw } from "./testing/ask-raw.ts";
import { type Connected, connect, type Person, rawSocket, signUp, until } from "./testing/person.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";

const refusal = (code: string, details: object = {}) => ({ ok: false, error: { code, ...details } });
const from = (address: string) => ({ "X-Forwarded-For": address });

describe("a relay that is attacked", () => {
  let relay: RelayProcess;
  let alice: Person;
  const opened: Connected[] = [];
  beforeAll(async () => {
    relay = await createRelayProcess({
      THICKET_PING: "2",
      THICKET_TRUST_PROXY: "1",
      THICKET_LIMIT_CONNECTIONS: "12",
      THICKET_LIMIT_CONNECTIONS_PER_ADDRESS: "3",
      THICKET_LIMIT_LOGINS: "5",
      THICKET_LIMIT_REGISTRATIONS: "1",
      THICKET_LIMIT_REQUESTS: "100",
      THICKET_LIMIT_MESSAGE_BYTES: "2048",
      THICKET_METRICS: "127.0.0.1:0",
    });
    await relay.start();
    alice = await signUp(relay.url, "alice");
  });
  afterAll(() => relay.dispose());
  afterEach(async () => {
    const gone = opened.splice(0).map(async (connection) => {
      const closed = connection.socket.connected ? closedBy(connection) : undefined;
      connection.socket.io.engine.close();
      await closed;
    });
    await Promise.all(gone);
    expect(relay.isRunning()).toBe(true);
    expect(relay.output()).not.toContain('"event":"fault"');
  });
  const open = async (...args: Parameters<typeof connect>) => {
    const connection = await connect(...args);
    opened.push(connection);
    return connection;
  };
  const closedBy = ({ socket }: Connected) =>
    new Promise<void>((resolve) => void socket.once("disconnect", () => resolve()));
  const openAs = (address: string) => open(relay.url, "/as", undefined, from(address));
  const openDs = (address: string) => open(relay.url, "/ds", undefined, from(address));

  it("[RELAY-ADDRESS-1] one address opens so many connections and no more, an IPv6 /64 counting as one", async () => {
    for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"]) await openAs(address);
    await expect(openAs("2001:db8::4")).rejects.toThrow();
    // What stands before the proxy's own word is the sender's invention.
    await expect(openAs("203.0.113.1, 2001:db8::5")).rejects.toThrow();
    await openAs("2001:db8:0:1::1");
    const [first] = opened.splice(0, 1);
    first?.socket.io.engine.close();
    // Its place is free again.
    const again = await until(() => openAs("2001:db8::6").catch(() => undefined));
    expect(again?.hello.nonce).toHaveLength(32);
  });

  it("[RELAY-CONNECTIONS-1] the relay holds so many connections in all and refuses more", async () => {
    for (let index = 0; index < 12; index++) await openAs(`198.51.100.${index}`);
    await expect(openAs("198.51.100.99")).rejects.toThrow();
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200);
  });

  it("[RELAY-ORIGIN-1] a page of another origin opens no connection", async () => {
    for (const origin of ["https://elsewhere.example", "null", `${relay.url}.elsewhere.example`]) {
      await expect(open(relay.url, "/ds", undefined, { Origin: origin })).rejects.toThrow();
    }
    expect((await open(relay.url, "/ds", undefined, { Origin: relay.url })).hello.nonce).toHaveLength(32);
  });

  it("[RELAY-ADDRESS-2] logins and new accounts are counted by address", async () => {
    const codes: unknown[] = [];
    for (let attempt = 0; attempt < 7; attempt++) {
      const connection = await openDs("192.0.2.50");
      const reply = await alice.login(connection, { role: "as" });
      codes.push(reply.ok ? "OK" : reply.error.code);
      const closed = closedBy(connection);
      connection.socket.io.engine.close();
      await closed;
    }
    expect(codes).toEqual([...Array<string>(5).fill("LOGIN_REFUSED"), "RATE_LIMITED", "RATE_LIMITED"]);
    // Others aren't held to it.
    expect(await alice.login(await openDs("192.0.2.51"), { role: "ds" })).toEqual({ ok: true });
    await signUp(relay.url, "bob", from("192.0.2.60"));
    await expect(signUp(relay.url, "carol", from("192.0.2.60"))).rejects.toThrow("RATE_LIMITED");
    await signUp(relay.url, "carol", from("192.0.2.61"));
  });

  it("[RELAY-LOGIN-3] a login that was seen on one connection is worth nothing on another", async () => {
    const [first, second] = [await openDs("192.0.2.70"), await openDs("192.0.2.71")];
    const replayed = await alice.signedLogin(first, { role: "ds" });
    expect(await second.ask("login", replayed)).toEqual(refusal("LOGIN_REFUSED"));
    expect(await first.ask("login", replayed)).toEqual({ ok: true });
    first.socket.io.engine.close();
    expect(await (await openDs("192.0.2.70")).ask("login", replayed)).toEqual(refusal("LOGIN_REFUSED"));
  });

  it("[RELAY-HALFOPEN-1] a connection that gives no sign of life is cut, and so is one that never speaks", async () => {
    const connection = await alice.openDelivery();
    opened.push(connection);
    const dead = await openRawWebSocket(relay.port);
    const mute = connectTcp(relay.port, "127.0.0.1");
    await once(mute, "connect");
    mute.resume();
    mute.write("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n");
    // Engine.IO's handshake came; its pings stay unanswered.
    await Promise.all([once(dead, "close"), once(mute, "close")]);
    expect(connection.socket.connected).toBe(true);
  });

  it("[RELAY-FLOOD-1] who floods is read more slowly, and another's requests are answered meanwhile", async () => {
    const flooder = await alice.openDelivery();
    const calm = await alice.openDelivery();
    opened.push(flooder, calm);
    let answered = 0;
    const sent = 20_000;
    for (let index = 0; index < sent; index++) {
      flooder.socket.emit("welcome.list", {}, () => (answered += 1));
    }
    const group = scriptGroup(calm.operations, seededRandom(1));
    expect(await group.create()).toMatchObject({ ok: true });
    for (let index = 0; index < 20; index++) {
      expect(await group.append(group.founder, group.first)).toMatchObject({ ok: true });
    }
    await until(() => answered > 0);
    // The rest waits on the flooder's own side: ten seconds' worth went through at once, and what one read brought.
    expect(answered).toBeLessThan(sent / 2);
    expect(await metric(relay, "thicket_intake_rests_total")).toBeGreaterThan(0);
  });

  it("[RELAY-SIZE-2] a large frame of somebody who hasn't logged in ends the connection, and limits can be lower than the wire's", async () => {
    const stranger = await openDs("192.0.2.80");
    const gone = closedBy(stranger);
    stranger.socket.emit("group.append", Buffer.alloc(100_000), () => undefined);
    await gone;
    const connection = await alice.openDelivery();
    opened.push(connection);
    expect(connection.hello.limits.applicationEntry).toBe(2048);
    const group = scriptGroup(connection.operations, seededRandom(2));
    await group.create();
    const large = { ...group.appendRequest(group.founder, group.first), bytes: new Uint8Array(2049) };
    expect(await connection.ask("group.append", large)).toEqual(
      refusal("PAYLOAD_TOO_LARGE", { limit: 2048 }),
    );
  });

  it("[RELAY-FRAME-3] a frame that lies about its lengths ends its own connection at once", async () => {
    for (const frame of [
      Uint8Array.of(0xc9, 0xff, 0xff, 0xff, 0xff, 0),
      Buffer.concat([Uint8Array.of(0xdd, 0, 0, 0xff, 0xff), Buffer.alloc(65_000, 0x90)]),
    ]) {
      const victim = await openDs("192.0.2.90");
      const gone = closedBy(victim);
      rawSocket(victim.socket).send(frame);
      await gone;
    }
  });

  it("[RELAY-REFLECT-1] no refusal repeats what was sent, and neither logs nor metrics hold it", async () => {
    const canary = "canary4711canary";
    const id = "c0ffee".repeat(6).slice(0, 32);
    const as = await openAs("203.0.113.77");
    const ds = await alice.openDelivery(relay.url, from("203.0.113.78"));
    opened.push(ds);
    const replies = [
      await as.ask("handle.check", { handle: canary }),
      await as.ask("account.register", { handle: canary, userId: id }),
      await as.ask(canary, { handle: canary }),
      await as.ask("handle.lookup", { handle: canary }),
      await ds.ask("group.append", { groupId: id, seatId: id, bytes: canary, [canary]: canary }),
      await ds.ask("group.read", { groupId: canary }),
      await ds.ask("keyPackages.claim", { suite: 1, devices: [{ userId: id, deviceId: id }] }),
      await askRaw(ds.socket, "/ds", canary, { canary }),
      await askRaw(ds.socket, "/ds", "login", { attestation: canary }),
    ];
    const pages = await Promise.all(
      [`/${canary}`, `/assets/${canary}?${canary}`, `/healthz?${canary}`].map(async (path) =>
        (
          await fetch(relay.url + path, { headers: { [`x-${canary}`]: canary, ...from("203.0.113.79") } })
        ).text(),
      ),
    );
    const missing = replies.at(6);
    expect(missing).toMatchObject({ ok: true, keyPackages: [] });
    const everywhere = [
      JSON.stringify(replies.filter((reply) => reply !== missing)),
      ...pages,
      relay.output(),
      await metricsOf(relay),
    ].join("\n");
    expect(everywhere).toContain("MALFORMED_REQUEST");
    expect(everywhere).toContain('thicket_requests_total{request="unknown",code="MALFORMED_REQUEST"}');
    for (const secret of [canary, id, "203.0.113.7", alice.identity.userId, alice.identity.deviceId]) {
      expect(everywhere).not.toContain(secret);
    }
  });
});

async function metricsOf(relay: RelayProcess): Promise<string> {
  const port = /"metricsPort":(\d+)/.exec(relay.output())?.[1];
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return response.text();
}

async function metric(relay: RelayProcess, name: string): Promise<number> {
  const text = await metricsOf(relay);
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1]);
}

/** A WebSocket that reads what comes and never says anything more. */
async function openRawWebSocket(port: number): Promise<TcpSocket> {
  const socket = connectTcp(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    [
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
      `Host: localhost:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 1).toString("base64")}`,
      "",
      "",
    ].join("\r\n"),
  );
  const [head] = await once(socket, "data");
  expect(String(head)).toMatch(/^HTTP\/1.1 101/);
  socket.resume();
  return socket;
}
