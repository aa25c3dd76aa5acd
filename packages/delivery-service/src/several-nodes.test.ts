import { setTimeout as wait } from "node:timers/promises";
import { alter, describeWithPostgres, onPostgres, type TestDatabase } from "@thicket/storage/contract";
import { CipherSuiteId, deliveryRequests, toHex } from "@thicket/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRealDevice, deviceFrom, parse, type ScriptedGroup, scriptGroup } from "./testing/index.ts";
import { openForTest, type TestService } from "./testing/open-for-test.ts";

const NODES = 3;

describeWithPostgres("several nodes on one PostgreSQL", () => {
  let made: TestDatabase;
  let nodes: TestService[];
  beforeEach(async () => {
    made = onPostgres();
    nodes = await Promise.all(Array.from({ length: NODES }, () => openForTest(made.location)));
  });
  afterEach(async () => {
    for (const node of nodes) {
      expect(node.faults).toEqual([]);
      await node.close();
    }
    await made.remove();
  });

  const node = (index: number) => nodes[index % NODES] ?? expect.unreachable();
  const group = () => scriptGroup(node(0).operations, node(0).random);
  const append = (at: TestService, { device, appendRequest, founder, first }: ScriptedGroup) =>
    at.operations["group.append"](device, appendRequest(founder, first));

  it("[STORE-NODES-3] append to the same groups at once: one order for all, without holes, each entry told by one node", async () => {
    const groups = [group(), group(), group()] as const;
    for (const each of groups) await each.create();
    const appends = Array.from({ length: 180 }, (_, index) => {
      const each = groups[index % 3] ?? expect.unreachable();
      return append(node(Math.floor(index / 3)), each);
    });
    expect((await Promise.all(appends)).every(({ ok }) => ok)).toBe(true);
    for (const { groupId, founder, device } of groups) {
      const request = parse(deliveryRequests["group.read"].request, {
        ...founder,
        groupId,
        after: 0,
        limit: 256,
      });
      const pages = await Promise.all(
        nodes.map(({ operations }) => operations["group.read"](device, request)),
      );
      for (const page of pages) expect(page).toEqual(pages[0]);
      const [page] = pages;
      const seqs: number[] = page?.ok === true ? page.entries.map(({ seq }) => seq) : [];
      expect(seqs).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
      const told = nodes.flatMap((each) =>
        each.told.flatMap((event) =>
          event.kind === "appended" && event.groupId === groupId ? event.entries.map(({ seq }) => seq) : [],
        ),
      );
      expect(told.toSorted((a, b) => a - b)).toEqual(seqs);
    }
  });

  it("[STORE-NODES-3] are asked for the same commit, the same entry and the same group: one answer", async () => {
    const one = group();
    const created = one.createRequest();
    const creations = nodes.map(({ operations }) => operations["group.create"](one.device, created));
    expect(await Promise.all(creations)).toEqual(nodes.map(() => ({ ok: true, branch: 0 })));
    const other = scriptGroup(node(0).operations, node(0).random);
    const taken = await Promise.all(
      nodes.map(({ operations }, index) =>
        operations["group.create"](one.device, {
          ...other.createRequest(),
          ...(index > 0 && other.newSeat()),
        }),
      ),
    );
    expect(taken.filter(({ ok }) => ok)).toHaveLength(1);
    const entry = one.appendRequest(one.founder, one.first);
    const entries = await Promise.all(
      nodes.map(({ operations }) => operations["group.append"](one.device, entry)),
    );
    expect(entries).toEqual(nodes.map(() => expect.objectContaining({ ok: true, seq: 1 })));
    const commits = await Promise.all(
      nodes.map(({ operations }) =>
        operations["group.commit"](
          one.device,
          one.commitRequest(one.founder, one.first, node(0).random.bytes(32), { add: [one.newSeat()] }),
        ),
      ),
    );
    expect(commits.filter(({ ok }) => ok)).toHaveLength(1);
    expect(commits.flatMap((reply) => (reply.ok ? [] : [reply.error.winner]))).toEqual([2, 2]);
  });

  const suite = parse(CipherSuiteId, 1);
  const createBob = () => createRealDevice(node(0).random, node(0).as, node(0).clock.now);
  type Bob = Awaited<ReturnType<typeof createBob>>;
  const publishOf =
    ({ identity }: Bob) =>
    (at: TestService, keyPackages: Uint8Array[], lastResort?: Uint8Array) =>
      at.operations["keyPackages.publish"](
        identity,
        parse(deliveryRequests["keyPackages.publish"].request, {
          suite,
          keyPackages,
          ...(lastResort && { lastResort }),
        }),
      );

  it("[DS-KEYPACKAGE-1] publish none again that another node is handing out", async () => {
    const bob = await createBob();
    const publish = publishOf(bob);
    const { message } = await bob.keyPackage();
    expect(await publish(node(0), [message])).toMatchObject({ ok: true, count: 1 });
    // What a claim does, with time before its end.
    const claiming = alter(
      made.location,
      `BEGIN;
       WITH gone AS (DELETE FROM key_packages RETURNING ref, not_after)
         INSERT INTO spent_key_packages (ref, not_after) SELECT ref, not_after FROM gone;
       SELECT pg_sleep(1);
       COMMIT`,
    );
    await wait(300);
    expect(await publish(node(1), [message])).toMatchObject({ ok: true, count: 0 });
    await claiming;
  });

  it("[DS-KEYPACKAGE-1] hand out no key package twice, and publish one last resort", async () => {
    const bob = await createBob();
    const publish = publishOf(bob);
    const packages: Uint8Array[] = [];
    for (let index = 0; index < 40; index++) packages.push((await bob.keyPackage()).message);
    const { message: lastResort } = await bob.keyPackage({ lastResort: true });
    const { message: otherLastResort } = await bob.keyPackage({ lastResort: true });
    const published = await Promise.all([
      publish(node(0), packages, lastResort),
      publish(node(1), packages, lastResort),
      publish(node(2), packages.slice(10), otherLastResort),
    ]);
    expect(published.map(({ ok }) => ok)).toEqual([true, true, true]);
    const claims = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        node(index).operations["keyPackages.claim"](deviceFrom(node(index).random), {
          suite,
          devices: [bob.identity],
        }),
      ),
    );
    const got = claims.flatMap((reply) => (reply.ok ? reply.keyPackages : []));
    expect(got).toHaveLength(60);
    const once = got.filter(({ lastResort: last }) => !last).map(({ keyPackage }) => toHex(keyPackage));
    expect(new Set(once).size).toBe(once.length);
    const count = await node(0).operations["keyPackages.count"](bob.identity, { suite });
    expect(count).toEqual({ ok: true, count: 40 - once.length, lastResort: true });
    const lastResorts = got.filter(({ lastResort: last }) => last).map(({ keyPackage }) => toHex(keyPackage));
    expect(new Set(lastResorts).size).toBeLessThanOrEqual(1);
  });
});
