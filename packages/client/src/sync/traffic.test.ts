import { expect, test } from "vitest";
import { foundGroup } from "../groups/create-group.ts";
import { parseGroupId, parseSeq } from "../identity/parse-ids.ts";
import { loadMemory } from "../load-memory.ts";
import { type Store, StoreError } from "../ports.ts";
import { createRuntime } from "../runtime.ts";
import { createSerialQueue } from "../serial-queue.ts";
import { depsFor, NOW, randomFrom } from "../testing/people.ts";
import { bob, openScene } from "../testing/scene.ts";
import { createTraffic } from "./traffic.ts";

test("a group whose rows can't be read keeps no other group from its seat", async () => {
  const scene = await openScene();
  const groupId = parseGroupId("ff".repeat(32));
  await scene.run(async (step) => {
    const founding = { groupId, conversationId: groupId, kind: "group", title: undefined } as const;
    const group = await foundGroup(step, bob, founding);
    step.setGroup({ ...group, row: { ...group.row, membership: { state: "member" }, created: true } });
  });
  const damaged: Store = {
    ...scene.store,
    async list(table, range) {
      if (table === "timeline" && range.prefix[0] === scene.groupId) throw new StoreError("STORE_UNREADABLE");
      return scene.store.list(table, range);
    },
  };
  const never = () => Promise.reject(new Error("not asked here"));
  const one = parseSeq(1);
  const runtime = createRuntime({
    ports: {
      store: damaged,
      relay: {
        origin: "https://host.example",
        request: async (name, request) => {
          if (name !== "group.attach" || !("seats" in request)) return never();
          const results = request.seats.map(({ groupId: seatOf, cursor }) => ({
            attached: true as const,
            groupId: seatOf,
            tips: [],
            headSeq: cursor,
            lowestSeq: one,
            ackedSeq: one,
          }));
          return { ok: true, results };
        },
        login: never,
        listen: () => () => {},
      },
      authentication: {
        origin: "https://host.example",
        request: never,
        login: never,
        listen: () => () => {},
      },
      clock: { now: () => NOW, after: () => () => {} },
      random: randomFrom("bob's traffic"),
      log: () => {},
    },
    memory: await loadMemory(scene.store),
    engine: depsFor("bob's traffic"),
    queue: createSerialQueue(),
    publish: () => {},
  });
  const arrived = Promise.withResolvers<void>();
  const traffic = createTraffic(runtime, { ended: () => {}, arrived: arrived.resolve });
  await traffic.connect();
  await arrived.promise;
  expect(runtime.memory.groups.get(groupId)).toMatchObject({ row: { seated: true }, cursor: { acked: 1 } });
});
