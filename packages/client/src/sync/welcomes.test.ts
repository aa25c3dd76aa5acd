import { checkKeyPackage, mergeCommit, stageCommit } from "@thicket/mls";
import { fromHex, WelcomeId } from "@thicket/protocol";
import { expect, test } from "vitest";
import { makeKeyPackages } from "../devices/key-packages.ts";
import { SUITE } from "../devices/own-leaf.ts";
import { loadMemory } from "../load-memory.ts";
import { createRuntime } from "../runtime.ts";
import { createSerialQueue } from "../serial-queue.ts";
import { depsFor, NOW, randomFrom } from "../testing/people.ts";
import { bob, openScene } from "../testing/scene.ts";
import { takeWelcomes } from "./welcomes.ts";

type Scene = Awaited<ReturnType<typeof openScene>>;
interface Waiting {
  welcomeId: WelcomeId;
  keyPackageRef: Uint8Array;
  bytes: Uint8Array;
}

/** Bob's client at a relay whose inbox for him is `inbox`, given out in pages of `page`. */
async function withInbox(scene: Scene, inbox: Waiting[], page: number) {
  const never = () => Promise.reject(new Error("not asked here"));
  return createRuntime({
    ports: {
      store: scene.store,
      relay: {
        origin: "https://host.example",
        request: async (name, request) => {
          if (name === "welcome.list") return { ok: true, welcomes: inbox.slice(0, page) };
          if (name !== "welcome.ack" || !("welcomeIds" in request)) return never();
          const done = new Set(request.welcomeIds);
          inbox.splice(0, inbox.length, ...inbox.filter(({ welcomeId }) => !done.has(welcomeId)));
          return { ok: true };
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
      random: randomFrom("bob's inbox"),
      log: () => {},
    },
    memory: await loadMemory(scene.store),
    engine: depsFor("bob's inbox"),
    queue: createSerialQueue(),
    publish: () => {},
  });
}

const waiting = (number: number, keyPackageRef: Uint8Array, bytes: Uint8Array): Waiting => ({
  welcomeId: idOf(number),
  keyPackageRef,
  bytes,
});

function idOf(number: number): WelcomeId {
  const read = WelcomeId["~standard"].validate(number.toString(16).padStart(32, "0"));
  if (read instanceof Promise || read.issues !== undefined) throw new Error("not a Welcome's id");
  return read.value;
}

test("all Welcomes are taken, also those that the relay's first page leaves out", async () => {
  const scene = await openScene();
  const inbox = Array.from({ length: 7 }, (_, number) =>
    waiting(number, new Uint8Array(32).fill(number), scene.welcome),
  );
  const runtime = await withInbox(scene, inbox, 3);
  expect(await takeWelcomes(runtime, () => {})).toBe(true);
  expect(inbox).toEqual([]);
});

test("Welcomes that a member heaps up for its own group don't keep others out", async () => {
  const scene = await openScene();
  const { lastResort } = await scene.run((step) => makeKeyPackages(step, bob, 0, true));
  const [row] = await scene.store.list("keyPackages", { prefix: [] });
  const removed = await stageCommit(scene.atAlice, { remove: [1] }, depsFor("removing"));
  const add = [await checkKeyPackage(lastResort!, { suite: SUITE })];
  const { staged } = await stageCommit(mergeCommit(removed.staged), { add }, depsFor("adding"));
  const heaped = Array.from({ length: 9 }, (_, number) =>
    waiting(number, fromHex(String(row?.key[0])), staged.welcome!),
  );
  const inbox = [...heaped, waiting(9, new Uint8Array(32), scene.welcome)];
  const runtime = await withInbox(scene, inbox, 8);
  await takeWelcomes(runtime, () => {});
  // Some wait, since one of them may be right once this group has ended here.
  expect(inbox.map(({ welcomeId }) => welcomeId)).toEqual([0, 1, 2, 3].map(idOf));
});
