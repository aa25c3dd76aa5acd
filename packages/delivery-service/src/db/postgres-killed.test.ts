import { findPostgres, startPostgres, type TestServer } from "@thicket/storage/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { scriptGroup } from "../testing/index.ts";
import { openForTest } from "../testing/open-for-test.ts";

const SENDERS = 8;
const KILLS = 3;
const WITHIN = { timeout: 50_000, interval: 5 };

describe.skipIf(findPostgres() === undefined)("a PostgreSQL that is killed in the midst of writes", () => {
  let server: TestServer;
  beforeAll(async () => {
    // On the disk, and not the one that other tests share.
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it("[STORE-LOST-2] and comes back loses no acknowledged entry, and writing goes on without a new start", async () => {
    const test = await openForTest({ kind: "postgres", url: server.url });
    const groups = Array.from({ length: SENDERS }, () => scriptGroup(test.operations, test.random));
    for (const group of groups) expect(await group.create()).toMatchObject({ ok: true });
    const acknowledged = groups.map((): number[] => []);
    const refusals = new Set<string>();
    const state = { sending: true, written: 0 };
    const senders = groups.map(async (group, index) => {
      while (state.sending) {
        const request = group.appendRequest(group.founder, group.first);
        // The same request until it is answered: what was stored without an answer is recognised.
        for (;;) {
          const reply = await test.operations["group.append"](group.device, request);
          if (reply.ok) {
            acknowledged[index]?.push(reply.seq);
            state.written++;
            break;
          }
          refusals.add(reply.error.code);
          // As a client does: not at once.
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    });
    const written = async (count: number) => {
      const enough = state.written + count;
      await vi.waitFor(() => expect(state.written).toBeGreaterThanOrEqual(enough), WITHIN);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await written(100);
      await server.kill();
      await vi.waitFor(() => expect(test.service.health()).not.toBe("ok"), WITHIN);
      await server.restart();
    }
    await written(100);
    state.sending = false;
    await Promise.all(senders);
    expect([...refusals]).toEqual(["STORE_FAILED"]);
    expect(test.service.health()).toBe("ok");
    for (const [index, group] of groups.entries()) {
      const seqs: number[] = acknowledged[index] ?? [];
      // Each request was stored once: the log holds what was acknowledged, in order, and nothing else.
      expect(await group.readAll(group.founder)).toEqual(seqs);
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, place) => place + 1));
    }
    await test.close();
  });
});
