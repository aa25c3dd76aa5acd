import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-2] Three people found a group with only one of them online at a time, and each reads all since joining", async () => {
  const stage = await openStage("founding", ["alice", "bob", "charlie"]);
  const [alice, bob, charlie] = [stage.person("alice"), stage.person("bob"), stage.person("charlie")];
  const alone = async (person: typeof alice) => {
    for (const other of stage.world.people) await stage.world.setOnline(other, other === person);
    await stage.rest();
  };
  for (const person of [alice, bob, charlie]) await stage.world.start(person);

  for (const person of [alice, bob, charlie]) {
    await alone(person);
    await stage.signUp(person);
  }
  await alone(alice);
  const group = await stage.startGroup(alice, "founders", []);
  await stage.say(alice, group, "before bob");
  await stage.act(alice, { type: "inviteMembers", conversationId: group, handles: ["bob"] });
  await stage.say(alice, group, "hello bob");
  await alone(bob);
  await stage.say(bob, group, "hello alice");
  await alone(alice);
  await stage.act(alice, { type: "inviteMembers", conversationId: group, handles: ["charlie"] });
  await stage.say(alice, group, "hello charlie");
  await alone(charlie);
  await stage.say(charlie, group, "hello both");
  await alone(alice);
  await alone(bob);

  const messages = async (person: typeof alice) =>
    (await stage.lines(person, group)).filter((line) => !line.startsWith("("));
  expect(await messages(alice)).toEqual([
    "alice: before bob",
    "alice: hello bob",
    "bob: hello alice",
    "alice: hello charlie",
    "charlie: hello both",
  ]);
  expect(await messages(bob)).toEqual([
    "alice: hello bob",
    "bob: hello alice",
    "alice: hello charlie",
    "charlie: hello both",
  ]);
  expect(await messages(charlie)).toEqual(["alice: hello charlie", "charlie: hello both"]);
  await stage.end();
});
