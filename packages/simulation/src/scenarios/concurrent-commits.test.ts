import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-3] Two who invite in one moment both get their way: one epoch each, one Welcome each", async () => {
  const stage = await openStage("concurrent", ["alice", "bob", "carol", "dave", "erin"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  const [dave, erin] = [stage.person("dave"), stage.person("erin")];
  await stage.signUp(alice, bob, carol, dave, erin);
  const group = await stage.startGroup(alice, "race", [bob, carol]);
  await stage.act(alice, { type: "setAdmin", conversationId: group, userId: stage.userId(bob), admin: true });
  const before = stage.view(alice, group).epoch;

  await stage.begin(alice, { type: "inviteMembers", conversationId: group, handles: ["dave"] });
  await stage.begin(bob, { type: "inviteMembers", conversationId: group, handles: ["erin"] });
  await stage.rest();

  for (const person of stage.world.people) {
    expect(stage.view(person, group).epoch).toBe(before + 2);
    expect(stage.view(person, group).members).toHaveLength(5);
  }
  await stage.say(dave, group, "dave is in");
  await stage.say(erin, group, "so is erin");
  expect((await stage.lines(carol, group)).slice(-2)).toEqual(["dave: dave is in", "erin: so is erin"]);
  await stage.end();
});

test("What was typed while a commit of one's own is under way is sent and read", async () => {
  const stage = await openStage("typed during a commit", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "busy", [bob]);

  await stage.begin(alice, { type: "inviteMembers", conversationId: group, handles: ["carol"] });
  await stage.beginSaying(alice, group, "while inviting");
  await stage.beginSaying(bob, group, "at the same time");
  await stage.rest();

  const lines = await stage.lines(bob, group);
  expect(lines.filter((line) => !line.startsWith("(")).toSorted()).toEqual([
    "alice: while inviting",
    "bob: at the same time",
  ]);
  await stage.end();
});
