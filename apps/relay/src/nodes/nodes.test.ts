import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { scriptGroup, seededRandom } from "@thicket/delivery-service/testing";
import {
  findPostgres,
  findRedis,
  startPostgres,
  startRedis,
  type TestServer,
} from "@thicket/storage/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Connected, type Person, signUp, until } from "../testing/person.ts";
import { createRelayProcess, type RelayProcess } from "../testing/relay-process.ts";

const seqsOf = ({ events }: Connected): number[] =>
  events.entries.flatMap(({ entries }) => entries.map(({ seq }) => seq));
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
/** Starts, outages and looks into the database take their time on a machine that does other things too. */
const PATIENCE = 60_000;

describe.skipIf(findPostgres() === undefined || findRedis() === undefined)(
  "three nodes on one PostgreSQL and one Redis",
  { timeout: 240_000 },
  () => {
    let postgres: TestServer;
    let redis: TestServer;
    const nodes: RelayProcess[] = [];
    let settings: Record<string, string>;
    let alice: Person;
    let bob: Person;
    let seed = 500;
    const opened: Connected[] = [];

    beforeAll(async () => {
      [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
      for (let index = 0; index < 3; index++) nodes.push(await createRelayProcess());
      settings = {
        THICKET_DATABASE: postgres.url,
        THICKET_REDIS: redis.url,
        THICKET_ORIGIN: nodes.map(({ url }) => url).join(","),
        THICKET_DRAIN: "1",
        THICKET_LOG: "info",
        THICKET_LIMIT_KNOCKS: "3",
      };
      const [first, ...others] = nodes;
      await first?.start(settings);
      for (const other of others) await startBeside(other);
      alice = await signUp(node(0).url, "alice");
      bob = await signUp(node(1).url, "bob");
    }, 180_000);
    afterEach(() => {
      for (const { socket } of opened.splice(0)) socket.disconnect();
      for (const each of nodes) expect(each.isRunning(), each.output().slice(-2000)).toBe(true);
    });
    afterAll(async () => {
      await Promise.all(nodes.map((each) => each.dispose()));
      await Promise.all([postgres.stop(), redis.stop()]);
    });

    /** One key for all nodes. */
    async function startBeside(other: RelayProcess, change: Record<string, string> = {}) {
      mkdirSync(other.dataDirectory, { recursive: true });
      const file = "authentication-key.json";
      copyFileSync(join(node(0).dataDirectory, file), join(other.dataDirectory, file));
      await other.start({ ...settings, ...change });
    }
    const node = (index: number): RelayProcess => nodes[index] ?? expect.fail("no such node");
    const readiness = async (index: number) => (await fetch(`${node(index).url}/readyz`)).status;
    async function open(person: Person, index: number) {
      const connection = await person.openDelivery(node(index).url);
      opened.push(connection);
      return connection;
    }
    /** A group of alice at node 0 and bob at node 1, both listening from the first entry after bob was added. */
    async function openGroup() {
      const [at0, at1] = [await open(alice, 0), await open(bob, 1)];
      const group = scriptGroup(at0.operations, seededRandom(seed++));
      expect(await group.create()).toMatchObject({ ok: true });
      expect(await group.attach(group.founder, group.first.epochToken)).toMatchObject({ attached: true });
      const seat = group.newSeat();
      const { next } = await group.commit(group.founder, group.first, { add: [seat] });
      const listen = async (connection: Connected, cursor: number) =>
        connection.ask("group.attach", {
          seats: [{ ...seat, groupId: group.groupId, cursor, epochToken: next.epochToken }],
        });
      expect(await listen(at1, next.branch)).toMatchObject({ results: [{ attached: true }] });
      return { at0, at1, group, seat, next, listen };
    }

    it("[RELAY-NODES-1] an entry written at one node reaches the seats at another; a removed one hears of its removal and then nothing", async () => {
      const { at0, at1, group, seat, next } = await openGroup();
      const elsewhere = scriptGroup(at1.operations, seededRandom(seed - 1));
      await group.append(group.founder, next);
      expect(await elsewhere.append(seat, next)).toMatchObject({ ok: true, seq: 3 });
      await until(() => seqsOf(at1).includes(3) && seqsOf(at0).includes(3), PATIENCE);
      await group.ack(group.founder, 3);
      await elsewhere.ack(seat, 3);
      await until(() => at0.events.acked.some(({ seq }) => seq === 3), PATIENCE);
      const to = [{ ...bob.identity, keyPackageRef: new Uint8Array(32) }];
      const welcomes = [{ bytes: new Uint8Array(50), to }];
      const removal = await group.commit(group.founder, next, { remove: [seat], welcomes });
      await until(() => seqsOf(at1).includes(4), PATIENCE);
      // It waits for the seat that is attached at the other node, which never says that it took the commit.
      expect(at1.events.welcome).toEqual([]);
      await until(() => at1.events.welcome.length > 0, PATIENCE);
      for (let index = 0; index < 5; index++) await group.append(group.founder, removal.next);
      await until(() => seqsOf(at0).includes(9), PATIENCE);
      // A hint on its way would be here before another one that was written after it.
      const { at1: same, group: other, next: last } = await openGroup();
      await other.append(other.founder, last);
      await until(() => seqsOf(same).includes(2), PATIENCE);
      // Some may come twice, none not at all, and nothing after its removal.
      expect([...new Set(seqsOf(at1))]).toEqual([2, 3, 4]);
    });

    it("[RELAY-NODES-2] a node that is killed loses nothing acknowledged, and its clients go on elsewhere", async () => {
      const { at1, group, next, listen } = await openGroup();
      const acknowledged: number[] = [];
      const writing = upTo(150).map(async () => {
        const reply = await group.append(group.founder, next).catch(() => undefined);
        if (reply?.ok) acknowledged.push(reply.seq);
      });
      await until(() => acknowledged.length > 20, PATIENCE);
      await node(0).kill();
      await Promise.all(writing);
      const again = await open(alice, 2);
      const elsewhere = scriptGroup(again.operations, seededRandom(seed - 1));
      const reply = await elsewhere.append(group.founder, next);
      const last = reply.ok ? reply.seq : expect.fail("not appended");
      expect(last).toBeGreaterThan(Math.max(...acknowledged));
      await until(() => seqsOf(at1).includes(last), PATIENCE);
      const third = await open(bob, 2);
      await listen(third, 1);
      await until(() => seqsOf(third).includes(last), PATIENCE);
      expect(seqsOf(third)).toEqual(upTo(last).slice(1));
      await node(0).start(settings);
    });

    it("[RELAY-NODES-3] while Redis is gone chats go on, and when it is back all is as before", async () => {
      const { at0, at1, group, seat, next } = await openGroup();
      await redis.kill();
      await until(async () => (await readiness(0)) === 503, PATIENCE);
      for (let index = 0; index < 3; index++) {
        expect(await group.append(group.founder, next)).toMatchObject({ ok: true });
      }
      // The own node's clients hear at once, the others by its look into the database.
      await until(() => seqsOf(at0).includes(4) && seqsOf(at1).includes(4), PATIENCE);
      await redis.restart();
      await until(async () => (await readiness(0)) === 200 && (await readiness(1)) === 200, PATIENCE);
      await group.append(group.founder, next);
      await until(() => seqsOf(at1).includes(5), PATIENCE);
      const removal = await group.commit(group.founder, next, { remove: [seat] });
      await until(() => seqsOf(at1).includes(6), PATIENCE);
      await group.append(group.founder, removal.next);
      await until(() => seqsOf(at0).includes(7), PATIENCE);
      expect(at1.socket.connected && at0.socket.connected).toBe(true);
    });

    it("[RELAY-NODES-4] while PostgreSQL is gone nothing is acknowledged, and when it is back all go on", async () => {
      const { at0, at1, group, next } = await openGroup();
      const before = await group.append(group.founder, next);
      const as = await createRelayProcess();
      await startBeside(as, { THICKET_ROLES: "as" });
      await postgres.kill();
      const during = await group.append(group.founder, next);
      expect(during).toMatchObject({ ok: false, error: { code: "STORE_FAILED" } });
      await until(async () => (await readiness(0)) === 503 && (await readiness(1)) === 503, PATIENCE);
      expect((await fetch(`${as.url}/readyz`)).status).toBe(503);
      await postgres.restart();
      await until(async () => (await fetch(`${as.url}/readyz`)).status === 200, PATIENCE);
      await as.dispose();
      await until(async () => (await readiness(0)) === 200 && (await readiness(1)) === 200, PATIENCE);
      const after = await until(async () => {
        const reply = await group.append(group.founder, next);
        return reply.ok ? reply : undefined;
      }, PATIENCE);
      await until(() => seqsOf(at1).includes(after.seq), PATIENCE);
      expect(before).toMatchObject({ ok: true, seq: 2 });
      expect(new Set(seqsOf(at0))).toEqual(new Set(upTo(after.seq)));
    });

    it("[RELAY-NODES-6] what is counted for a device is counted over all nodes", async () => {
      const knocks: unknown[] = [];
      for (let index = 0; index < 4; index++) {
        const at = await open(bob, index % 3);
        const request = {
          by: "link",
          linkId: "ab".repeat(32),
          entryId: "cd".repeat(16),
          bytes: new Uint8Array(9),
        };
        knocks.push(await at.ask("group.knock", request));
      }
      const unknown = { ok: false, error: { code: "LINK_UNKNOWN" } };
      const limited = { ok: false, error: { code: "RATE_LIMITED", limit: 3 } };
      expect(knocks).toMatchObject([unknown, unknown, unknown, limited]);
    });

    it("[RELAY-NODES-5] one node after the other restarts while people write, and nothing is lost", async () => {
      const { group, next, listen } = await openGroup();
      const acknowledged: number[] = [];
      const ended = new AbortController();
      const writer = (async () => {
        for (let turn = 0; !ended.signal.aborted; turn = (turn + 1) % 3) {
          const connection = await alice.openDelivery(node(turn).url).catch(() => undefined);
          if (connection === undefined) continue;
          const script = scriptGroup(connection.operations, seededRandom(seed - 1));
          for (let index = 0; index < 4 && !ended.signal.aborted && connection.socket.connected; index++) {
            const reply = await script.append(group.founder, next).catch(() => undefined);
            if (reply?.ok) acknowledged.push(reply.seq);
          }
          connection.close();
        }
      })();
      for (const each of nodes) {
        const written = acknowledged.length;
        await until(() => acknowledged.length > written, PATIENCE);
        expect(await each.stop()).toBe(0);
        await each.start(settings);
      }
      ended.abort();
      await writer;
      const last = Math.max(...acknowledged);
      const reader = await open(bob, 2);
      await listen(reader, 1);
      await until(() => seqsOf(reader).includes(last), PATIENCE);
      const read = new Set(seqsOf(reader));
      expect(acknowledged.filter((seq) => !read.has(seq))).toEqual([]);
    });
  },
);
