import { expect, test } from "vitest";
import { openStage } from "./scenarios/stage.ts";

test("[SIM-8] A client that goes on from rows older than what it sent reuses a generation, and the watch sees it", async () => {
  const stage = await openStage("old rows", ["alice", "bob"]);
  const { world } = stage;
  const [alice, bob] = [stage.person("alice"), stage.person("bob")];
  await stage.signUp(alice, bob);
  const group = await stage.startGroup(alice, "watched", [bob]);
  await stage.say(alice, group, "first");
  expect(world.seals.reuses()).toEqual([]);

  // What a client would come back with that sends before it writes.
  const before = alice.rows.copy();
  await stage.say(alice, group, "second");
  await world.kill(alice);
  alice.rows = before;
  await world.start(alice);
  expect(world.seals.reuses()).toEqual([]);
  await stage.beginSaying(alice, group, "third");
  await world.run(5_000);

  expect(world.seals.reuses()).toHaveLength(1);
  await world.close();
});

test("A client that dies after every write and starts again from what is durable reuses none", async () => {
  const stage = await openStage("fresh rows", ["alice", "bob"]);
  const { world } = stage;
  const [alice, bob] = [stage.person("alice"), stage.person("bob")];
  await stage.signUp(alice, bob);
  const group = await stage.startGroup(alice, "watched", [bob]);

  for (let round = 0; round < 5; round++) {
    await stage.beginSaying(alice, group, `message ${round}`);
    await world.kill(alice);
    await world.start(alice);
  }
  await stage.rest();

  expect(world.seals.reuses()).toEqual([]);
  expect(world.seals.messages()).toBeGreaterThan(5);
  await stage.end();
});
