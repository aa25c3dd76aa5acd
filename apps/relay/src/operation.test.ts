import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, signUp, until } from "./testing/person.ts";
import { createRelayProcess, type RelayProcess } from "./testing/relay-process.ts";

const ready = async ({ url }: RelayProcess) => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, said: await response.json() };
};

describe("operating a relay", () => {
  let relay: RelayProcess;
  beforeAll(async () => {
    relay = await createRelayProcess({ THICKET_DRAIN: "2", THICKET_METRICS: "127.0.0.1:0" });
    await relay.start();
  });
  afterAll(() => relay.dispose());

  it("[RELAY-READY-1] /healthz says that the process lives, /readyz that traffic may come", async () => {
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200);
    expect(await ready(relay)).toEqual({ status: 200, said: { status: "ready" } });
  });

  it("[RELAY-METRICS-1] /metrics counts requests by name and code, on a port of its own only", async () => {
    const alice = await signUp(relay.url, "alice");
    const connection = await alice.openDelivery();
    const group = scriptGroup(connection.operations, seededRandom(3));
    await group.create();
    await group.append(group.founder, group.first);
    expect(await (await fetch(`${relay.url}/metrics`)).text()).not.toContain("thicket_");
    const port = /"metricsPort":(\d+)/.exec(relay.output())?.[1];
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const line of [
      'thicket_requests_total{request="group.append",code="OK"} 1',
      'thicket_request_seconds_count{request="group.append"} 1',
      'thicket_sockets{namespace="ds"} 1',
      "thicket_backlog_cuts_total 0",
      'thicket_write_batch_size_bucket{le="+Inf"}',
      "nodejs_eventloop_lag_p99_seconds",
    ]) {
      expect(text).toContain(line);
    }
    expect((await fetch(`http://127.0.0.1:${port}/elsewhere`)).status).toBe(404);
    connection.close();
  });

  it("[RELAY-DRAIN-1] SIGTERM turns /readyz to 503, refuses new connections, answers what is under way, hands the others over and ends with 0", async () => {
    const alice = await signUp(relay.url, "alicia");
    const connections = await Promise.all(Array.from({ length: 4 }, () => alice.openDelivery()));
    const group = scriptGroup(connections[0]?.operations ?? expect.fail(), seededRandom(4));
    await group.create();
    const ended = connections.map(
      ({ socket }) => new Promise<string>((resolve) => void socket.once("disconnect", resolve)),
    );
    const asked = Promise.allSettled(
      Array.from({ length: 20 }, () => group.append(group.founder, group.first)),
    );
    await until(() => connections[0]?.events.entries.length ?? 0);
    const stopped = relay.stop();
    await until(async () => ((await ready(relay)).status === 503 ? true : undefined));
    expect(await ready(relay)).toEqual({ status: 503, said: { status: "not ready", reasons: ["draining"] } });
    await expect(connect(relay.url, "/ds")).rejects.toThrow();
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200);
    // Not told to stay away: by the cut itself a client knows that it may connect again.
    for (const reason of await Promise.all(ended)) expect(reason).toBe("transport close");
    expect(await stopped).toBe(0);
    const replies = await asked;
    const acknowledged = replies.flatMap((reply) =>
      reply.status === "fulfilled" && reply.value.ok ? [reply.value.seq] : [],
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    await relay.start();
    const again = await alice.openDelivery();
    const request = { ...group.founder, groupId: group.groupId, after: 0, limit: 256 };
    const read = await again.ask("group.read", request);
    expect((read as { headSeq: number }).headSeq).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    again.close();
  });

  it("[RELAY-DRAIN-2] a second signal ends it at once", async () => {
    const alice = await signUp(relay.url, "alexis");
    const connections = await Promise.all(Array.from({ length: 3 }, () => alice.openDelivery()));
    const first = relay.stop();
    await until(async () => ((await ready(relay).catch(() => undefined))?.status === 503 ? true : undefined));
    const second = relay.stop();
    const codes = await Promise.all([first, second]);
    expect(codes).toEqual([1, 1]);
    for (const connection of connections) connection.close();
  });

  it(
    "[RELAY-INVITE-1] the operator makes codes while the relay runs, which says in its greeting whom it lets in",
    { timeout: 240_000 },
    async () => {
      const invited = await createRelayProcess({ THICKET_REGISTRATION: "invite" });
      try {
        await invited.start();
        const made = await invited.run({}, ["invite", "--uses", "2", "--days", "3"]);
        expect(made).toMatchObject({ code: 0, output: expect.stringMatching(/^[\w-]{22}\n$/) });
        const invite = made.output.trim();
        const connection = await connect(invited.url, "/as");
        expect(connection.hello.registration).toBe("invite");
        connection.close();
        await expect(signUp(invited.url, "alice")).rejects.toThrow("INVITE_REFUSED");
        await signUp(invited.url, "alice", {}, { invite });
        await signUp(invited.url, "bob", {}, { invite });
        await expect(signUp(invited.url, "carol", {}, { invite })).rejects.toThrow("INVITE_REFUSED");
        expect(invited.output()).not.toContain(invite);
        for (const args of [
          ["--uses", "0"],
          ["--days", "soon"],
          ["--for", "carol"],
        ]) {
          expect(await invited.run({}, ["invite", ...args])).toEqual({
            code: 1,
            output: "ARGUMENT_INVALID: --uses and --days take a number from 1 to 10000.\n",
          });
        }
        expect(await invited.run({}, ["invitation"])).toMatchObject({
          code: 1,
          output: expect.stringContaining("COMMAND_UNKNOWN"),
        });
        await invited.stop();
        await invited.start({ THICKET_REGISTRATION: "closed" });
        await expect(signUp(invited.url, "carol", {}, { invite })).rejects.toThrow("REGISTRATION_CLOSED");
      } finally {
        await invited.dispose();
      }
    },
  );

  it(
    "[RELAY-ROLES-1] each role runs alone, and a Delivery Service takes the keys of an Authentication Service elsewhere",
    { timeout: 240_000 },
    async () => {
      const as = await createRelayProcess({ THICKET_ROLES: "as" });
      const ds = await createRelayProcess({ THICKET_ROLES: "ds", THICKET_AS_KEYS: "00".repeat(32) });
      const web = await createRelayProcess({ THICKET_ROLES: "web" });
      try {
        await as.start();
        const keys = await as.run({}, ["keys"]);
        expect(keys).toMatchObject({ code: 0, output: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
        await ds.start({ THICKET_AS_KEYS: keys.output.trim() });
        await web.start();
        const alice = await signUp(as.url, "alice");
        const connection = await connect(ds.url, "/ds");
        expect(await alice.login(connection, { role: "ds", origin: ds.url })).toEqual({ ok: true });
        expect(await connection.ask("welcome.list", {})).toMatchObject({ ok: true });
        connection.close();
        await expect(connect(as.url, "/ds")).rejects.toThrow("Invalid namespace");
        await expect(connect(ds.url, "/as")).rejects.toThrow("Invalid namespace");
        await expect(connect(web.url, "/as")).rejects.toThrow("Invalid namespace");
        expect((await fetch(`${ds.url}/`)).status).toBe(404);
        expect((await fetch(`${web.url}/readyz`)).status).toBe(200);
      } finally {
        await Promise.all([as, ds, web].map((process) => process.dispose()));
      }
    },
  );
});
