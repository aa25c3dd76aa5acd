import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-4] A 1:1 chat that both begin at once becomes one, and nothing that was said in it is lost", async () => {
  const stage = await openStage("both at once", ["alice", "bob"]);
  const [alice, bob] = [stage.person("alice"), stage.person("bob")];
  await stage.signUp(alice, bob);

  const [atAlice, atBob] = [stage.userId(bob), stage.userId(alice)];
  await stage.startBoth(alice, bob);
  // As soon as there is something to type into, and long before either knows of the other's.
  while (alice.asked.length > 0 || bob.asked.length > 0) await stage.world.run(1);
  await stage.beginSaying(alice, atAlice, "alice first");
  await stage.beginSaying(bob, atBob, "bob first");
  await stage.rest();
  await stage.say(alice, atAlice, "and now in one");
  await stage.say(bob, atBob, "in one, yes");

  const said = async (person: typeof alice, id: string) =>
    (await stage.lines(person, id)).filter((line) => !line.startsWith("("));
  const lines = await said(alice, atAlice);
  expect(lines).toEqual(await said(bob, atBob));
  expect(lines.toSorted()).toEqual([
    "alice: alice first",
    "alice: and now in one",
    "bob: bob first",
    "bob: in one, yes",
  ]);
  expect(Object.keys(alice.program?.client.view().conversations ?? {})).toEqual([atAlice]);
  expect(stage.view(alice, atAlice).epochAuthenticator).toBe(stage.view(bob, atBob).epochAuthenticator);
  await stage.end();
});
