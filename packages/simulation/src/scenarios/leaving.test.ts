import { expect, test } from "vitest";
import { openStage } from "./stage.ts";

test("[SIM-6] Carol leaves while nobody commits; Bob's next message is sequenced after the commit and she can't read it", async () => {
  const stage = await openStage("leaving", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "leaving", [bob, carol]);
  await stage.world.setOnline(alice, false);
  await stage.world.setOnline(bob, false);
  await stage.rest();

  await stage.begin(carol, { type: "leaveConversation", conversationId: group });
  await stage.world.run(1_000);
  await stage.world.setOnline(carol, false);
  await stage.world.setOnline(bob, true);
  await stage.world.run(200);
  await stage.beginSaying(bob, group, "carol is gone");
  await stage.rest();
  await stage.world.setOnline(carol, true);
  await stage.world.setOnline(alice, true);
  await stage.rest();

  expect(stage.view(carol, group).membership).toEqual({ state: "left" });
  expect(await stage.lines(carol, group)).not.toContain("bob: carol is gone");
  expect((await stage.lines(alice, group)).slice(-2)).toEqual(["(left)", "bob: carol is gone"]);
  expect(stage.view(alice, group).members).toHaveLength(2);
  await stage.end();
});

test("The only admin who leaves makes the longest-standing other member one", async () => {
  const stage = await openStage("last admin", ["alice", "bob", "carol"]);
  const [alice, bob, carol] = [stage.person("alice"), stage.person("bob"), stage.person("carol")];
  await stage.signUp(alice, bob, carol);
  const group = await stage.startGroup(alice, "handed on", [bob]);
  await stage.act(alice, { type: "inviteMembers", conversationId: group, handles: ["carol"] });

  await stage.act(alice, { type: "leaveConversation", conversationId: group });

  const admins = stage.view(carol, group).members.filter((member) => member.admin);
  expect(admins.map((member) => member.userId)).toEqual([stage.userId(bob)]);
  await stage.act(bob, { type: "renameConversation", conversationId: group, title: "bob's" });
  expect(stage.view(carol, group).title).toBe("bob's");
  await stage.end();
});
